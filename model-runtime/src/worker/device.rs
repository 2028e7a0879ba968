//! Opening the device of this binary's tier.

use crate::{
    RuntimeError,
    engine::{Device, probe},
    message::{DeviceReport, Tier},
};

/// The device, after it has shown that it computes right.
///
/// # Errors
/// [`RuntimeError::Device`] with the reason.
#[cfg(not(feature = "gpu"))]
pub(super) async fn open() -> Result<(Device, DeviceReport), RuntimeError> {
    let device = Device::flex();
    probe(&device).await?;
    Ok((
        device,
        DeviceReport { tier: Tier::Cpu, name: "CPU (WebAssembly, SIMD)".into(), software: false },
    ))
}

/// The device, after it has shown that it computes right.
///
/// # Errors
/// [`RuntimeError::Device`] with the reason.
#[cfg(feature = "gpu")]
pub(super) async fn open() -> Result<(Device, DeviceReport), RuntimeError> {
    use burn::tensor::wgpu::{MemoryConfiguration, wgpu};

    gpu::check_adapter().await?;
    let (device, setup) = Device::wgpu_options()
        // Pages that are reused only whole: sliced ones grew without end (tracel-ai/burn#2042).
        .memory_config(MemoryConfiguration::ExclusivePages)
        .tasks_max(gpu::TASKS_MAX)
        .init_with_setup_async()
        .await
        .map_err(|error| {
            gpu::refused(format!("the graphics device could not be opened ({error})"))
        })?;
    setup.device.set_device_lost_callback(|_, message| {
        super::report::set_fault(format!("the graphics device was lost ({message})"));
    });
    let info = setup.adapter.get_info();
    probe(&device).await?;
    super::report::check()?;
    let name =
        if info.name.is_empty() { "WebGPU".into() } else { format!("WebGPU ({})", info.name) };
    let software = info.device_type == wgpu::DeviceType::Cpu || gpu::is_fallback().await;
    Ok((device, DeviceReport { tier: Tier::Gpu, name, software }))
}

#[cfg(feature = "gpu")]
mod gpu {
    use js_sys::{Function, Promise, Reflect};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;

    use crate::RuntimeError;

    /// Kernels gathered into one submission.
    pub(super) const TASKS_MAX: usize = 64;
    /// A browser that has just started answers with nothing while it looks for its graphics card.
    const TRIES: usize = 3;

    pub(super) fn refused(reason: String) -> RuntimeError {
        RuntimeError::Device { reason }
    }

    async fn adapter() -> Result<JsValue, JsValue> {
        let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
        let gpu = Reflect::get(&navigator, &"gpu".into())?;
        let request: Function = Reflect::get(&gpu, &"requestAdapter".into())?.dyn_into()?;
        let promise: Promise = request.call0(&gpu)?.dyn_into()?;
        JsFuture::from(promise).await
    }

    /// Asks the browser what burn would only panic over.
    pub(super) async fn check_adapter() -> Result<(), RuntimeError> {
        let mut adapter = JsValue::NULL;
        for _ in 0..TRIES {
            adapter =
                self::adapter().await.map_err(|_| refused("this browser has no WebGPU".into()))?;
            if adapter.is_object() {
                break;
            }
        }
        if !adapter.is_object() {
            return Err(refused(
                "this browser found no graphics device that WebGPU can use".into(),
            ));
        }
        let has = || -> Result<JsValue, JsValue> {
            let features = Reflect::get(&adapter, &"features".into())?;
            let has: Function = Reflect::get(&features, &"has".into())?.dyn_into()?;
            has.call1(&features, &"timestamp-query".into())
        };
        match has().map(|found| found.is_truthy()) {
            Ok(true) => Ok(()),
            _ => Err(refused(
                "this browser's WebGPU has no timestamp queries, which the runtime needs".into(),
            )),
        }
    }

    /// Whether the adapter is a software one.
    pub(super) async fn is_fallback() -> bool {
        let flag = |object: &JsValue| {
            Reflect::get(object, &"isFallbackAdapter".into()).is_ok_and(|flag| flag.is_truthy())
        };
        let Ok(adapter) = adapter().await else { return false };
        flag(&adapter)
            || Reflect::get(&adapter, &"info".into())
                .is_ok_and(|info| info.is_object() && flag(&info))
    }
}
