//! What goes on after a button was pressed.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Whether it still goes on, and why it did not work. Copy: two handles.
#[derive(Clone, Copy)]
pub(crate) struct Press {
    /// Whether it goes on.
    pub(crate) busy: RwSignal<bool>,
    /// Why it did not work, as a sentence.
    pub(crate) problem: RwSignal<Option<String>>,
}

impl Press {
    /// Nothing was pressed yet.
    pub(crate) fn new() -> Self {
        Self { busy: RwSignal::new(false), problem: RwSignal::new(None) }
    }

    /// Does what the button is for. An error is a sentence, or nothing where the visitor was told already.
    pub(crate) fn run(self, work: impl Future<Output = Result<(), Option<String>>> + 'static) {
        self.busy.set(true);
        self.problem.set(None);
        spawn_local(async move {
            if let Err(reason) = work.await {
                self.problem.try_set(reason);
            }
            self.busy.try_set(false);
        });
    }
}
