//! The fast tier: the WebGPU worker.

#[cfg(target_family = "wasm")]
unsafe extern "C" {
    /// The linker's: registers what crates collect before `main`. Without this call it puts one into every exported
    /// function, and each call from JavaScript registers thousands anew.
    fn __wasm_call_ctors();
}

fn main() {
    // Sound: this is the first thing that runs, and runs once.
    #[cfg(target_family = "wasm")]
    unsafe {
        __wasm_call_ctors();
    }
    delea_model_runtime::worker::serve();
}
