//! The fast tier: the WebGPU worker.

fn main() {
    delea_model_runtime::worker::serve();
}
