//! Types generated from the checked-in ABI files: calls, return values, events, errors, structs.
//!
//! `node contracts-abi/extract.mjs` writes those files from the compiled contracts, and with `--check`
//! fails when they are stale, so a binding can never describe a contract that no longer exists.
#![allow(missing_docs, unreachable_pub, clippy::too_many_arguments)]

/// A model: trainable, usable, and its own token.
pub mod model {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        Model,
        "abi/Model.json"
    );
}

/// The registry that creates models.
pub mod factory {
    alloy_sol_types::sol!(
        #[sol(all_derives)]
        ModelFactory,
        "abi/ModelFactory.json"
    );
}
