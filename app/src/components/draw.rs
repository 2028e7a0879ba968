//! A sheet to draw on with mouse, pen or finger.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::CanvasRenderingContext2d;

use crate::image::Ink;

/// Sides of the sheet in its own pixels.
const SIDE: u32 = 280;
/// Width of the pen. An eighth of the sheet gives strokes as thick as those of scanned digits.
const PEN: f64 = 26.0;

/// A sheet to draw on.
#[component]
pub(crate) fn DrawCanvas(
    /// Called after each stroke with what is on the sheet, and with nothing once it is cleared.
    on_change: Callback<Option<Ink>>,
    /// Changes when the sheet should be cleared from outside.
    #[prop(into)]
    clear: Signal<u32>,
) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    let last = StoredValue::new(None::<(f64, f64)>);
    let context = move || {
        let canvas = canvas.get_untracked()?;
        canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()
    };
    let wipe = move || {
        if let Some(context) = context() {
            context.clear_rect(0.0, 0.0, f64::from(SIDE), f64::from(SIDE));
        }
    };
    Effect::new(move |before: Option<u32>| {
        let now = clear.get();
        if before.is_some_and(|before| before != now) {
            wipe();
        }
        now
    });
    let place = move |event: &leptos::ev::PointerEvent| {
        let bounds = canvas.get_untracked()?.get_bounding_client_rect();
        let scale = f64::from(SIDE) / bounds.width().max(1.0);
        Some((
            (f64::from(event.client_x()) - bounds.left()) * scale,
            (f64::from(event.client_y()) - bounds.top()) * scale,
        ))
    };
    let line = move |from: (f64, f64), to: (f64, f64)| {
        let Some(context) = context() else { return };
        // Only opacity is read, so the colour is the theme's.
        context.set_stroke_style_str(&colour(&context));
        context.set_line_width(PEN);
        context.set_line_cap("round");
        context.set_line_join("round");
        context.begin_path();
        context.move_to(from.0, from.1);
        context.line_to(to.0, to.1);
        context.stroke();
    };
    let down = move |event: leptos::ev::PointerEvent| {
        if event.button() != 0 {
            return;
        }
        event.prevent_default();
        if let (Some(canvas), Some(at)) = (canvas.get_untracked(), place(&event)) {
            let _ = canvas.set_pointer_capture(event.pointer_id());
            let _ = canvas.focus();
            last.set_value(Some(at));
            // A dot: a line that goes nowhere is not drawn by every browser.
            line(at, (at.0 + 0.1, at.1));
        }
    };
    let moved = move |event: leptos::ev::PointerEvent| {
        if let (Some(from), Some(to)) = (last.get_value(), place(&event)) {
            line(from, to);
            last.set_value(Some(to));
        }
    };
    let up = move |_| {
        if last.get_value().is_none() {
            return;
        }
        last.set_value(None);
        let side = f64::from(SIDE);
        let pixels =
            context().and_then(|context| context.get_image_data(0.0, 0.0, side, side).ok());
        if let Some(pixels) = pixels {
            let ink = Ink::from_alpha(&pixels.data(), SIDE as usize, SIDE as usize);
            on_change.run(Some(ink).filter(|ink| !ink.is_blank()));
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if matches!(event.key().as_str(), "Delete" | "Backspace" | "Escape") {
            event.prevent_default();
            wipe();
            on_change.run(None);
        }
    };
    view! {
        <canvas
            class="draw"
            data-testid="draw-canvas"
            node_ref=canvas
            width=SIDE
            height=SIDE
            tabindex="0"
            role="img"
            aria-label="Sheet to draw on with mouse, pen or finger. Press Delete to clear it. Without drawing you can choose a picture or a sample below."
            on:pointerdown=down
            on:pointermove=moved
            on:pointerup=up
            on:pointercancel=up
            on:keydown=key
        ></canvas>
    }
}

fn colour(context: &CanvasRenderingContext2d) -> String {
    let style = context.canvas().and_then(|canvas| {
        let style = web_sys::window()?.get_computed_style(&canvas).ok()??;
        style.get_property_value("color").ok()
    });
    style.filter(|colour| !colour.is_empty()).unwrap_or_else(|| "#000".to_owned())
}
