//! Signing for the burner wallet: EIP-1559 transactions and EIP-191 messages with a secp256k1 key.

use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use k256::ecdsa::{SigningKey, VerifyingKey};

/// EIP-2718 type of an EIP-1559 transaction.
const TYPE: u8 = 2;

/// Why something was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SigningError {
    /// The stored key is no key.
    #[error("the burner wallet's key is damaged")]
    BadKey,
    /// The signature could not be made.
    #[error("the burner wallet could not sign")]
    Refused,
}

/// A key of play money.
pub(crate) struct Key(SigningKey);

/// An EIP-1559 transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// EIP-155 number.
    pub(crate) chain_id: u64,
    /// The sender's count of transactions.
    pub(crate) nonce: u64,
    /// Tip, in wei a gas.
    pub(crate) max_priority_fee: U256,
    /// Most that is paid, in wei a gas.
    pub(crate) max_fee: U256,
    /// Gas limit.
    pub(crate) gas: u64,
    /// Receiver; nothing creates a contract.
    pub(crate) to: Option<Address>,
    /// Wei sent along.
    pub(crate) value: U256,
    /// Call data.
    pub(crate) data: Bytes,
}

impl Key {
    /// Reads 32 bytes. Errors for zero and for what is not below the curve's order.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, SigningError> {
        // The library would fill up a shorter slice with zeros.
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| SigningError::BadKey)?;
        SigningKey::from_slice(&bytes).map(Self).map_err(|_| SigningError::BadKey)
    }

    /// The key's account.
    pub(crate) fn address(&self) -> Address {
        let key = VerifyingKey::from(&self.0);
        let point = key.to_encoded_point(false);
        Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
    }

    /// The raw signed transaction.
    pub(crate) fn sign(&self, transaction: &Transaction) -> Result<Vec<u8>, SigningError> {
        let unsigned = transaction.encode(None);
        let (r, s, odd) = self.sign_hash(keccak256(&unsigned).0)?;
        Ok(transaction.encode(Some((odd, r, s))))
    }

    /// EIP-191 signature of a message, 65 bytes.
    pub(crate) fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let mut text = format!("\x19Ethereum Signed Message:\n{}", message.len()).into_bytes();
        text.extend_from_slice(message);
        let (r, s, odd) = self.sign_hash(keccak256(&text).0)?;
        let mut out = Vec::with_capacity(65);
        out.extend_from_slice(&r.to_be_bytes::<32>());
        out.extend_from_slice(&s.to_be_bytes::<32>());
        out.push(27 + u8::from(odd));
        Ok(out)
    }

    fn sign_hash(&self, hash: [u8; 32]) -> Result<(U256, U256, bool), SigningError> {
        let (signature, recovery) =
            self.0.sign_prehash_recoverable(&hash).map_err(|_| SigningError::Refused)?;
        let (r, s) = signature.split_bytes();
        Ok((U256::from_be_slice(&r), U256::from_be_slice(&s), recovery.is_y_odd()))
    }
}

impl Transaction {
    /// EIP-2718 bytes, with the signature (y parity, r, s) once there is one.
    fn encode(&self, signature: Option<(bool, U256, U256)>) -> Vec<u8> {
        let mut fields = Vec::new();
        self.chain_id.encode(&mut fields);
        self.nonce.encode(&mut fields);
        self.max_priority_fee.encode(&mut fields);
        self.max_fee.encode(&mut fields);
        self.gas.encode(&mut fields);
        match self.to {
            Some(to) => to.encode(&mut fields),
            None => fields.push(alloy_rlp::EMPTY_STRING_CODE),
        }
        self.value.encode(&mut fields);
        self.data.encode(&mut fields);
        fields.push(alloy_rlp::EMPTY_LIST_CODE);
        if let Some((odd, r, s)) = signature {
            odd.encode(&mut fields);
            r.encode(&mut fields);
            s.encode(&mut fields);
        }
        let mut out = vec![TYPE];
        alloy_rlp::Header { list: true, payload_length: fields.len() }.encode(&mut out);
        out.extend_from_slice(&fields);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, hex};

    /// The first account of the development mnemonic "test … junk".
    const KEY: [u8; 32] = hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

    fn key() -> Key {
        Key::from_bytes(&KEY).unwrap()
    }

    #[test]
    fn the_key_gives_its_known_address() {
        assert_eq!(key().address(), address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        assert_eq!(Key::from_bytes(&[0; 32]).err(), Some(SigningError::BadKey));
        assert!(Key::from_bytes(&[1; 31]).is_err());
    }

    /// Expected bytes from viem 2.57's `signTransaction`, another implementation.
    #[test]
    fn a_transaction_equals_viems() {
        let transaction = Transaction {
            chain_id: 31337,
            nonce: 7,
            max_priority_fee: U256::from(1_000_000_000u64),
            max_fee: U256::from(30_000_000_000u64),
            gas: 210_000,
            to: Some(address!("5FbDB2315678afecb367f032d93F642f64180aa3")),
            value: U256::from(1_234_567_890_123_456_789u64),
            data: Bytes::from_static(&hex!("a9059cbb0011")),
        };
        assert_eq!(
            hex::encode(key().sign(&transaction).unwrap()),
            include_str!("vectors/transfer.hex").trim()
        );
        let creation = Transaction { to: None, nonce: 0, value: U256::ZERO, ..transaction };
        assert_eq!(
            hex::encode(key().sign(&creation).unwrap()),
            include_str!("vectors/creation.hex").trim()
        );
    }

    /// Expected bytes from viem 2.57's `signMessage`.
    #[test]
    fn a_message_equals_viems() {
        let signature = key().sign_message(b"hello delea").unwrap();
        assert_eq!(hex::encode(signature), include_str!("vectors/message.hex").trim());
    }
}
