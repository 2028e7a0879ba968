//! What this browser keeps: small notes in local storage, blobs by their content address.

pub(crate) mod blobs;
pub(crate) mod documents;
pub(crate) mod files;
pub(crate) mod hash;
pub(crate) mod ipfs;
pub(crate) mod local;
pub(crate) mod onchain;
pub(crate) mod preview;
pub(crate) mod studio;
