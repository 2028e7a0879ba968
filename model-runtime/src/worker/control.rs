//! What the page wants of the job that runs, and how the job hears it between steps.

use std::{cell::RefCell, rc::Rc};

use futures_channel::oneshot;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::MessageChannel;

/// What the page asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Go on.
    Run,
    /// Stop after this step and wait.
    Pause,
    /// End the job.
    Cancel {
        /// Keep its checkpoint.
        keep_checkpoint: bool,
    },
}

/// Shared between the job and the requests that arrive while it runs.
#[derive(Clone, Default)]
pub(super) struct Control(Rc<RefCell<Option<State>>>);

struct State {
    wish: Wish,
    waiting: Option<oneshot::Sender<()>>,
}

impl Control {
    /// Begins a job; false if one runs.
    pub(super) fn begin(&self) -> bool {
        let mut state = self.0.borrow_mut();
        let free = state.is_none();
        if free {
            *state = Some(State { wish: Wish::Run, waiting: None });
        }
        free
    }

    /// Ends the job.
    pub(super) fn end(&self) {
        *self.0.borrow_mut() = None;
    }

    /// Changes the wish, waking a job that waits; false if none runs.
    pub(super) fn set(&self, wish: Wish) -> bool {
        let mut state = self.0.borrow_mut();
        let Some(state) = state.as_mut() else { return false };
        state.wish = wish;
        if let (Some(waiting), true) = (state.waiting.take(), wish != Wish::Pause) {
            // The receiver can only be gone if the job is, and then there is nobody to wake.
            let _ = waiting.send(());
        }
        true
    }

    /// The wish.
    pub(super) fn wish(&self) -> Wish {
        self.0.borrow().as_ref().map_or(Wish::Cancel { keep_checkpoint: true }, |state| state.wish)
    }

    /// Waits until the wish is no longer to pause.
    pub(super) async fn wait(&self) {
        let (sender, receiver) = oneshot::channel();
        match self.0.borrow_mut().as_mut() {
            Some(state) if state.wish == Wish::Pause => state.waiting = Some(sender),
            _ => return,
        }
        let _ = receiver.await;
    }
}

/// Lets messages that have arrived be handled. A message channel, unlike a timer, is not slowed down
/// in a background tab.
pub(super) async fn breathe() {
    let Ok(channel) = MessageChannel::new() else { return };
    let (sender, receiver) = oneshot::channel();
    let on_message = Closure::once(move |_: JsValue| {
        let _ = sender.send(());
    });
    channel.port1().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    if channel.port2().post_message(&JsValue::NULL).is_ok() {
        let _ = receiver.await;
    }
    channel.port1().close();
}
