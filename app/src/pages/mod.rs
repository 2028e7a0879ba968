//! One module a page.

pub(crate) mod account;
pub(crate) mod create;
pub(crate) mod explore;
pub(crate) mod job;
mod job_check;
pub(crate) mod model;
pub(crate) mod not_found;
pub(crate) mod studio;
pub(crate) mod work;
