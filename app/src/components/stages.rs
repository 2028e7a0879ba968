//! Steps of something that takes a while: done, going on, to come.

use leptos::prelude::*;

use super::icons;

/// The list; nothing while `now` is none.
#[component]
pub(crate) fn Stages(
    /// The steps, in order.
    names: &'static [&'static str],
    /// The one that goes on.
    #[prop(into)]
    now: Signal<Option<usize>>,
) -> impl IntoView {
    move || {
        let now = now.get()?;
        let items = names.iter().enumerate().map(|(i, name)| {
            let (icon, class) = match i.cmp(&now) {
                std::cmp::Ordering::Less => (icons::check().into_any(), "done"),
                std::cmp::Ordering::Equal => (icons::spinner().into_any(), "now"),
                std::cmp::Ordering::Greater => {
                    (view! { <span class="dot"></span> }.into_any(), "later")
                }
            };
            view! { <li class=class>{icon}<span>{*name}</span></li> }
        });
        Some(view! { <ol class="stages" role="status">{items.collect_view()}</ol> })
    }
}
