//! When this computer may work: on mains power, while nobody uses it, and in one tab at a time.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;

/// Milliseconds without a key or pointer after which a computer counts as idle; the least that browsers allow.
const IDLE_MS: u32 = 60_000;
/// The lock that one tab of the browser holds.
const LOCK: &str = "delea-work";

fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|found| !found.is_undefined())
}

async fn call(object: &JsValue, name: &str, with: &Array) -> Option<JsValue> {
    let method: Function = get(object, name)?.dyn_into().ok()?;
    let answer = Reflect::apply(&method, object, with).ok()?;
    match answer.dyn_into::<Promise>() {
        Ok(promise) => JsFuture::from(promise).await.ok(),
        Err(answer) => Some(answer),
    }
}

fn navigator() -> Option<JsValue> {
    web_sys::window().map(|window| window.navigator().into())
}

/// Whether the computer runs on mains power; nothing where the browser does not say.
pub(crate) async fn on_mains() -> Option<bool> {
    let battery = call(&navigator()?, "getBattery", &Array::new()).await?;
    get(&battery, "charging")?.as_bool()
}

/// What says whether anybody uses the computer.
pub(crate) struct Idle(JsValue);

impl Idle {
    /// Asks the visitor for the permission that it takes, which only a click may do. Nothing where the browser cannot
    /// tell, or the visitor declines.
    pub(crate) async fn ask() -> Option<Self> {
        let class = get(&js_sys::global(), "IdleDetector")?;
        let answer = call(&class, "requestPermission", &Array::new()).await?;
        if answer.as_string().as_deref() != Some("granted") {
            return None;
        }
        Self::start(&class).await
    }

    /// The same with a permission that was given before.
    pub(crate) async fn resume() -> Option<Self> {
        Self::start(&get(&js_sys::global(), "IdleDetector")?).await
    }

    async fn start(class: &JsValue) -> Option<Self> {
        let detector = Reflect::construct(class.unchecked_ref::<Function>(), &Array::new()).ok()?;
        let options = Object::new();
        Reflect::set(&options, &"threshold".into(), &IDLE_MS.into()).ok()?;
        call(&detector, "start", &Array::of1(&options)).await?;
        Some(Self(detector))
    }

    /// Whether nobody uses it.
    pub(crate) fn is_idle(&self) -> bool {
        let is = |name: &str, value: &str| {
            get(&self.0, name)
                .and_then(|state| state.as_string())
                .is_some_and(|state| state == value)
        };
        is("userState", "idle") || is("screenState", "locked")
    }
}

/// A lock that only one tab of this browser holds, until it is closed or lets go.
pub(crate) struct Lock(Function);

impl Lock {
    /// Takes it; nothing if another tab has it. Where the browser knows no locks, every tab has one.
    pub(crate) async fn take() -> Option<Self> {
        let Some(locks) = navigator().and_then(|navigator| get(&navigator, "locks")) else {
            return Some(Self(Function::new_no_args("")));
        };
        let options = Object::new();
        Reflect::set(&options, &"ifAvailable".into(), &true.into()).ok()?;
        let request: Function = get(&locks, "request")?.dyn_into().ok()?;
        // The lock is held until the promise that the callback returns is resolved.
        let taken = JsFuture::from(Promise::new(&mut |taken: Function, _| {
            let held = Closure::once_into_js(move |lock: JsValue| {
                if lock.is_null() {
                    let _ = taken.call1(&JsValue::NULL, &JsValue::NULL);
                    return JsValue::UNDEFINED;
                }
                Promise::new(&mut |release: Function, _| {
                    let _ = taken.call1(&JsValue::NULL, &release);
                })
                .into()
            });
            let _ = Reflect::apply(&request, &locks, &Array::of3(&LOCK.into(), &options, &held));
        }))
        .await
        .ok()?;
        taken.dyn_into().ok().map(Self)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.call0(&JsValue::NULL);
    }
}
