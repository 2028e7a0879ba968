//! Content addresses: sha2-256 digests and the CIDv1 they stand for.
//!
//! A blob of Delea is one raw block, so its CIDv1 (multicodec `raw`, multihash `sha2-256`) is a
//! function of the 32-byte digest and only the digest goes on chain.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

use crate::RuntimeError;

/// CIDv1 prefix: version 1, codec raw (0x55), multihash sha2-256 (0x12), 32 bytes (0x20).
const CID_PREFIX: [u8; 4] = [0x01, 0x55, 0x12, 0x20];

/// The sha2-256 digest of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// CIDv1 in base32 lower case, as gateways take it: `bafkrei…`.
    pub fn cid(&self) -> String {
        format!("b{}", base32(&self.cid_bytes()))
    }

    /// The binary CIDv1, as an event on the chain carries it.
    pub fn cid_bytes(&self) -> Vec<u8> {
        [&CID_PREFIX[..], &self.0].concat()
    }

    /// The digest in a binary CIDv1; nothing for one of another kind.
    pub fn from_cid_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.strip_prefix(&CID_PREFIX)?.try_into().ok()?))
    }

    /// Errors unless `bytes` hash to this digest. `what` names the blob in the message.
    pub fn check(&self, what: &str, bytes: &[u8]) -> Result<(), RuntimeError> {
        self.matches(what, Self::of(bytes))
    }

    /// Errors unless `found` is this digest. `what` names the blob in the message.
    pub fn matches(&self, what: &str, found: Self) -> Result<(), RuntimeError> {
        if found == *self {
            return Ok(());
        }
        Err(RuntimeError::WrongDigest {
            what: what.to_owned(),
            found: found.to_string(),
            expected: self.to_string(),
        })
    }
}

/// Of RFC 4648's base32, lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// RFC 4648 base32, lower case, no padding.
pub fn base32(bytes: &[u8]) -> String {
    let (mut out, mut buffer, mut bits) = (String::new(), 0u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(buffer >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(buffer << (5 - bits)) as usize & 31]));
    }
    out
}

/// What [`base32`] wrote; nothing for a letter of another alphabet.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut buffer, mut bits) = (Vec::new(), 0u32, 0);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        buffer = (buffer << 5) | value as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
        }
    }
    Some(out)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad =
            || RuntimeError::bounds("digest", text, "64 hexadecimal digits, with or without 0x");
        let hex = text.strip_prefix("0x").unwrap_or(text);
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(bad());
        }
        let mut out = [0u8; 32];
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(out))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed independently: base32 of the prefix and the digest, by Python's hashlib and base64.
    #[test]
    fn cid_is_cidv1_raw_sha256() {
        let cid = Digest::of(b"hello world").cid();
        assert_eq!(cid, "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    }

    #[test]
    fn text_round_trips_and_rejects_noise() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(Digest::from_cid_bytes(&digest.cid_bytes()), Some(digest));
        assert_eq!(Digest::from_cid_bytes(&digest.0), None);
        assert!("0x12".parse::<Digest>().is_err());
        assert!("ü".repeat(32).parse::<Digest>().is_err());
    }

    #[test]
    fn check_names_the_blob() {
        let error = Digest::of(b"a").check("the data set", b"b").unwrap_err();
        assert!(error.to_string().starts_with("the data set hashes to 0x"));
    }
}
