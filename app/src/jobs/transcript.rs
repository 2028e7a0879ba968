//! What work in the tab reports, line by line with its times: for whoever wants to know what takes how long.

use leptos::prelude::*;

/// Lines that are kept.
const KEPT: usize = 400;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    /// Counts lines.
    pub(crate) number: u32,
    /// Time of day here, with tenths of a second: `14:03:07.2`.
    pub(crate) time: String,
    /// What happened.
    pub(crate) words: String,
}

/// Handles to the lines. Copy.
#[derive(Clone, Copy)]
pub(crate) struct Transcript {
    /// The lines, the newest last.
    pub(crate) lines: RwSignal<Vec<Line>>,
}

impl Transcript {
    /// Nothing happened yet.
    pub(crate) fn new() -> Self {
        Self { lines: RwSignal::new(Vec::new()) }
    }

    /// Adds a line.
    pub(crate) fn write(self, words: impl Into<String>) {
        let time = js_sys::Date::new_0();
        let time = format!(
            "{:02}:{:02}:{:02}.{}",
            time.get_hours(),
            time.get_minutes(),
            time.get_seconds(),
            time.get_milliseconds() / 100
        );
        self.lines.update(|lines| {
            let number = lines.last().map_or(0, |line| line.number + 1);
            lines.push(Line { number, time, words: words.into() });
            if lines.len() > KEPT {
                lines.remove(0);
            }
        });
    }

    /// All lines as a text.
    pub(crate) fn text(self) -> String {
        self.lines.with_untracked(|lines| {
            lines.iter().map(|line| format!("{} {}\n", line.time, line.words)).collect()
        })
    }
}
