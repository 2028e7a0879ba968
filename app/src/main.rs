//! Delea's page: train a model in this tab, earn its token, pay tokens to use it.
//!
//! | module | what it does |
//! |---|---|
//! | [`chain`] | reads contracts over JSON-RPC, sends transactions, watches the chain |
//! | [`wallet`] | finds wallets (EIP-6963), speaks to them (EIP-1193), offers the local burner wallet |
//! | [`store`] | blobs by content address, notes in local storage |
//! | [`jobs`] | the workers and the one training |
//! | [`pages`] | one module a page |
//! | [`components`] | small parts that pages are made of |
//!
//! # Names that browser tests use (`data-testid`)
//!
//! | where | names |
//! |---|---|
//! | everywhere | `banner` (`data-kind`: `no-config`, `chain-down`, `wrong-node`, `wrong-chain`, `chain-reset`), `retry-chain`, `switch-chain`, `toast` (`data-kind`: `progress`, `success`, `error`, `info`), `theme-toggle`, `training-chip` (`data-phase`), `loading`, `failure`, `empty`, `not-found` |
//! | wallet | `connect-wallet`, `wallet-option-<rdns>`, `wallet-status`, `wallet-chip`, `account-address`, `switch-wallet`, `disconnect-wallet` |
//! | `/` | `model-card` (`data-address`), `card-train`, `card-use`, `card-accuracy` |
//! | `/model/:address` | `tab-overview`, `tab-train`, `tab-use`, `tab-token`, `tab-history`, `head-accuracy`, `balance`, `layers`, `balance-bar`, `open-in-studio` |
//! | `…/train` | `training-status` (`data-phase`: `idle`, `starting`, `training`, `paused`, `finished`, `failed`; `data-step`), `start-training`, `steps`, `options`, `device-automatic`, `device-cpu`, `device-gpu`, `announce`, `announce-error`, `pause-training`, `resume-training`, `cancel-training`, `retry-training`, `device-used` (`data-tier`), `device-notice`, `loss-plot`, `accuracy-plot`, `accuracy-value`, `speed`, `earning-plot`, `reward-expected`, `publish-training`, `publish-error`, `window-left`, `job-link`, `reward-received`, `stale-base`, `train-on-head`, `round-closed`, `settle-others`, `download-parameters`, `discard-training`, `train-again` |
//! | `…/use` | `draw-canvas`, `clear-canvas`, `image-file`, `numbers`, `sample` (`data-target`), `infer-pay`, `price`, `no-tokens`, `infer-error`, `answer-again`, `prediction`, `probability-bar` (`data-name`) |
//! | `…/token` | `token-balance`, `reward-plot`, `price-plot`, `transfer-to`, `transfer-amount`, `transfer-submit`, `watch-asset`, `whole-plot`, `holder`, `seat`, `multiplier`, `split-proposal`, `split-agree`, `split-submit` |
//! | `…/history` | `history`, `job-row` (`data-kind`: `train`, `infer`), `versions`, `version` (`data-id`), `versions-plot`, `go-back`, `rollback-notice`, `rollback-left`, `rollback-execute`, `rollback-stop`, `turns`, `turn` |
//! | `…/scores` | `ledger-progress`, `ledger-stop`, `ledger-resume`, `ledger-problem`, `ledger-whole` (`data-entries`), `witness`, `recompute`, `recomputed` (`data-same`), `epoch-plot`, `epochs`, `epoch` (`data-epoch`), `epoch-panel`, `lines-equal` (`data-equal`), `weight-row` (`data-worker`, `data-equal`), `export-csv`, `export-json`, `worker-panel`, `scored-job`, `worker-total`, `weights` (`data-status`), `epoch-running`, `post-weights`, `posted-equal` (`data-equal`), `weights-left`, `doubt-weights`, `settle-weights`, `share-by-score`, `claim`, `claimed`, `expected` |
//! | any of a model | `weights-warning` |
//! | `/work` | `work-model` (`data-model`), `work-infer`, `work-train`, `work-share`, `work-mains`, `work-idle`, `idle-refused`, `work-start`, `work-stop`, `work-summary`, `work-now` (`data-doing`: `off`, `signing`, `waiting`, `working`, `resting`), `work-problem`, `queue-empty`, `open-job`, `own-job`, `earnings`, `no-earnings`, `earned` (`data-epoch`), `claim-all`, `work-notes` |
//! | `/job/:id` | `job-state` (`data-state`), `job-facts`, `doubt-left`, `job-doubt`, `job-settle`, `job-end`, `case`, `case-draw`, `case-close`, `job-step`, `check-job`, `check-runtime`, `check-verdict` (`data-holds`), `check-failed` |
//! | `/create` | `data-own`, `data-published`, `data-file`, `data-error`, `data-name`, `data-maker`, `data-licence`, `data-held-out`, `data-read-again`, `published-data`, `data-preview`, `template-<id>`, `advanced`, `learning-rate`, `batch-size`, `default-steps`, `spec-json`, `model-name`, `token-symbol`, `model-description`, `token-supply`, `reference-steps`, `payout-speed`, `use-price`, `curve-plot`, `curve-words`, `on-chain`, `create-submit`, `create-missing`, `create-error` |
//! | `/studio` | `studio-paint`, `studio-cancel`, `studio-now`, `studio-waiting`, `studio-done` (`data-digest`), `studio-download`, `studio-link`, `studio-take`, `studio-from`, `studio-settings`, `studio-start`, `studio-start-file`, `studio-notice`, `studio-problem`, `studio-log`, `studio-log-copy`, `gallery`, `gallery-open`, `wardrobe`, `put-on`, `worn`, `bring`, `adapter-file`, `adapter-read`, `matches`, `other-base`, `teach`, `teach-file`, `crop`, `teach-start`, `teach-cancel`, `teach-problem`, `lesson`, `lesson-plot`, `learnt`, `learnt-item` (`data-parameters`), `learnt-wear`, `learnt-publish`, `learnt-download`, `publish-learnt` |
//! | `/account` | `holding`, `bonds-free`, `bonds-withdraw`, `checkpoint`, `taken`, `budget`, `free-space` |
//! | a fault of the page | `page-fault` |

// Leptos' component macro writes `pub` for what this binary keeps to itself.
#![allow(unreachable_pub)]

mod app;
mod browser;
mod chain;
mod components;
mod config;
mod fault;
mod format;
mod image;
mod input;
mod jobs;
mod load;
mod net;
mod pages;
mod png;
mod press;
mod shell;
mod store;
mod wallet;

fn main() {
    fault::install();
    components::theme::restore();
    leptos::mount::mount_to_body(shell::Shell);
}
