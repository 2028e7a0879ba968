//! What `delea-scoring` computes is what the contract holds, bit for bit, whatever the log says.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256, aliases::U96};
use delea_contracts_abi::{JobKind, Model, Scores, bindings::factory::IModel};
use delea_market_tests::{World, account};
use delea_scoring::{Board, EPOCH_BLOCKS, Job, TEMPERATURE, WAD, WeightTree, score, weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LOGS: u32 = 12_000;
const WORKERS: u64 = 40;
const BOND: u128 = 1_000_000_000_000_000;
const WINDOW: u64 = 60;
const UNIT: u64 = 1_000_000_000_000_000;
const ALPHA: u64 = 1_000_000_000_000_000;

/// Ordinary values, and those at which something may break.
fn number(rng: &mut ChaCha8Rng, ordinary: u64, most: u64) -> u64 {
    match rng.random_range(0..10) {
        0 => 0,
        1 => most,
        2 => rng.random_range(0..=most),
        _ => rng.random_range(0..=ordinary),
    }
}

fn rules() -> IModel::Rules {
    IModel::Rules {
        bond: U96::from(BOND),
        bondInTokens: false,
        jurySize: 3,
        rollbackDelay: 60,
        challengeWindow: WINDOW as u32,
        juryPhase: 60,
        trainLease: 600,
        inferLease: 600,
        roundLength: 600,
        minImprovementPpm: 0,
    }
}

/// Twelve thousand made-up jobs, through the contract's own scores, weights and claims.
#[test]
fn every_score_weight_emission_and_claim_is_the_contracts() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut world = World::new();
    let model = world.create(account(1), rules(), UNIT);
    let (scores, jobs) = (world.at("Scores"), world.at("Jobs"));
    let mut board = Board::default();
    for log in 0..LOGS {
        if log % 400 == 0 {
            let into = world.block() % EPOCH_BLOCKS;
            world.pass(EPOCH_BLOCKS - into);
        }
        let kind = if rng.random_bool(0.3) { JobKind::Train } else { JobKind::Infer };
        let timeout = number(&mut rng, 1_000, u32::MAX.into()) as u32;
        // At the edge of what is late, now and then.
        let latency = match rng.random_range(0..4) {
            0 => {
                (u64::from(timeout) * 9 / 10).saturating_add_signed(rng.random_range(-1..=1)) as u32
            }
            _ => number(&mut rng, 1_000, u32::MAX.into()) as u32,
        };
        let job = Job {
            worker: account(100 + rng.random_range(0..WORKERS)),
            kind,
            latency,
            timeout,
            units: number(&mut rng, 64, u32::MAX.into()) as u32,
            amount: match rng.random_range(0..20) {
                0 => (1u128 << 96) - 1,
                _ => u128::from(number(&mut rng, 1 << 60, u64::MAX)),
            },
            block: world.block(),
        };
        let call = Scores::recordCall {
            model,
            worker: job.worker,
            kind: kind.into(),
            units: job.units,
            paid: U96::from(job.amount),
            latency,
            timeout,
        };
        world.send(jobs, scores, &call, 0).expect("the job contract may record");
        let there = world.read(scores, &Scores::scoreCall { kind: kind.into(), latency, timeout });
        assert_eq!(
            there,
            U256::from(score(kind, latency, timeout)),
            "{kind:?} {latency} of {timeout}"
        );
        board.add(&job);
        world.pass(u64::from(rng.random_bool(0.02)));
    }
    let into = world.block() % EPOCH_BLOCKS;
    world.pass(EPOCH_BLOCKS - into);
    let mut paid: BTreeMap<Address, U256> = BTreeMap::new();
    let epochs: Vec<u64> = board.epochs().collect();
    assert!(epochs.len() >= 30);
    for epoch in epochs {
        let sums = board.sums(epoch);
        let held = world.read(scores, &Scores::epochOfCall { model, epoch });
        assert_eq!(U256::from(held.total), U256::from(sums.total));
        assert_eq!(held.inferences, sums.inferences);
        assert_eq!(U256::from(held.paid), U256::from(sums.paid));
        for (worker, found) in board.workers(epoch) {
            let held = world.read(scores, &Scores::scoreOfCall { model, epoch, worker });
            assert_eq!(U256::from(held.train), U256::from(found.train));
            assert_eq!(U256::from(held.infer), U256::from(found.infer));
            assert_eq!((held.trainings, held.inferences), (found.trainings, found.inferences));
        }
        let weights = weights(&board.totals(epoch), TEMPERATURE).unwrap();
        let tree = WeightTree::new(&weights).unwrap();
        let call = Scores::postWeightsCall { model, epoch, root: tree.root() };
        world.send(account(1), scores, &call, BOND).expect("posted");
        world.pass(WINDOW / 12 + 2);
        let pool = world.read(model, &Model::poolCall {});
        let call = Scores::settleWeightsCall { model, epoch };
        world.send(account(1), scores, &call, 0).expect("final");
        let held = world.read(scores, &Scores::epochOfCall { model, epoch });
        let emission = sums.emission_down(pool, UNIT, U256::from(ALPHA)).unwrap();
        assert_eq!(U256::from(held.emission), emission);
        for (worker, weight) in weights {
            let proof: Vec<B256> = tree.proof(worker, weight).unwrap();
            let call =
                Scores::claimCall { model, epoch, worker, weight: U256::from(weight), proof };
            let (amount, _) = world.send(worker, scores, &call, 0).expect("claimed");
            assert_eq!(amount, emission * U256::from(weight) / U256::from(WAD));
            *paid.entry(worker).or_default() += amount;
        }
    }
    for (worker, amount) in paid {
        assert_eq!(world.read(model, &Model::balanceOfCall { owner: worker }), amount);
    }
}
