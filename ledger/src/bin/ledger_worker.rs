//! The page's reader of job logs.

fn main() {
    delea_ledger::worker::serve();
}
