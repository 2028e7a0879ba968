//! What of a file goes where.

use delea_model_runtime::message::Match;
use leptos::prelude::*;

/// What the network needs beside what the file has.
#[component]
pub(crate) fn Matches(
    /// One row a parameter.
    matches: Vec<Match>,
) -> impl IntoView {
    let side = |side: Option<(String, Vec<usize>)>| match side {
        Some((name, shape)) => {
            let shape: Vec<_> = shape.iter().map(usize::to_string).collect();
            view! { <code>{name}</code> " " <span class="muted">{shape.join(" × ")}</span> }
                .into_any()
        }
        None => view! { <span class="muted">"—"</span> }.into_any(),
    };
    let rows = matches.into_iter().map(|row| {
        view! {
            <tr class:bad=!row.fits>
                <td>{side(row.wanted)}</td>
                <td>{side(row.found)}</td>
                <td>{if row.fits { "fits" } else { "does not fit" }}</td>
            </tr>
        }
    });
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Parameters">
            <table class="table" data-testid="matches">
                <thead>
                    <tr>
                        <th scope="col">"The network needs"</th>
                        <th scope="col">"The file has"</th>
                        <th scope="col"></th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}
