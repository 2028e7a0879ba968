//! Burn models that are described by data, built at run time, and trained or asked in a browser tab.
//!
//! The crate knows no chain and no DOM. Without features it holds what the page and the workers
//! share: [`spec`], [`manifest`], [`message`], [`content`]. The feature `engine` adds Burn;
//! `cpu` and `gpu` choose the backend of a worker binary; `import` reads the files people have.

pub mod average;
pub mod call;
pub mod commitment;
pub mod content;
#[cfg(feature = "ipfs")]
pub mod dag;
pub mod dataset;
pub mod error;
#[cfg(any(feature = "graph", feature = "import", not(feature = "engine")))]
pub mod graph;
#[cfg(not(any(feature = "graph", feature = "import", not(feature = "engine"))))]
#[path = "graph/none.rs"]
pub mod graph;
pub mod inference;
pub mod limits;
pub mod manifest;
pub mod message;
pub mod rng;
pub mod spec;
#[cfg(any(feature = "studio", feature = "import", not(feature = "engine")))]
pub mod studio;
#[cfg(not(any(feature = "studio", feature = "import", not(feature = "engine"))))]
#[path = "studio/none.rs"]
pub mod studio;
pub mod tensors;
pub mod wire;

#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "cpu")]
pub mod exact;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "worker")]
pub mod worker;

pub use error::RuntimeError;

/// Version of the exact tier's rules. Whatever changes the bits of any result raises it.
pub const RUNTIME_VERSION: u32 = 3;
