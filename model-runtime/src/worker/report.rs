//! Crashes and driver complaints, brought to where a person sees them.

use std::cell::RefCell;

use wasm_bindgen::JsValue;

use super::port;
use crate::{RuntimeError, message::Event};

thread_local! {
    static FAULT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes a panic tell the page before the worker stops.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|info| {
        log(&info.to_string());
        let reason = format!("the worker stopped: {info}");
        port::post(0, Event::Failed { error: RuntimeError::Device { reason } });
    }));
    #[cfg(feature = "gpu")]
    gpu::install();
}

/// One line on the browser's console.
pub(super) fn log(line: &str) {
    let console = js_sys::Reflect::get(&js_sys::global(), &"console".into());
    let function = console.and_then(|console| js_sys::Reflect::get(&console, &"error".into()));
    if let Ok(function) = function.map(js_sys::Function::from) {
        drop(function.call1(&JsValue::NULL, &line.into()));
    }
}

/// Remembers the first thing a driver complained of.
#[cfg(feature = "gpu")]
pub(super) fn set_fault(reason: String) {
    log(&reason);
    FAULT.with(|fault| {
        fault.borrow_mut().get_or_insert(reason);
    });
}

/// The driver's complaint, if there is one.
///
/// # Errors
/// [`RuntimeError::Device`] with it.
#[cfg(feature = "engine")]
pub(super) fn check() -> Result<(), RuntimeError> {
    FAULT.with(|fault| match &*fault.borrow() {
        Some(reason) => Err(RuntimeError::Device { reason: reason.clone() }),
        None => Ok(()),
    })
}

#[cfg(feature = "gpu")]
mod gpu {
    /// An invalid shader is only logged, and what it should have computed is left out
    /// (tracel-ai/cubecl#1641): an error in the log is therefore a fault of the device.
    struct Bridge;

    impl log::Log for Bridge {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.level() <= log::Level::Error
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                super::set_fault(format!("the graphics driver refused work: {}", record.args()));
            }
        }

        fn flush(&self) {}
    }

    pub(super) fn install() {
        if log::set_logger(&Bridge).is_ok() {
            log::set_max_level(log::LevelFilter::Error);
        }
    }
}
