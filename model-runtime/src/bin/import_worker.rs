//! The worker that reads data files.

fn main() {
    delea_model_runtime::worker::serve();
}
