//! Work in the tab: the workers, one training at a time, and what outlives a reload.

pub(crate) mod asking;
pub(crate) mod average;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod given;
pub(crate) mod hand_in;
pub(crate) mod keep;
pub(crate) mod lesson;
pub(crate) mod logbook;
pub(crate) mod machine;
pub(crate) mod market;
pub(crate) mod pool;
pub(crate) mod studio;
pub(crate) mod trainer;
pub(crate) mod transcript;
