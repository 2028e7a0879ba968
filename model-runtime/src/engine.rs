//! Burn networks built from a spec, and what is done with them. The backend is a runtime
//! [`Device`]; which one a binary has is its Cargo feature.

#[cfg(feature = "studio")]
mod adapter;
mod answer;
mod convolution;
#[cfg(feature = "studio")]
mod dit;
mod evaluate;
#[cfg(feature = "studio")]
pub mod flow;
mod fused;
mod gelu;
#[cfg(feature = "graph")]
pub mod graph;
mod layers;
mod linear;
mod network;
mod optimizer;
mod parameters;
mod probe;
mod trainer;
#[cfg(feature = "cpu")]
mod warm;

#[cfg(feature = "studio")]
pub use adapter::{provide, provided};
pub use answer::{answer, open};
pub use burn::tensor::Device;
pub use evaluate::{evaluate, infer};
pub use network::Network;
pub use parameters::{initialize, load, read};
pub use probe::probe;
pub use trainer::Trainer;
#[cfg(feature = "cpu")]
pub use warm::warm;
