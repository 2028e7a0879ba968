//! Addresses as people tell them apart: a pattern, a short form, a button that copies the whole.

use alloy_primitives::{Address, keccak256};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::icons;
use crate::{browser, format};

/// Cells on a side of the pattern; the right half mirrors the left.
const SIDE: usize = 6;
/// Milliseconds that "copied" is shown.
const COPIED_MS: u32 = 1_800;

/// A pattern of an address: the same for the same address, unlike its neighbours.
#[component]
pub(crate) fn Identicon(
    /// Whose.
    address: Address,
) -> impl IntoView {
    let hash = keccak256(address);
    let hue = u32::from(u16::from_be_bytes([hash[0], hash[1]])) % 360;
    let other = (hue + 60 + u32::from(hash[2]) / 2) % 360;
    let (mut first, mut second) = (String::new(), String::new());
    for y in 0..SIDE {
        for x in 0..SIDE / 2 {
            let path = match hash[3 + y * SIDE / 2 + x] % 5 {
                0 | 1 => &mut first,
                2 => &mut second,
                _ => continue,
            };
            for column in [x, SIDE - 1 - x] {
                path.push_str(&format!("M{column} {y}h1v1h-1z"));
            }
        }
    }
    view! {
        <svg class="identicon" viewBox="0 0 6 6" aria-hidden="true" shape-rendering="crispEdges">
            <rect width="6" height="6" fill=format!("hsl({hue} 45% 88%)")/>
            <path d=first fill=format!("hsl({hue} 62% 36%)")/>
            <path d=second fill=format!("hsl({other} 58% 48%)")/>
        </svg>
    }
}

/// Pattern, short form and copy button.
#[component]
pub(crate) fn AddressTag(
    /// Whose.
    address: Address,
) -> impl IntoView {
    let whole = address.to_checksum(None);
    view! {
        <span class="address">
            <Identicon address/>
            <code title=whole.clone()>{format::short_address(&address)}</code>
            <CopyButton text=whole what="address"/>
        </span>
    }
}

/// Copies a text to the clipboard, and says so.
#[component]
pub(crate) fn CopyButton(
    /// What is copied.
    #[prop(into)]
    text: String,
    /// What it is, for the label.
    what: &'static str,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let text = text.clone();
        spawn_local(async move {
            if browser::copy(&text).await {
                copied.try_set(true);
                TimeoutFuture::new(COPIED_MS).await;
                copied.try_set(false);
            }
        });
    };
    view! {
        <button
            type="button"
            class="icon-button small"
            aria-label=move || if copied.get() { "Copied".to_owned() } else { format!("Copy {what}") }
            on:click=copy
        >
            {move || if copied.get() { icons::check().into_any() } else { icons::copy().into_any() }}
        </button>
    }
}
