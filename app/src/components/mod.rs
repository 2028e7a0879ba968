//! Small parts that pages are made of.

pub(crate) mod address;
pub(crate) mod banner;
pub(crate) mod bars;
pub(crate) mod case;
pub(crate) mod dialog;
pub(crate) mod draw;
pub(crate) mod field;
pub(crate) mod header;
pub(crate) mod icons;
pub(crate) mod later;
pub(crate) mod layers;
pub(crate) mod matches;
pub(crate) mod more;
pub(crate) mod painted;
pub(crate) mod plot;
pub(crate) mod sample;
pub(crate) mod stages;
pub(crate) mod states;
pub(crate) mod theme;
pub(crate) mod toasts;
pub(crate) mod wallet_dialog;
