//! Named values as horizontal bars.

use leptos::prelude::*;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// Its name.
    pub(crate) name: String,
    /// Its length, from 0 to 1.
    pub(crate) share: f64,
    /// Its value in words.
    pub(crate) value: String,
}

/// A list of bars.
#[component]
pub(crate) fn Bars(
    /// The bars.
    bars: Vec<Bar>,
    /// What they show.
    label: &'static str,
    /// Whether the longest stands out.
    #[prop(default = false)]
    ranked: bool,
    /// `data-testid` of each bar.
    testid: &'static str,
) -> impl IntoView {
    let most = bars.iter().map(|bar| bar.share).fold(0.0, f64::max);
    view! {
        <ul class="bars" aria-label=label>
            {bars
                .into_iter()
                .map(|bar| {
                    let name = bar.name.clone();
                    let first = ranked && bar.share >= most && most > 0.0;
                    view! {
                        <li class="bar" class:bar-first=first data-testid=testid data-name=name>
                            <span class="bar-name">{bar.name}</span>
                            <span class="bar-track" aria-hidden="true">
                                <span style:width=format!("{:.1}%", bar.share.clamp(0.0, 1.0) * 100.0)></span>
                            </span>
                            <span class="bar-value">{bar.value}</span>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
}
