//! The Merkle commitment to a training's checkpoints, and what of it is checked.
//!
//! Leaf = sha256(0x00 ‖ step as u32 LE ‖ digest of the parameters ‖ digest of the optimiser's state);
//! node = sha256(0x01 ‖ left ‖ right); an odd node is carried up unchanged. The leading byte keeps a
//! leaf from passing for a node (RFC 6962, section 2.1).
//!
//! The digests in a leaf are content addresses. So whoever has a training's [`Trace`] can ask any
//! store for a checkpoint's two files, and do the steps from there to the next leaf again.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{RuntimeError, content::Digest, limits};

/// Steps between two leaves of the commitment.
pub const LEAF_STEPS: u32 = 100;
/// Segments that a quick check does again: whoever forged a part f of them is found with probability
/// 1 − (1 − f)^m or more.
pub const CHECKED_SEGMENTS: u32 = 3;

/// A checkpoint's place and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Steps done.
    pub step: u32,
    /// Digest of the parameter file.
    pub parameters: Digest,
    /// Digest of the file of the optimiser's state.
    pub optimizer: Digest,
}

impl Leaf {
    fn hash(&self) -> Digest {
        let hash = Sha256::new()
            .chain_update([0])
            .chain_update(self.step.to_le_bytes())
            .chain_update(self.parameters.0)
            .chain_update(self.optimizer.0)
            .finalize();
        Digest(hash.into())
    }
}

/// All leaves of a training, in order. The root over them goes on chain; the file itself is published
/// with the result, so that a checker can begin in the middle and say where a replay departs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(Vec<Leaf>);

impl Trace {
    /// The leaves.
    pub fn leaves(&self) -> &[Leaf] {
        &self.0
    }

    /// Adds a checkpoint.
    pub fn push(&mut self, leaf: Leaf) {
        self.0.push(leaf);
    }

    /// The root; all zeros when there is no leaf.
    pub fn root(&self) -> Digest {
        let mut level: Vec<Digest> = self.0.iter().map(Leaf::hash).collect();
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

    /// The file that is published.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// A published file, if it is the trace of a training of `steps` with this root and result.
    ///
    /// # Errors
    /// [`RuntimeError::BadFile`] that says what does not fit.
    pub fn from_bytes(
        bytes: &[u8],
        steps: u32,
        root: Digest,
        output: Digest,
    ) -> Result<Self, RuntimeError> {
        let bad = |reason: String| RuntimeError::file("the list of checkpoints", reason);
        let trace: Self = serde_json::from_slice(bytes).map_err(|error| bad(error.to_string()))?;
        if trace.root() != root {
            return Err(bad("its root is not the one that was committed to".to_owned()));
        }
        let expected = segments(steps);
        if trace.0.len() != expected as usize {
            return Err(bad(format!(
                "it has {} checkpoints; {steps} steps have {expected}",
                trace.0.len()
            )));
        }
        for (number, leaf) in trace.0.iter().enumerate() {
            let step = end_of(number as u32, steps);
            if leaf.step != step {
                return Err(bad(format!(
                    "checkpoint {number} is at step {}, not {step}",
                    leaf.step
                )));
            }
        }
        match trace.0.last() {
            Some(last) if last.parameters == output => Ok(trace),
            _ => Err(bad("it does not end in the claimed parameters".to_owned())),
        }
    }

    /// The first checkpoint of `other` that this trace does not have.
    pub fn first_difference(&self, other: &[Leaf]) -> Option<Leaf> {
        other.iter().find(|leaf| !self.0.contains(leaf)).copied()
    }
}

/// Segments, which are as many as checkpoints, of a training of `steps`.
pub fn segments(steps: u32) -> u32 {
    steps.min(limits::MAX_STEPS).div_ceil(LEAF_STEPS)
}

/// First step of a segment, counted from 0: its parameters are those of the checkpoint before.
pub fn start_of(segment: u32) -> u32 {
    segment * LEAF_STEPS
}

/// Steps done at the end of a segment.
pub fn end_of(segment: u32, steps: u32) -> u32 {
    ((segment + 1) * LEAF_STEPS).min(steps)
}

/// The segments that a draw has checked: `count` different ones in rising order, or all if there are
/// no more. Each is `sha256(draw ‖ i as u32 LE)` modulo the number of segments, for i from 0, those
/// drawn before being passed over.
pub fn drawn(draw: [u8; 32], steps: u32, count: u32) -> Vec<u32> {
    let segments = segments(steps);
    if count >= segments {
        return (0..segments).collect();
    }
    let mut found = std::collections::BTreeSet::new();
    for i in 0u32.. {
        if found.len() == count as usize {
            break;
        }
        let hash = Sha256::new().chain_update(draw).chain_update(i.to_le_bytes()).finalize();
        // The bias of a remainder of 64 bits by at most 10^4 is below 10^-15.
        let number = hash[..8].iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        found.insert((number % u64::from(segments)) as u32);
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(count: u32) -> Trace {
        let leaf = |i| Leaf {
            step: end_of(i, count * LEAF_STEPS),
            parameters: Digest([i as u8; 32]),
            optimizer: Digest::default(),
        };
        Trace((0..count).map(leaf).collect())
    }

    #[test]
    fn the_root_depends_on_every_leaf_and_their_number() {
        let roots: Vec<_> = (0..9).map(|n| trace(n).root()).collect();
        let distinct: std::collections::HashSet<_> = roots.iter().collect();
        assert_eq!(distinct.len(), roots.len());
        assert_eq!(roots[0], Digest::default());
        assert_eq!(trace(1).root(), trace(1).0[0].hash());
    }

    #[test]
    fn a_published_trace_must_fit_its_job() {
        let trace = trace(5);
        let (bytes, root, output) = (trace.to_bytes(), trace.root(), Digest([4; 32]));
        assert_eq!(Trace::from_bytes(&bytes, 500, root, output).unwrap(), trace);
        let why = |steps, root, output| {
            Trace::from_bytes(&bytes, steps, root, output).unwrap_err().to_string()
        };
        assert!(why(500, Digest::default(), output).contains("root"));
        assert!(why(600, root, output).contains("5 checkpoints; 600 steps have 6"));
        assert!(why(450, root, output).contains("checkpoint 4 is at step 500, not 450"));
        assert!(why(500, root, Digest::default()).contains("claimed parameters"));
        assert!(Trace::from_bytes(b"[]", 500, Digest::default(), output).is_err());
    }

    #[test]
    fn draws_are_different_segments_in_order() {
        assert_eq!(drawn([0; 32], 1000, 3).len(), 3);
        assert_eq!(drawn([0; 32], 250, 3), [0, 1, 2]);
        assert_eq!(drawn([0; 32], 250, 9), [0, 1, 2]);
        let mut hits = [0u32; 10];
        for i in 0..2000u32 {
            let mut draw = [0; 32];
            draw[..4].copy_from_slice(&i.to_le_bytes());
            let found = drawn(draw, 1000, 3);
            assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
            found.iter().for_each(|segment| hits[*segment as usize] += 1);
        }
        assert!(hits.iter().all(|hits| (500..700).contains(hits)), "{hits:?}");
    }
}
