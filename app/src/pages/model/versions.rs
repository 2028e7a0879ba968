//! The versions as a tree: which came from which, which is in use, and the way back.

use delea_model_runtime::{
    content::Digest,
    message::{Event, ExportFormat, Request},
};
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen_futures::spawn_local;

use super::{ModelView, rollback};
use crate::{
    app::use_app,
    browser,
    chain::{contracts::Version, seats::Rank},
    components::{
        address::AddressTag,
        icons,
        plot::{Plot, Series, Unit},
        toasts::Kind,
    },
    format,
    jobs::trainer::sentence,
    store::blobs,
};

/// A version's place in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Whether the version in use came from it.
    current: bool,
    /// Column: 0 for the line that leads to the version in use.
    lane: usize,
}

/// Places of versions in ascending order. Parents outside the list count as the line in use.
fn places(versions: &[Version], head: u32) -> Vec<Place> {
    let first = versions.first().map_or(0, |v| v.id);
    let index = |id: u32| id.checked_sub(first).map(|i| i as usize).filter(|i| *i < versions.len());
    let mut current = vec![false; versions.len()];
    let mut at = index(head);
    while let Some(i) = at {
        current[i] = true;
        at = (versions[i].id != 0).then(|| index(versions[i].parent)).flatten();
    }
    let mut lanes: Vec<usize> = Vec::with_capacity(versions.len());
    // The lanes whose newest version has a child in them already.
    let mut taken = vec![false; versions.len()];
    let mut next = 1;
    for (i, version) in versions.iter().enumerate() {
        let parent = (version.id != 0).then(|| index(version.parent)).flatten();
        let lane = match parent {
            _ if current[i] => 0,
            Some(parent) if !current[parent] && !taken[parent] => {
                taken[parent] = true;
                lanes[parent]
            }
            _ => {
                next += 1;
                next - 1
            }
        };
        lanes.push(lane);
    }
    current.into_iter().zip(lanes).map(|(current, lane)| Place { current, lane }).collect()
}

/// All versions, newest first, and how they got better.
#[component]
pub(super) fn Versions(
    /// The model.
    model: ModelView,
) -> impl IntoView {
    let versions = Memo::new(move |_| model.detail.with(|d| d.versions.clone()));
    let head = Memo::new(move |_| model.detail.with(|d| d.summary.head));
    let series = Signal::derive(move || {
        let points = versions.with(|versions| {
            versions.iter().map(|v| (f64::from(v.id), f64::from(v.accuracy_ppm) / 1e6)).collect()
        });
        vec![Series::new(model.measure(), points)]
    });
    let words = Signal::derive(move || {
        versions.with(|versions| match versions.last() {
            Some(last) => format!(
                "{} versions; of the last one published: {}, {}.",
                versions.len(),
                model.measure().to_lowercase(),
                format::ppm(last.accuracy_ppm)
            ),
            None => String::new(),
        })
    });
    let list = move || {
        let head = head.get();
        let versions = versions.get();
        let places = places(&versions, head);
        let items = versions.into_iter().zip(places).rev().map(|(version, place)| {
            view! { <VersionItem model head=version.id == head version place/> }
        });
        items.collect_view()
    };
    view! {
        <section class="panel">
            <h2>"Versions"</h2>
            <Show when=move || versions.with(|v| v.len() > 2)>
                <Plot title=format!("{} by version", model.measure()) series x_label="version" unit=Unit::Share summary=words testid="versions-plot"/>
            </Show>
            <ol class="versions" data-testid="versions" reversed=true>{list}</ol>
        </section>
    }
}

/// One version.
#[component]
fn VersionItem(
    /// The model.
    model: ModelView,
    /// The version.
    version: Version,
    /// Whether it is the one in use.
    head: bool,
    /// Its place in the tree.
    place: Place,
) -> impl IntoView {
    let app = use_app();
    let genesis = version.id == 0;
    let words = move || {
        let score = format!("{}: {}", model.measure(), format::ppm(version.accuracy_ppm));
        match (genesis, version.job) {
            (true, _) => "The first parameters".to_owned(),
            (false, 0) => {
                format!("{score}; the average of several trainings of version {}", version.parent)
            }
            (false, _) => format!("{score}; trained from version {}", version.parent),
        }
    };
    let (id, digest) = (version.id, version.parameters);
    let older = move || model.detail.with(|d| id < d.summary.head);
    let go_back = move |_| spawn_local(rollback::request(app, model, id));
    let badge = match (head, place.current) {
        (true, _) => Some(("badge", "in use")),
        (false, false) => Some(("badge", "set aside")),
        _ => None,
    };
    let download = move |event| {
        let chosen = event_target_value(&event);
        let select = event_target::<web_sys::HtmlSelectElement>(&event);
        select.set_selected_index(0);
        if let Some((_, extension, format)) = FORMATS.iter().find(|(name, ..)| *name == chosen) {
            spawn_local(save(app, model, id, digest, extension, *format));
        }
    };
    let formats = FORMATS.iter().map(|(name, ..)| view! { <option value=*name>{*name}</option> });
    view! {
        <li
            class="version"
            class:head=head
            class:aside=!place.current
            style:margin-inline-start=format!("{}rem", place.lane.min(4) as f64 * 1.5)
            data-testid="version"
            data-id=id.to_string()
        >
            <span class="version-number">{format!("v{id}")}</span>
            <div class="version-text">
                <span>{words} " " {badge.map(|(class, text)| view! { <span class=class>{text}</span> })}</span>
                <span class="version-facts">
                    <AddressTag address=version.author/>
                    {(version.job != 0).then(|| view! { <A href=format!("/job/{}", version.job)>{format!("job {}", version.job)}</A> })}
                </span>
            </div>
            <Show when=move || older() && model.rank.get() != Rank::Nobody>
                <button class="button quiet" data-testid="go-back" on:click=go_back aria-label=format!("Go back to version {id}")>
                    {icons::undo()} <span>"Go back"<span class="wide-only">" to this"</span></span>
                </button>
            </Show>
            <select
                class="select"
                data-testid="download"
                aria-label=format!("Download version {id}")
                on:change=download
            >
                <option value="">"Download…"</option>
                {formats.collect_view()}
            </select>
        </li>
    }
}

/// What a version can be saved as: in words, its file's extension, and how a worker makes it; nothing where the parameter
/// file itself is meant.
const FORMATS: [(&str, &str, Option<ExportFormat>); 3] = [
    ("Parameters (safetensors)", "safetensors", None),
    ("Network and parameters (ONNX)", "onnx", Some(ExportFormat::Onnx)),
    ("Parameters (Burn pack)", "bpk", Some(ExportFormat::Burnpack)),
];

async fn save(
    app: crate::app::App,
    model: ModelView,
    id: u32,
    digest: Digest,
    extension: &str,
    format: Option<ExportFormat>,
) {
    let toast = app.toasts.push(Kind::Progress, format!("Fetching version {id}…"));
    match file(app, model, digest, format).await {
        Ok(bytes) => {
            browser::download(&format!("{}-v{id}.{extension}", model.symbol()), &bytes);
            toast.update(Kind::Success, format!("Version {id} was saved."));
        }
        Err(error) => toast.update(Kind::Error, sentence(&error)),
    }
}

async fn file(
    app: crate::app::App,
    model: ModelView,
    digest: Digest,
    format: Option<ExportFormat>,
) -> Result<Vec<u8>, String> {
    let bytes = blobs::get(&app.config(), digest, "the parameter file").await;
    let bytes = bytes.map_err(|e| e.to_string())?;
    let Some(format) = format else { return Ok(bytes) };
    let manifest = model.manifest.with_untracked(|m| m.ready().cloned());
    let spec = manifest.ok_or("the model’s description is not here yet")?.spec.clone();
    let worker = app.pool.importer().await.map_err(|e| e.to_string())?;
    let request = Request::Export { spec, parameters: bytes.into(), format };
    match worker.ask(request).await.map_err(|e| e.to_string())? {
        Event::Exported { file } => Ok(file.into_vec()),
        _ => Err("the worker gave an unexpected answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;

    fn version(id: u32, parent: u32) -> Version {
        Version {
            id,
            parameters: Digest([0; 32]),
            parent,
            accuracy_ppm: 0,
            author: Address::ZERO,
            block: 0,
            job: 0,
        }
    }

    fn lanes(parents: &[u32], head: u32) -> Vec<(bool, usize)> {
        let versions: Vec<_> =
            parents.iter().enumerate().map(|(i, p)| version(i as u32, *p)).collect();
        places(&versions, head).into_iter().map(|p| (p.current, p.lane)).collect()
    }

    #[test]
    fn one_line_stays_in_its_column() {
        assert_eq!(lanes(&[0, 0, 1, 2], 3), [(true, 0); 4]);
    }

    #[test]
    fn what_was_set_aside_gets_a_column_of_its_own() {
        // 1 and 2 were set aside by going back to 0; then 3 was trained from 0 and 4 from 3.
        let found = lanes(&[0, 0, 1, 0, 3], 4);
        assert_eq!(found, [(true, 0), (false, 1), (false, 1), (true, 0), (true, 0)]);
        // Two branches, each in its own column.
        let found = lanes(&[0, 0, 0, 0], 3);
        assert_eq!(found, [(true, 0), (false, 1), (false, 2), (true, 0)]);
    }

    #[test]
    fn a_head_in_the_middle_sets_aside_what_came_after() {
        assert_eq!(lanes(&[0, 0, 1], 1), [(true, 0), (true, 0), (false, 1)]);
    }

    #[test]
    fn a_list_that_begins_late_has_a_line_in_use() {
        let versions = [version(7, 6), version(8, 7)];
        assert!(places(&versions, 8).iter().all(|p| p.current && p.lane == 0));
    }
}
