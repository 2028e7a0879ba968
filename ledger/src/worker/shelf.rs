//! Pieces of logs in IndexedDB, and in memory what it does not take.

use alloy_primitives::Address;
use idb::{
    Database, DatabaseEvent, Error, Factory, KeyRange, ObjectStoreParams, Query, TransactionMode,
};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;

use crate::{Chunk, Memory, Shelf};

const NAME: &str = "delea-ledger";
/// Heads of pieces as JSON, and their records, both under `chain/model/block`.
const CHUNKS: &str = "chunks";
const RECORDS: &str = "records";
/// Behind every key that begins like it.
const END: char = '\u{ffff}';

/// One model's shelf.
pub(super) struct Cupboard {
    database: Option<Database>,
    prefix: String,
    memory: Memory,
    unkept: std::cell::RefCell<Option<String>>,
}

impl Cupboard {
    /// Opens a model's shelf on a chain, which is named by its number, a dash, and the hash of its first block. What is
    /// kept of a chain of that number that began otherwise is dropped.
    pub(super) async fn open(chain: &str, model: Address) -> Self {
        let (database, unkept) = match open().await {
            Ok(database) => (Some(database), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let shelf = Self {
            database,
            prefix: format!("{chain}/{model}/"),
            memory: Memory::default(),
            unkept: std::cell::RefCell::new(unkept),
        };
        if let Some((number, _)) = chain.split_once('-') {
            let this = (format!("{chain}/"), format!("{chain}/{END}"));
            let _ = shelf.delete(&format!("{number}-"), &this.0).await;
            let _ = shelf.delete(&this.1, &format!("{number}-{END}")).await;
        }
        shelf
    }

    /// Why something is not kept between visits, if so.
    pub(super) fn unkept(&self) -> Option<String> {
        self.unkept.borrow().clone()
    }

    fn key(&self, from: u64) -> JsValue {
        format!("{}{from:016x}", self.prefix).into()
    }

    async fn stored(&self) -> Result<Vec<JsValue>, Error> {
        let Some(database) = &self.database else { return Ok(Vec::new()) };
        let all = KeyRange::bound(
            &JsValue::from_str(&self.prefix),
            &format!("{}{END}", self.prefix).into(),
            None,
            None,
        )?;
        let transaction = database.transaction(&[CHUNKS], TransactionMode::ReadOnly)?;
        transaction.object_store(CHUNKS)?.get_all(Some(Query::KeyRange(all)), None)?.await
    }

    async fn load(&self, from: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(database) = &self.database else { return Ok(None) };
        let transaction = database.transaction(&[RECORDS], TransactionMode::ReadOnly)?;
        let found = transaction.object_store(RECORDS)?.get(self.key(from))?.await?;
        Ok(found.map(|bytes| Uint8Array::new(&bytes).to_vec()))
    }

    async fn store(&self, chunk: &Chunk, records: &[u8]) -> Result<(), Error> {
        let Some(database) = &self.database else {
            return Err(Error::IndexedDbNotFound(JsValue::NULL));
        };
        let head = serde_json::to_string(chunk).unwrap_or_default();
        let transaction = database.transaction(&[CHUNKS, RECORDS], TransactionMode::ReadWrite)?;
        let key = self.key(chunk.from);
        transaction.object_store(RECORDS)?.put(&Uint8Array::from(records).into(), Some(&key))?;
        transaction.object_store(CHUNKS)?.put(&head.into(), Some(&key))?;
        transaction.commit()?.await?;
        Ok(())
    }

    async fn delete(&self, first: &str, end: &str) -> Result<(), Error> {
        let Some(database) = &self.database else { return Ok(()) };
        let transaction = database.transaction(&[CHUNKS, RECORDS], TransactionMode::ReadWrite)?;
        for store in [CHUNKS, RECORDS] {
            let range = KeyRange::bound(&first.into(), &end.into(), None, Some(true))?;
            transaction.object_store(store)?.delete(range)?;
        }
        transaction.commit()?.await?;
        Ok(())
    }
}

async fn open() -> Result<Database, Error> {
    let mut request = Factory::new()?.open(NAME, Some(1))?;
    request.on_upgrade_needed(|event| {
        let Ok(database) = event.database() else { return };
        for store in [CHUNKS, RECORDS] {
            // One that is there already is what is wanted.
            let _ = database.create_object_store(store, ObjectStoreParams::new());
        }
    });
    request.await
}

impl Shelf for Cupboard {
    async fn list(&self) -> Vec<Chunk> {
        let stored = self.stored().await.unwrap_or_default();
        let mut chunks: Vec<Chunk> = stored
            .iter()
            .filter_map(|head| serde_json::from_str(&head.as_string()?).ok())
            .collect();
        chunks.extend(self.memory.list().await);
        chunks
    }

    async fn get(&self, from: u64) -> Option<Vec<u8>> {
        match self.memory.get(from).await {
            Some(records) => Some(records),
            None => self.load(from).await.ok().flatten(),
        }
    }

    async fn put(&self, chunk: Chunk, records: &[u8]) {
        if let Err(error) = self.store(&chunk, records).await {
            // Full, or not allowed: this visit must not suffer.
            self.unkept.replace(Some(error.to_string()));
            self.memory.put(chunk, records).await;
        }
    }

    async fn forget_from(&self, from: u64) {
        self.memory.forget_from(from).await;
        let first = format!("{}{from:016x}", self.prefix);
        let _ = self.delete(&first, &format!("{}{END}", self.prefix)).await;
    }
}
