//! The Merkle commitment to a training's checkpoints.
//!
//! Leaf = sha256(0x00 ‖ step as u32 LE ‖ digest of the parameters ‖ digest of the optimiser's state);
//! node = sha256(0x01 ‖ left ‖ right); an odd node is carried up unchanged. The leading byte keeps a
//! leaf from passing for a node (RFC 6962, section 2.1).

use sha2::{Digest as _, Sha256};

use crate::content::Digest;

/// Leaves so far. The root over them goes on chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commitment {
    leaves: Vec<Digest>,
}

impl Commitment {
    /// Takes leaves back from a checkpoint.
    pub fn from_leaves(leaves: Vec<Digest>) -> Self {
        Self { leaves }
    }

    /// The leaves, in order.
    pub fn leaves(&self) -> &[Digest] {
        &self.leaves
    }

    /// Adds a checkpoint.
    pub fn push(&mut self, step: u32, parameters: Digest, optimizer: Digest) {
        let hash = Sha256::new()
            .chain_update([0])
            .chain_update(step.to_le_bytes())
            .chain_update(parameters.0)
            .chain_update(optimizer.0)
            .finalize();
        self.leaves.push(Digest(hash.into()));
    }

    /// The root; all zeros when there is no leaf.
    pub fn root(&self) -> Digest {
        let mut level = self.leaves.clone();
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => {
                        let hash = Sha256::new()
                            .chain_update([1])
                            .chain_update(left.0)
                            .chain_update(right.0)
                            .finalize();
                        Digest(hash.into())
                    }
                    _ => pair[0],
                })
                .collect();
        }
        level.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commitment(count: u32) -> Commitment {
        let mut commitment = Commitment::default();
        (0..count).for_each(|i| commitment.push(i, Digest([i as u8; 32]), Digest::default()));
        commitment
    }

    #[test]
    fn the_root_depends_on_every_leaf_and_their_number() {
        let roots: Vec<_> = (0..9).map(|n| commitment(n).root()).collect();
        let distinct: std::collections::HashSet<_> = roots.iter().collect();
        assert_eq!(distinct.len(), roots.len());
        assert_eq!(roots[0], Digest::default());
        assert_eq!(commitment(1).root(), commitment(1).leaves()[0]);
    }

    #[test]
    fn leaves_come_back() {
        let original = commitment(5);
        assert_eq!(Commitment::from_leaves(original.leaves().to_vec()), original);
    }
}
