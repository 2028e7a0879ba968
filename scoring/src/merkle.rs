//! The tree over weights whose root is posted.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;

/// A Merkle tree as OpenZeppelin's `StandardMerkleTree` makes it, which Solady's `MerkleProofLib` verifies: leaves are
/// hashed twice and sorted, pairs are sorted before they are hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightTree {
    /// A heap: children of `i` at `2i + 1` and `2i + 2`, the root first.
    nodes: Vec<B256>,
}

impl WeightTree {
    /// The tree over weights; nothing without any.
    pub fn new(weights: &[(Address, u128)]) -> Option<Self> {
        let mut leaves: Vec<B256> =
            weights.iter().map(|(worker, weight)| leaf(*worker, *weight)).collect();
        leaves.sort_unstable();
        let inner = leaves.len().checked_sub(1)?;
        let mut nodes = vec![B256::ZERO; inner];
        nodes.extend(leaves.into_iter().rev());
        for i in (0..inner).rev() {
            nodes[i] = pair(nodes[2 * i + 1], nodes[2 * i + 2]);
        }
        Some(Self { nodes })
    }

    /// What is posted.
    pub fn root(&self) -> B256 {
        self.nodes[0]
    }

    /// What a worker's claim needs; nothing where that weight is not in the tree.
    pub fn proof(&self, worker: Address, weight: u128) -> Option<Vec<B256>> {
        let inner = self.nodes.len() / 2;
        let leaf = leaf(worker, weight);
        let mut at = inner + self.nodes[inner..].iter().position(|node| *node == leaf)?;
        let mut proof = Vec::new();
        while at > 0 {
            // Left children have odd places.
            proof.push(self.nodes[if at % 2 == 1 { at + 1 } else { at - 1 }]);
            at = (at - 1) / 2;
        }
        Some(proof)
    }
}

fn leaf(worker: Address, weight: u128) -> B256 {
    keccak256(keccak256((worker, U256::from(weight)).abi_encode()))
}

fn pair(a: B256, b: B256) -> B256 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    keccak256([low, high].concat())
}
