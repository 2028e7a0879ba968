//! The protocol's contracts, as compiled, in an EVM of this process: time and blocks pass as a test wants.
//!
//! For tests and simulations: what should not happen panics.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use delea_contracts_abi::{ContractError, Model, ModelFactory, bindings::factory::IModel};
use revm::{
    Context, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm,
    context::{
        BlockEnv, CfgEnv, Journal, TxEnv,
        result::{ExecutionResult, Output},
    },
    database::{CacheDB, EmptyDB},
    state::AccountInfo,
};

/// Seconds of a block.
pub const BLOCK_SECONDS: u64 = 12;
/// Gas of a transaction: more than any of ours takes, and what the newest rules allow.
const GAS: u64 = 16_000_000;

type Memory = CacheDB<EmptyDB>;
type Evm = MainnetEvm<Context<BlockEnv, TxEnv, CfgEnv, Memory, Journal<Memory>>>;

/// The contracts, in the order in which they are deployed, and the constructors' arguments.
const CONTRACTS: [(&str, &[&str]); 8] = [
    ("Vault", &["ModelFactory", "Jobs", "Jury", "Scores", "Roster"]),
    ("BlockRandomness", &[]),
    ("Jury", &["Vault", "BlockRandomness", "Jobs", "Scores"]),
    ("Scores", &["Vault", "Jury", "Jobs"]),
    ("Roster", &["ModelFactory", "Vault", "Jobs"]),
    ("Jobs", &["ModelFactory", "Vault", "Jury", "Scores", "Roster"]),
    ("ModelFactory", &["Jobs", "Scores", "Vault"]),
    ("ParameterStore", &[]),
];

/// A chain with the protocol on it.
pub struct World {
    evm: Evm,
    /// Every event so far, with its block.
    pub events: Vec<(u64, Log)>,
    addresses: Vec<Address>,
}

/// An account by its number.
pub fn account(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

impl World {
    /// Deploys what `forge build` compiled.
    pub fn new() -> Self {
        let evm = Context::mainnet()
            .with_db(CacheDB::new(EmptyDB::default()))
            .modify_cfg_chained(|cfg| {
                cfg.disable_nonce_check = true;
                cfg.disable_balance_check = true;
                cfg.disable_base_fee = true;
                cfg.disable_block_gas_limit = true;
                // A test may speak as a contract.
                cfg.disable_eip3607 = true;
            })
            .modify_block_chained(|block| {
                block.number = U256::from(1);
                block.timestamp = U256::from(1_800_000_000);
            })
            .build_mainnet();
        let mut world = Self { evm, events: Vec::new(), addresses: Vec::new() };
        let deployer = account(0);
        world.fund(deployer);
        world.addresses = (0..CONTRACTS.len() as u64).map(|nonce| deployer.create(nonce)).collect();
        for (place, (name, arguments)) in CONTRACTS.iter().enumerate() {
            let mut code = creation_code(name);
            for argument in *arguments {
                code.extend_from_slice(&world.at(argument).into_word()[..]);
            }
            let transaction = TxEnv {
                caller: deployer,
                kind: TxKind::Create,
                data: code.into(),
                gas_limit: GAS,
                nonce: place as u64,
                ..TxEnv::default()
            };
            match world.evm.transact_commit(transaction) {
                Ok(ExecutionResult::Success { output: Output::Create(_, Some(at)), .. }) => {
                    assert_eq!(at, world.addresses[place], "{name} is elsewhere");
                }
                other => panic!("{name} was not deployed: {other:?}"),
            }
        }
        world
    }

    /// A contract of the protocol.
    pub fn at(&self, name: &str) -> Address {
        let place = CONTRACTS.iter().position(|(contract, _)| *contract == name);
        self.addresses[place.unwrap_or_else(|| panic!("there is no {name}"))]
    }

    /// Gives an account coins.
    pub fn fund(&mut self, account: Address) {
        let rich = AccountInfo::from_balance(U256::from(1u128 << 100));
        self.evm.ctx.journaled_state.database.insert_account_info(account, rich);
    }

    /// The block of now.
    pub fn block(&self) -> u64 {
        self.evm.ctx.block.number.to()
    }

    /// Its time, in seconds since 1970.
    pub fn time(&self) -> u64 {
        self.evm.ctx.block.timestamp.to()
    }

    /// Hash of an earlier block.
    pub fn block_hash(&mut self, block: u64) -> B256 {
        revm::Database::block_hash(&mut self.evm.ctx.journaled_state.database, block).unwrap()
    }

    /// Later blocks follow.
    pub fn pass(&mut self, blocks: u64) {
        self.evm.ctx.block.number += U256::from(blocks);
        self.evm.ctx.block.timestamp += U256::from(blocks * BLOCK_SECONDS);
    }

    /// Sends a transaction in the block of now.
    ///
    /// # Errors
    /// What the contract refused with.
    pub fn send<C: SolCall>(
        &mut self,
        from: Address,
        to: Address,
        call: &C,
        value: u128,
    ) -> Result<(C::Return, Vec<Log>), ContractError> {
        let transaction = TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            data: call.abi_encode().into(),
            value: U256::from(value),
            gas_limit: GAS,
            ..TxEnv::default()
        };
        match self.evm.transact_commit(transaction) {
            Ok(ExecutionResult::Success { output, logs, .. }) => {
                let block = self.block();
                self.events.extend(logs.iter().map(|log| (block, log.clone())));
                let data: Bytes = output.into_data();
                Ok((C::abi_decode_returns(&data).expect("the answer decodes"), logs))
            }
            Ok(ExecutionResult::Revert { output, .. }) => Err(ContractError::decode(&output)),
            other => panic!("{}: {other:?}", C::SIGNATURE),
        }
    }

    /// Reads.
    pub fn read<C: SolCall>(&mut self, to: Address, call: &C) -> C::Return {
        let transaction = TxEnv {
            kind: TxKind::Call(to),
            data: call.abi_encode().into(),
            gas_limit: GAS,
            ..TxEnv::default()
        };
        match self.evm.transact(transaction).map(|done| done.result) {
            Ok(ExecutionResult::Success { output, .. }) => {
                C::abi_decode_returns(&output.into_data()).expect("the answer decodes")
            }
            other => panic!("{}: {other:?}", C::SIGNATURE),
        }
    }

    /// A model with rules.
    pub fn create(
        &mut self,
        creator: Address,
        rules: IModel::Rules,
        inference_unit: u64,
    ) -> Address {
        self.fund(creator);
        let params = delea_contracts_abi::bindings::factory::IModelFactory::CreateModel {
            name: "Simulated".into(),
            symbol: "SIM".into(),
            manifest: B256::repeat_byte(1),
            genesis: B256::repeat_byte(2),
            supply: U256::from(10u128.pow(24)),
            alpha: 10u64.pow(15),
            referenceSteps: 500,
            inferenceUnit: inference_unit,
            rules,
        };
        let factory = self.at("ModelFactory");
        let call = ModelFactory::createModelCall { params };
        self.send(creator, factory, &call, 0).expect("the model is made").0
    }

    /// Events of a kind, from a number of events on.
    pub fn since<E: SolEvent>(&self, from: usize, emitter: Address) -> Vec<(u64, E)> {
        self.events[from..]
            .iter()
            .filter(|(_, log)| log.address == emitter)
            .filter_map(|(block, log)| E::decode_log(log).ok().map(|event| (*block, event.data)))
            .collect()
    }

    /// A model's job log as a node gives it.
    pub fn job_log(&self, model: Address) -> Vec<delea_ledger::RawLog> {
        let settled = |log: &&(u64, Log)| {
            log.1.address == model && log.1.topics()[0] == Model::JobSettled::SIGNATURE_HASH
        };
        let raw = |(block, log): &(u64, Log)| delea_ledger::RawLog {
            topics: log.topics().to_vec(),
            data: log.data.data.clone(),
            block_number: *block,
        };
        self.events.iter().filter(settled).map(raw).collect()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What a juror commits to.
pub fn vote(case: u64, juror: Address, finding: B256, salt: B256) -> B256 {
    keccak256((case, juror, finding, salt).abi_encode_params())
}

fn creation_code(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../solidity/out");
    let file = root.join(format!("{name}.sol/{name}.json"));
    let text = std::fs::read(&file).unwrap_or_else(|error| {
        panic!("{}: {error}; run `forge build` in solidity first", file.display())
    });
    let artifact: serde_json::Value = serde_json::from_slice(&text).expect("an artifact is JSON");
    hex::decode(artifact["bytecode"]["object"].as_str().expect("it has creation code"))
        .expect("hex")
}
