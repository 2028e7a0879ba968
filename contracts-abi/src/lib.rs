//! What Rust knows of the contracts.
pub mod bindings;
