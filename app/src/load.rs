//! Values that must be fetched first, and the hook that fetches them again when their key changes.

use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// A value that is on its way, here, or not to be had.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Load<T> {
    /// On its way.
    #[default]
    Waiting,
    /// Here.
    Ready(T),
    /// Not to be had; why.
    Failed(String),
}

impl<T> Load<T> {
    /// The value, if it is here.
    pub(crate) fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }
}

/// Fetches a value now and whenever `key` changes; `None` as key waits. A value on view stays until
/// the next one is here, so nothing flickers, and stays too when fetching it again fails.
pub(crate) fn use_load<K, T, F, E>(
    key: impl Fn() -> Option<K> + 'static,
    fetch: impl Fn(K) -> F + 'static,
) -> RwSignal<Load<T>>
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, E>> + 'static,
    E: ToString + 'static,
{
    let value = RwSignal::new(Load::Waiting);
    let latest = StoredValue::new(0u32);
    let last_key = StoredValue::new(None::<K>);
    Effect::new(move |_| {
        let key = key();
        if last_key.with_value(|last| *last == key) {
            return;
        }
        last_key.set_value(key.clone());
        let Some(key) = key else { return };
        latest.update_value(|n| *n = n.wrapping_add(1));
        let mine = latest.get_value();
        let future = fetch(key);
        spawn_local(async move {
            let result = future.await;
            // A newer fetch is under way, or the page that asked is gone.
            if latest.try_get_value() != Some(mine) {
                return;
            }
            match result {
                Ok(found) => {
                    let same = value.try_with_untracked(|v| v.ready() == Some(&found));
                    if same == Some(false) {
                        value.set(Load::Ready(found));
                    }
                }
                Err(error) => {
                    if value.try_with_untracked(|v| v.ready().is_none()) == Some(true) {
                        value.set(Load::Failed(error.to_string()));
                    }
                }
            }
        });
    });
    value
}
