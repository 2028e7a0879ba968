//! The seed's examples and rules, and what must hold of any log.

#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256, keccak256};
use delea_contracts_abi::JobKind::{self, Infer, Train};
use delea_scoring::{
    Board, Job, TEMPERATURE, WAD, WeightTree, epoch_of, score, weights, win_rates,
};
use proptest::{collection::vec, prelude::*};
use serde::Deserialize;

fn worker(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn job(number: u8, kind: JobKind, latency: u32) -> Job {
    Job { worker: worker(number), kind, latency, timeout: 1000, units: 1, amount: 0, block: 0 }
}

fn board(jobs: &[Job]) -> Board {
    let mut board = Board::default();
    board.extend(jobs.iter().copied());
    board
}

/// Seed, 3.1, *Example*.
#[test]
fn ten_trainings_and_ten_inferences_score_ten() {
    let jobs: Vec<Job> =
        (0..10).flat_map(|_| [job(1, Train, 0), job(1, Infer, 0), job(2, Infer, 0)]).collect();
    let board = board(&jobs);
    let both = board.scores(0, worker(1));
    assert_eq!((both.train, both.infer, both.total()), (7 * WAD, 3 * WAD, 10 * WAD));
    assert_eq!(board.scores(0, worker(2)).total(), 3 * WAD);
}

/// Seed, 3.1: linear, and nothing above 90 % of the timeout.
#[test]
fn late_work_scores_nothing() {
    assert_eq!(score(Train, 500, 1000), 35 * WAD / 100);
    assert_eq!(score(Train, 900, 1000), 7 * WAD / 100);
    assert_eq!(score(Train, 901, 1000), 0);
    assert_eq!(score(Infer, u32::MAX, u32::MAX), 0);
    assert_eq!(score(Infer, 0, 0), 0);
}

#[derive(Deserialize)]
struct Vectors {
    kind: Vec<String>,
    latency: Vec<String>,
    timeout: Vec<String>,
    score: Vec<String>,
}

/// The contract passes the same file.
#[test]
fn scores_are_those_of_the_shared_vectors() {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../tests/vectors/scores.json")).unwrap();
    assert!(vectors.kind.len() >= 1000);
    for i in 0..vectors.kind.len() {
        let kind = JobKind::try_from(vectors.kind[i].parse::<u8>().unwrap()).unwrap();
        let [latency, timeout] =
            [&vectors.latency[i], &vectors.timeout[i]].map(|n| n.parse().unwrap());
        assert_eq!(
            score(kind, latency, timeout),
            vectors.score[i].parse::<u128>().unwrap(),
            "case {i}"
        );
    }
}

/// Seed, 3.2: every 360 blocks.
#[test]
fn epochs_have_360_blocks() {
    assert_eq!([0, 359, 360, 719, 720].map(epoch_of), [0, 0, 1, 1, 2]);
    let mut late = job(1, Train, 0);
    late.block = 360;
    let board = board(&[job(1, Infer, 0), late]);
    assert_eq!(board.epochs().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(board.scores(1, worker(1)).total(), 7 * WAD / 10);
}

/// Seed, 3.2: ties have the same rate, and the lowest score takes part.
#[test]
fn ties_share_and_nobody_is_left_out() {
    assert_eq!(win_rates(&[5, 1, 5, 9]), [WAD / 2, 0, WAD / 2, WAD]);
    assert_eq!(win_rates(&[0]), [WAD]);
    assert_eq!(win_rates(&[0, 0, 0]), [WAD / 2; 3]);
    assert!(win_rates(&[]).is_empty());
    let shares = weights(&[(worker(1), 0), (worker(2), WAD)], TEMPERATURE).unwrap();
    // 1 / (1 + e^5) and its rest.
    assert_eq!(shares[0].1 / 1_000_000_000_000, 6692);
    assert!(weights(&[], TEMPERATURE).unwrap().is_empty());
    assert!(weights(&[(worker(1), 1)], 0).is_err());
    assert_eq!(weights(&[(worker(1), 0)], TEMPERATURE).unwrap(), [(worker(1), WAD)]);
}

/// As `MerkleProofLib.verify` does it.
fn verifies(root: B256, leaf: B256, proof: &[B256]) -> bool {
    let found = proof.iter().fold(leaf, |node, other| {
        let (low, high) = if node < *other { (node, *other) } else { (*other, node) };
        keccak256([low, high].concat())
    });
    found == root
}

fn jobs() -> impl Strategy<Value = Vec<Job>> {
    let one = (0..12u8, any::<bool>(), 0..1200u32, 0..1000u64).prop_map(
        |(number, train, latency, block)| Job {
            block,
            ..job(number, if train { Train } else { Infer }, latency)
        },
    );
    vec(one, 0..200)
}

fn scores() -> impl Strategy<Value = Vec<(Address, u128)>> {
    // Few different scores, so that there are ties.
    vec(0..20u128, 1..60).prop_map(|scores| {
        scores
            .into_iter()
            .zip(1u8..)
            .map(|(score, number)| (worker(number), score * WAD / 7))
            .collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_jobs_does_not_matter(
        (given, shuffled) in jobs().prop_flat_map(|jobs| (Just(jobs.clone()), Just(jobs).prop_shuffle())),
    ) {
        prop_assert_eq!(board(&given), board(&shuffled));
    }

    #[test]
    fn the_order_of_workers_does_not_matter(
        (given, shuffled) in scores().prop_flat_map(|scores| (Just(scores.clone()), Just(scores).prop_shuffle())),
    ) {
        prop_assert_eq!(weights(&given, TEMPERATURE).unwrap(), weights(&shuffled, TEMPERATURE).unwrap());
    }

    #[test]
    fn weights_sum_to_exactly_one(scores in scores(), temperature in 1..10 * WAD) {
        let weights = weights(&scores, temperature).unwrap();
        prop_assert_eq!(weights.len(), scores.len());
        prop_assert_eq!(weights.iter().map(|(_, weight)| weight).sum::<u128>(), WAD);
    }

    #[test]
    fn who_scores_more_never_weighs_less(scores in scores()) {
        let weights = weights(&scores, TEMPERATURE).unwrap();
        for (one, weight) in scores.iter().zip(&weights) {
            for (other, others) in scores.iter().zip(&weights) {
                // Equal scores may differ by the unit that rounding leaves over.
                prop_assert!(one.1 <= other.1 || weight.1 >= others.1);
                prop_assert!(one.1 != other.1 || weight.1.abs_diff(others.1) <= 1);
            }
        }
    }

    #[test]
    fn one_more_point_never_costs_weight(scores in scores(), index in any::<prop::sample::Index>(), more in 1..WAD) {
        let at = index.index(scores.len());
        let mut better = scores.clone();
        better[at].1 += more;
        let (before, after) = (weights(&scores, TEMPERATURE).unwrap(), weights(&better, TEMPERATURE).unwrap());
        prop_assert!(after[at].1 + 1 >= before[at].1);
    }

    #[test]
    fn a_later_result_never_scores_more(latency in any::<u32>(), more in any::<u32>(), timeout in any::<u32>()) {
        for kind in [Train, Infer] {
            prop_assert!(score(kind, latency.saturating_add(more), timeout) <= score(kind, latency, timeout));
        }
    }

    #[test]
    fn every_weight_has_its_proof(scores in scores()) {
        let weights = weights(&scores, TEMPERATURE).unwrap();
        let tree = WeightTree::new(&weights).unwrap();
        for (worker, weight) in &weights {
            let leaf = keccak256(keccak256([
                B256::left_padding_from(worker.as_slice()),
                B256::left_padding_from(&weight.to_be_bytes()),
            ].concat()));
            let proof = tree.proof(*worker, *weight).unwrap();
            prop_assert!(verifies(tree.root(), leaf, &proof));
            prop_assert!(tree.proof(*worker, weight + 1).is_none());
        }
    }
}
