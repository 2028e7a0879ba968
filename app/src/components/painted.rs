//! A picture of the studio on a canvas.

use std::sync::Arc;

use leptos::{html, prelude::*};
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use crate::image;

/// A painted picture.
#[component]
pub(crate) fn Painted(
    /// `[channel, row, column]`, four channels with alpha multiplied in, each number in [-1, 1].
    #[prop(into)]
    picture: Signal<Arc<Vec<f32>>>,
    /// What it shows.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        if let Some(canvas) = canvas.get() {
            picture.with(|picture| put(&canvas, picture));
        }
    });
    view! { <canvas class="painted" node_ref=canvas role="img" aria-label=move || label.get()></canvas> }
}

/// Puts a picture on a canvas of its size.
pub(crate) fn put(canvas: &HtmlCanvasElement, picture: &[f32]) {
    let side = image::painted_side(picture) as u32;
    canvas.set_width(side);
    canvas.set_height(side);
    put_rgba(canvas, &image::painted(picture), side, side);
}

/// Puts RGBA pixels on a canvas of their size.
pub(super) fn put_rgba(canvas: &HtmlCanvasElement, rgba: &[u8], width: u32, height: u32) {
    let data = ImageData::new_with_u8_clamped_array_and_sh(Clamped(rgba), width, height);
    let context = canvas.get_context("2d").ok().flatten();
    let context = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok());
    if let (Some(context), Ok(data)) = (context, data) {
        let _ = context.put_image_data(&data, 0.0, 0.0);
    }
}
