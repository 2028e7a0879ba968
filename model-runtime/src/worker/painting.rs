//! Paints a picture step by step, so that the page is heard and told between them.

use super::{
    control::{Control, Wish, breathe},
    report,
    training::now,
};
use crate::{
    RuntimeError,
    engine::{
        Device,
        flow::{Painting, Start, adapter},
        provided,
    },
    limits::MAX_ADAPTERS,
    message::{Event, PaintJob},
    studio::Ask,
};

/// Milliseconds between two progress events.
const PROGRESS_MS: f64 = 100.0;

/// Paints to the end, to a cancel, or to an error.
pub(super) async fn run(
    job: PaintJob,
    device: Device,
    control: &Control,
    emit: &mut dyn FnMut(Event),
) {
    let last = match paint(job, device, control, emit).await {
        Ok(event) => event,
        // The driver's own complaint says more than the failed read that followed it.
        Err(error) => Event::Failed { error: report::check().err().unwrap_or(error) },
    };
    emit(last);
}

async fn paint(
    job: PaintJob,
    device: Device,
    control: &Control,
    emit: &mut dyn FnMut(Event),
) -> Result<Event, RuntimeError> {
    if job.adapters.len() > MAX_ADAPTERS {
        let expected = format!("at most {MAX_ADAPTERS}");
        return Err(RuntimeError::bounds("adapters", job.adapters.len(), expected));
    }
    let network = provided(&job.painter, job.base, &device)?;
    let (mut wardrobe, mut words) = (Vec::new(), job.painter.words.count());
    for worn in job.adapters {
        words += worn.painter.new_words();
        wardrobe.push((adapter(&worn.painter, &worn.parameters, &device)?, worn.scale));
    }
    let ask = Ask::read(&job.ask, words)?;
    let start =
        job.start.map(|(picture, strength)| Start { picture: picture.into_vec(), strength });
    let mut painting = Painting::new(&network, wardrobe, &[ask], start.as_ref(), &device)?;
    let mut told = now();
    while !painting.is_done() {
        if let Wish::Cancel { .. } = control.wish() {
            return Ok(Event::Cancelled { step: painting.progress().0 });
        }
        painting.advance();
        report::check()?;
        let (step, steps) = painting.progress();
        let shown = job.preview_every > 0 && step.is_multiple_of(job.preview_every);
        if shown || now() - told >= PROGRESS_MS {
            told = now();
            let preview = match shown {
                true => painting.pictures().await?.concat(),
                false => Vec::new(),
            };
            emit(Event::Painted { step, steps, preview: preview.into() });
        }
        breathe().await;
    }
    let rows = painting.pictures().await?;
    report::check()?;
    Ok(Event::outputs(rows))
}
