//! One example of a data set, drawn as the picture or the numbers it is.

use std::sync::Arc;

use delea_model_runtime::spec::Shape;
use leptos::{html, prelude::*};

use super::painted::{Painted, put_rgba};
use crate::{format, image};

/// Numbers shown of an example that is no picture.
const NUMBERS: usize = 4;

/// A picture of an example.
#[component]
pub(crate) fn Picture(
    /// The model's input, one value a pixel and channel.
    #[prop(into)]
    input: Signal<Arc<Vec<f32>>>,
    /// Channels, height, width.
    shape: (usize, usize, usize),
    /// What it shows.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    let (channels, height, width) = shape;
    let canvas = NodeRef::<html::Canvas>::new();
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        let pixels = input.with(|input| image::to_rgba(input, channels, height, width));
        put_rgba(&canvas, &pixels, width as u32, height as u32);
    });
    view! {
        <canvas
            class="picture"
            node_ref=canvas
            width=width
            height=height
            role="img"
            aria-label=move || label.get()
        ></canvas>
    }
}

/// An example as a picture or, where it is none, as its first numbers.
#[component]
pub(crate) fn Example(
    /// The model's input.
    input: Vec<f32>,
    /// Shape of it.
    shape: Shape,
    /// Its target in words.
    #[prop(into)]
    target: String,
    /// Its target as a picture of the studio.
    #[prop(optional_no_strip)]
    picture: Option<Vec<f32>>,
) -> impl IntoView {
    if let Some(picture) = picture {
        let picture = Signal::stored(Arc::new(picture));
        return view! { <Painted picture label="A picture to be painted"/> }.into_any();
    }
    match shape {
        Shape::Image { channels: channels @ (1 | 3), height, width } => view! {
            <Picture
                input=Signal::stored(Arc::new(input))
                shape=(channels, height, width)
                label=target.clone()
            />
            <span class="example-target">{target}</span>
        }
        .into_any(),
        Shape::Tokens { .. } if !target.is_empty() => {
            view! { <span class="example-text">{target}</span> }.into_any()
        }
        _ => {
            let more = if input.len() > NUMBERS { " …" } else { "" };
            let words = input.iter().take(NUMBERS).map(|v| format::number(f64::from(*v)));
            let words = words.collect::<Vec<_>>().join("  ") + more;
            view! {
                <span class="example-numbers">{words}</span>
                <span class="example-target">{target}</span>
            }
            .into_any()
        }
    }
}
