//! Icons: strokes on a 24 grid in the text's colour, hidden from screen readers.

use leptos::prelude::*;

fn icon(path: &'static str) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor"
            stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
            <path d=path/>
        </svg>
    }
}

/// A tick.
pub(crate) fn check() -> impl IntoView {
    icon("M4 12.5 9.5 18 20 6.5")
}

/// A cross.
pub(crate) fn cross() -> impl IntoView {
    icon("M6 6 18 18M18 6 6 18")
}

/// An exclamation mark in a triangle.
pub(crate) fn alert() -> impl IntoView {
    icon("M12 4 2.8 20h18.4zM12 10v4.5M12 17.4v.1")
}

/// An i in a circle.
pub(crate) fn info() -> impl IntoView {
    icon("M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5.5M12 7.6v.1")
}

/// Two sheets.
pub(crate) fn copy() -> impl IntoView {
    icon("M9 9h11v11H9zM15 9V4H4v11h5")
}

/// A sun.
pub(crate) fn sun() -> impl IntoView {
    icon(
        "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
    )
}

/// A moon.
pub(crate) fn moon() -> impl IntoView {
    icon("M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z")
}

/// An arrow to the right.
pub(crate) fn arrow() -> impl IntoView {
    icon("M4 12h15M13 6l6 6-6 6")
}

/// An arrow that turns back.
pub(crate) fn undo() -> impl IntoView {
    icon("M8 5 4 9l4 4M4 9h10a6 6 0 0 1 0 12h-4")
}

/// An arrow down into a tray.
pub(crate) fn download() -> impl IntoView {
    icon("M12 3v12M7 10.5 12 15.5 17 10.5M4 20h16")
}

/// An arrow up out of a tray.
pub(crate) fn upload() -> impl IntoView {
    icon("M12 16V4M7 8.5 12 3.5 17 8.5M4 20h16")
}

/// A wallet.
pub(crate) fn wallet() -> impl IntoView {
    icon("M4 7h15a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h11M16 13h.1")
}

/// A turning arc.
pub(crate) fn spinner() -> impl IntoView {
    view! {
        <svg class="icon spinner" viewBox="0 0 24 24" aria-hidden="true" fill="none"
            stroke="currentColor" stroke-width="2.5" stroke-linecap="round">
            <path d="M12 3a9 9 0 1 1-8.2 5.3"/>
        </svg>
    }
}

/// The mark: three layers, each reaching further.
pub(crate) fn mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
            <rect class="mark-back" width="32" height="32" rx="9"/>
            <g class="mark-lines" fill="none" stroke-width="2.6" stroke-linecap="round">
                <path d="M8 22.5c5 0 5-13 16-13"/>
                <path d="M8 16.5c4 0 5 3.5 8.5 3.5S21 16 24 16"/>
            </g>
            <circle class="mark-dot" cx="24" cy="9.5" r="2.9"/>
        </svg>
    }
}
