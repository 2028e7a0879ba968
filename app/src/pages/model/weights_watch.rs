//! A look at posted weights, on every tab of a model: whoever has a page open is a validator.

use alloy_primitives::Address;
use delea_ledger::message::{Event, Question};
use delea_scoring::epoch_of;
use leptos::prelude::*;
use leptos_router::components::A;

use crate::{
    app::{App, use_app},
    chain::scores::{self, Status},
    components::icons,
    load::use_load,
};

/// Epochs back from now whose posted weights are looked at; older ones have been final for long.
const WATCHED: u64 = 3;
/// Blocks between two looks.
const LOOK_BLOCKS: u64 = 10;

/// A newest epoch whose posted weights are not those of the job log, which is read in this tab for it.
async fn wrong_weights(app: App, model: Address) -> Result<Option<u64>, String> {
    let (rpc, contract) = (app.rpc(), app.config().contracts.scores);
    let now = epoch_of(app.block.get_untracked());
    for epoch in now.saturating_sub(WATCHED)..now {
        let held = scores::epoch(&rpc, contract, model, epoch).await.map_err(|e| e.to_string())?;
        if held.status != Status::Posted || held.doubted {
            continue;
        }
        app.logbook.read(app, model, |_| {}).await?;
        let answer = app.logbook.ask(model, Question::Epoch(epoch), |_| {}).await?;
        if let Event::Epoch(Some(report)) = answer
            && report.root != held.root
        {
            return Ok(Some(epoch));
        }
    }
    Ok(None)
}

/// Warns of posted weights that do not follow from the job log.
#[component]
pub(super) fn WeightsWatch(
    /// The model.
    address: Address,
) -> impl IntoView {
    let app = use_app();
    let wrong =
        use_load(move || Some(app.block.get() / LOOK_BLOCKS), move |_| wrong_weights(app, address));
    move || {
        let epoch = wrong.with(|wrong| wrong.ready().copied().flatten())?;
        Some(view! {
            <div class="callout bad" role="alert" data-testid="weights-warning">
                {icons::alert()}
                <div>
                    <p>{format!("Somebody posted weights for epoch {epoch} that do not follow from the job log. Unless they are doubted, workers are paid wrongly.")}</p>
                    <A href=format!("/model/{address}/scores?epoch={epoch}") attr:class="button">"Compare them"</A>
                </div>
            </div>
        })
    }
}
