//! The exact tier: the CPU worker.

fn main() {
    delea_model_runtime::worker::serve();
}
