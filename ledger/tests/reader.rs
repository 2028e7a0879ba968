//! Nodes of every kind: with limits, with moods, cut short, leaving out, making up, and of a chain that reorganises.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::{Cell, RefCell};

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use delea_contracts_abi::{IModel, Model, job::log_hash};
use delea_ledger::{Ledger, LedgerError, Memory, Progress, Record, Shelf, Source, Target, Verdict};
use futures_executor::block_on;
use serde_json::{Value, json};

const MODEL: Address = Address::repeat_byte(0x11);

#[derive(Clone)]
struct Entry {
    block: u64,
    event: Model::JobSettled,
}

/// A chain: entries, and which history its blocks belong to from where on.
#[derive(Clone, Default)]
struct Chain {
    height: u64,
    entries: Vec<Entry>,
    fork: Option<(u64, u8)>,
}

impl Chain {
    fn with(jobs: u64, every: u64) -> Self {
        let mut chain = Self::default();
        for job in 1..=jobs {
            chain.settle(job, job * every);
        }
        chain.height = jobs * every + 20;
        chain
    }

    fn settle(&mut self, job: u64, block: u64) {
        let before = self.entries.last().map_or(B256::ZERO, |entry| entry.event.logHash);
        let mut event = Model::JobSettled {
            job,
            kind: (job % 2) as u8,
            worker: Address::repeat_byte((job % 7) as u8 + 1),
            settlement: IModel::Settlement {
                requester: Address::repeat_byte(9),
                base: 0,
                units: job as u32,
                input: keccak256(job.to_be_bytes()),
                output: B256::repeat_byte(2),
                checkpointRoot: B256::ZERO,
                accuracyPpm: 900_000,
                latency: (job % 100) as u32,
                timeout: 100,
            },
            amount: U256::from(job * 1000),
            pool: U256::from(1u64 << 60),
            number: self.entries.len() as u32 + 1,
            logHash: B256::ZERO,
        };
        event.logHash = log_hash(before, &event);
        self.entries.push(Entry { block, event });
        self.height = self.height.max(block);
    }

    fn hash(&self, block: u64) -> B256 {
        let fork = self.fork.filter(|(from, _)| block >= *from).map_or(0, |(_, fork)| fork);
        keccak256([&block.to_be_bytes()[..], &[fork]].concat())
    }

    /// Another history from a block on, with other entries.
    fn reorganise(&mut self, from: u64, fork: u8, jobs: &[u64]) {
        self.entries.retain(|entry| entry.block < from);
        self.fork = Some((from, fork));
        for (i, job) in jobs.iter().enumerate() {
            self.settle(*job, from + i as u64);
        }
    }

    fn log_hash(&self, block: u64) -> B256 {
        let last = self.entries.iter().rev().find(|entry| entry.block <= block);
        last.map_or(B256::ZERO, |entry| entry.event.logHash)
    }
}

/// How a node behaves.
#[derive(Clone, Default)]
struct Manners {
    /// Blocks that it accepts at once.
    widest: Option<u64>,
    /// Entries that it gives at most, and whether it says so.
    most: Option<(usize, bool)>,
    /// Every so many questions it fails, and how.
    moods: Option<(u32, &'static str)>,
    /// Numbers that it leaves out.
    hides: Vec<u32>,
    /// Whether it also hides them in the contract's hash.
    liar: bool,
    dead: bool,
}

struct World {
    chain: RefCell<Chain>,
    nodes: Vec<Manners>,
    questions: Cell<u32>,
    logs_asked: Cell<u32>,
    /// What happens to the chain before the n-th question.
    then: RefCell<Option<(u32, Change)>>,
}

type Change = Box<dyn FnOnce(&mut Chain)>;

impl World {
    fn new(chain: Chain, nodes: Vec<Manners>) -> Self {
        Self {
            chain: RefCell::new(chain),
            nodes,
            questions: Cell::new(0),
            logs_asked: Cell::new(0),
            then: RefCell::new(None),
        }
    }

    fn target(&self) -> Target {
        Target {
            urls: (0..self.nodes.len()).map(|i| format!("http://node{i}/secret")).collect(),
            model: MODEL,
            from_block: 1,
            confirmations: 12,
        }
    }

    fn read(
        &self,
        ledger: &mut Ledger,
        shelf: &Memory,
    ) -> Result<delea_ledger::Standing, LedgerError> {
        block_on(ledger.read(self, shelf, &self.target(), &mut |_| {}))
    }

    /// A log as this node would tell it: a liar's is whole in itself.
    fn told(&self, manners: &Manners, chain: &Chain) -> Chain {
        if !manners.liar {
            return chain.clone();
        }
        let mut other = Chain { height: chain.height, fork: chain.fork, ..Chain::default() };
        for entry in
            chain.entries.iter().filter(|entry| !manners.hides.contains(&entry.event.number))
        {
            other.settle(entry.event.job, entry.block);
        }
        other.height = chain.height;
        other
    }

    fn answer(&self, manners: &Manners, method: &str, params: &Value) -> Result<Value, Value> {
        let chain = self.told(manners, &self.chain.borrow());
        let number =
            |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
        match method {
            "eth_blockNumber" => Ok(json!(format!("{:#x}", chain.height))),
            "eth_getBlockByNumber" => {
                Ok(json!({ "hash": chain.hash(number(&params[0])), "number": params[0] }))
            }
            "eth_call" => {
                assert_eq!(params[0]["to"], json!(MODEL));
                Ok(json!(chain.log_hash(number(&params[1]))))
            }
            "eth_getLogs" => {
                self.logs_asked.set(self.logs_asked.get() + 1);
                let (from, to) = (number(&params[0]["fromBlock"]), number(&params[0]["toBlock"]));
                if manners.widest.is_some_and(|widest| to - from + 1 > widest) {
                    return Err(json!({ "code": -32602, "message": "block range is too large" }));
                }
                let mut found: Vec<&Entry> = chain
                    .entries
                    .iter()
                    .filter(|entry| (from..=to).contains(&entry.block))
                    .filter(|entry| manners.liar || !manners.hides.contains(&entry.event.number))
                    .collect();
                if let Some((most, says)) = manners.most
                    && found.len() > most
                {
                    if says {
                        return Err(
                            json!({ "code": -32005, "message": "query returned more than 10 results" }),
                        );
                    }
                    found.truncate(most);
                }
                Ok(found.iter().map(|entry| log(entry)).collect())
            }
            _ => panic!("{method} is not asked"),
        }
    }
}

fn log(entry: &Entry) -> Value {
    let log = entry.event.encode_log_data();
    json!({
        "address": MODEL, "topics": log.topics(), "data": log.data, "blockNumber": format!("{:#x}", entry.block),
        "transactionHash": B256::ZERO, "logIndex": "0x0", "removed": false,
    })
}

impl Source for World {
    async fn post(&self, url: &str, body: String) -> Result<String, String> {
        let asked = self.questions.get() + 1;
        self.questions.set(asked);
        if self.then.borrow().as_ref().is_some_and(|(when, _)| asked >= *when) {
            let (_, change) = self.then.take().unwrap();
            change(&mut self.chain.borrow_mut());
        }
        let node = url["http://node".len()..].split('/').next().unwrap().parse::<usize>().unwrap();
        let manners = &self.nodes[node];
        if manners.dead {
            return Err("connection refused".into());
        }
        if let Some((every, mood)) = manners.moods
            && asked.is_multiple_of(every)
        {
            return match mood {
                "silence" => Err("timed out".into()),
                "noise" => Ok("<html>bad gateway</html>".into()),
                "refusal" => {
                    Ok(json!({"error": {"code": -32603, "message": "internal error"}}).to_string())
                }
                "haste" => {
                    Ok(json!({"error": {"code": 429, "message": "Too Many Requests"}}).to_string())
                }
                _ => panic!("{mood}"),
            };
        }
        let body: Value = serde_json::from_str(&body).unwrap();
        let answer = self.answer(manners, body["method"].as_str().unwrap(), &body["params"]);
        Ok(match answer {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": 1, "result": result }),
            Err(error) => json!({ "jsonrpc": "2.0", "id": 1, "error": error }),
        }
        .to_string())
    }

    async fn pause(&self, _: u32) {}
}

fn polite() -> Manners {
    Manners::default()
}

#[test]
fn an_entry_hashes_as_the_contract_does_and_survives_its_short_form() {
    let chain = Chain::with(40, 3);
    let mut kept = Vec::new();
    let mut before = B256::ZERO;
    let mut records = Vec::new();
    for entry in &chain.entries {
        let (record, stated) =
            Record::from_log(&serde_json::from_value(log(entry)).unwrap()).unwrap();
        assert_eq!(record.hash(before), stated);
        let line = record.line().unwrap();
        assert_eq!(
            (line.job, line.number, line.block),
            (entry.event.job, entry.event.number, entry.block)
        );
        assert_eq!(
            (line.worker, line.units, line.latency, line.timeout),
            (entry.event.worker, entry.event.job as u32, (entry.event.job % 100) as u32, 100)
        );
        assert_eq!(U256::from(line.amount), entry.event.amount);
        before = stated;
        record.write(&mut kept);
        records.push(record);
    }
    let mut rest = &kept[..];
    for record in &records {
        assert_eq!(Record::read(&mut rest).as_ref(), Some(record));
    }
    assert!(rest.is_empty());
    for cut in 0..kept.len().min(400) {
        let mut rest = &kept[..cut];
        while Record::read(&mut rest).is_some() {}
    }
    assert_eq!(Record::read(&mut &[0, 0, 0, 0, 0, 0, 0, 1, 33][..]), None);
}

#[test]
fn events_that_no_contract_writes_are_refused() {
    let chain = Chain::with(1, 1);
    let good = log(&chain.entries[0]);
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        Record::from_log(&serde_json::from_value(value).unwrap())
            .and_then(|(record, _)| record.line())
    };
    assert!(broken(&|_| {}).is_ok());
    for change in [
        &|v: &mut Value| v["topics"] = json!([]),
        &|v: &mut Value| v["topics"][0] = json!(B256::ZERO),
        &|v: &mut Value| v["data"] = json!("0x"),
        &|v: &mut Value| v["topics"][2] = json!(B256::with_last_byte(2)),
        &|v: &mut Value| v["topics"][3] = json!(B256::repeat_byte(1)),
        &|v: &mut Value| v["topics"][1] = json!(B256::repeat_byte(1)),
    ] as [&dyn Fn(&mut Value); 6]
    {
        assert!(matches!(broken(change), Err(LedgerError::Malformed { .. })));
    }
    let mut data = hex::decode(good["data"].as_str().unwrap()).unwrap();
    data[2 * 32] = 1;
    assert!(matches!(
        broken(&|v| v["data"] = json!(Bytes::from(data.clone()))),
        Err(LedgerError::Malformed { .. })
    ));
}

#[test]
fn a_log_is_read_whole_once_and_then_only_what_is_new() {
    let world = World::new(Chain::with(2_000, 50), vec![polite()]);
    let (mut ledger, shelf) = (Ledger::default(), Memory::default());
    let mut last = 0;
    let standing = block_on(ledger.read(&world, &shelf, &world.target(), &mut |progress| {
        if let Progress::Read { done, total, .. } = progress {
            assert!(done > last && done <= total);
            last = done;
        }
    }))
    .unwrap();
    assert_eq!((ledger.lines().len(), standing.kept, standing.head), (2_000, 0, 100_020));
    assert_eq!(standing.witnesses[0].endpoint, "node0", "no key of a path is shown");
    // A later visit takes the rest from the shelf and asks for the end alone.
    world.chain.borrow_mut().settle(2_001, 100_030);
    world.logs_asked.set(0);
    let mut later = Ledger::default();
    let standing = world.read(&mut later, &shelf).unwrap();
    assert_eq!((later.lines().len(), standing.kept), (2_001, 2_000));
    assert!(world.logs_asked.get() <= 2, "{} questions", world.logs_asked.get());
    // And so does the same one.
    world.chain.borrow_mut().settle(2_002, 100_031);
    world.logs_asked.set(0);
    world.read(&mut ledger, &shelf).unwrap();
    assert_eq!(ledger.lines(), {
        world.read(&mut later, &shelf).unwrap();
        later.lines()
    });
    assert!(world.logs_asked.get() <= 4);
    let again = block_on(ledger.recompute(&shelf, |_| {})).unwrap();
    assert_eq!((again.lines(), again.log_hash()), (ledger.lines(), ledger.log_hash()));
    assert!(block_on(shelf.list()).len() < 20, "small pieces are put together");
}

#[test]
fn limits_are_found_and_kept_to() {
    for manners in [
        Manners { widest: Some(1), ..polite() },
        Manners { widest: Some(7), ..polite() },
        Manners { most: Some((3, true)), ..polite() },
        Manners { most: Some((100, false)), ..polite() },
        Manners { most: Some((150, false)), widest: Some(1_000), ..polite() },
    ] {
        let world = World::new(Chain::with(600, 5), vec![manners]);
        let mut ledger = Ledger::default();
        world.read(&mut ledger, &Memory::default()).unwrap();
        assert_eq!(ledger.lines().len(), 600);
    }
}

#[test]
fn moods_pass() {
    for mood in ["silence", "noise", "refusal", "haste"] {
        for every in [2, 3] {
            let world = World::new(
                Chain::with(200, 40),
                vec![Manners { moods: Some((every, mood)), widest: Some(2_000), ..polite() }],
            );
            let mut ledger = Ledger::default();
            world.read(&mut ledger, &Memory::default()).unwrap();
            assert_eq!(ledger.lines().len(), 200, "{mood} every {every}");
        }
    }
}

#[test]
fn a_dead_node_is_passed_over_and_told() {
    let dead = Manners { dead: true, ..polite() };
    let world = World::new(Chain::with(50, 5), vec![dead.clone(), polite()]);
    let mut ledger = Ledger::default();
    let standing = world.read(&mut ledger, &Memory::default()).unwrap();
    assert!(matches!(standing.witnesses[0].verdict, Verdict::Silent(_)));
    assert_eq!(standing.witnesses[1].verdict, Verdict::Agrees);
    let world = World::new(Chain::with(50, 5), vec![dead]);
    assert!(matches!(
        world.read(&mut Ledger::default(), &Memory::default()),
        Err(LedgerError::Unreachable { .. })
    ));
}

#[test]
fn an_entry_that_a_node_leaves_out_is_found_at_another() {
    for hidden in [1, 30, 60] {
        let hides = Manners { hides: vec![hidden], ..polite() };
        let world = World::new(Chain::with(60, 5), vec![hides.clone(), polite()]);
        let mut ledger = Ledger::default();
        world.read(&mut ledger, &Memory::default()).unwrap();
        assert_eq!(ledger.lines().len(), 60, "without {hidden}");
        let world = World::new(Chain::with(60, 5), vec![hides]);
        let error = world.read(&mut Ledger::default(), &Memory::default()).unwrap_err();
        assert!(matches!(error, LedgerError::Broken { .. } | LedgerError::Short { .. }), "{error}");
        assert!(error.to_string().contains("another node"));
    }
}

/// A node whose log and contract both leave an entry out cannot be seen through alone, but it contradicts the others.
#[test]
fn a_node_that_makes_up_a_whole_log_is_contradicted() {
    let liar = Manners { hides: vec![20], liar: true, ..polite() };
    let world = World::new(Chain::with(60, 5), vec![liar, polite()]);
    let mut ledger = Ledger::default();
    let standing = world.read(&mut ledger, &Memory::default()).unwrap();
    assert!(standing.witnesses.iter().any(|witness| witness.verdict == Verdict::OtherLog));
}

#[test]
fn a_reorganisation_takes_back_what_it_changed() {
    let mut chain = Chain::with(100, 10);
    chain.height = 1_000;
    let world = World::new(chain, vec![polite()]);
    let (mut ledger, shelf) = (Ledger::default(), Memory::default());
    world.read(&mut ledger, &shelf).unwrap();
    // Five blocks: within what is read anew.
    world.chain.borrow_mut().reorganise(996, 1, &[500, 501]);
    world.chain.borrow_mut().height = 1_003;
    world.read(&mut ledger, &shelf).unwrap();
    assert_eq!(ledger.log_hash(), world.chain.borrow().log_hash(1_003));
    // Deeper than anything should: kept pieces go.
    world.chain.borrow_mut().reorganise(300, 2, &[700, 701, 702]);
    world.chain.borrow_mut().height = 1_010;
    world.read(&mut ledger, &shelf).unwrap();
    let mut fresh = Ledger::default();
    world.read(&mut fresh, &shelf).unwrap();
    for ledger in [&ledger, &fresh] {
        assert_eq!(ledger.log_hash(), world.chain.borrow().log_hash(1_010));
        assert_eq!(ledger.lines().iter().filter(|line| line.job >= 500).count(), 3);
    }
}

#[test]
fn a_reorganisation_in_the_middle_of_reading_is_noticed() {
    for when in 2..14 {
        let mut chain = Chain::with(100, 10);
        chain.height = 1_002;
        let world = World::new(chain, vec![Manners { widest: Some(300), ..polite() }]);
        let (mut ledger, shelf) = (Ledger::default(), Memory::default());
        *world.then.borrow_mut() = Some((
            when,
            Box::new(|chain| {
                chain.reorganise(995, 3, &[900, 901, 902]);
                chain.height = 1_004;
            }),
        ));
        world.read(&mut ledger, &shelf).unwrap();
        world.read(&mut ledger, &shelf).unwrap();
        assert_eq!(
            ledger.log_hash(),
            world.chain.borrow().log_hash(1_004),
            "before question {when}"
        );
    }
}

#[test]
fn a_damaged_or_lost_piece_is_read_again() {
    let world =
        World::new(Chain::with(3_000, 50), vec![Manners { widest: Some(10_000), ..polite() }]);
    let shelf = Memory::default();
    world.read(&mut Ledger::default(), &shelf).unwrap();
    let chunks = block_on(shelf.list());
    assert!(chunks.len() > 1);
    let (victim, mut records) = (chunks[1], block_on(shelf.get(chunks[1].from)).unwrap());
    records[20] ^= 1;
    block_on(shelf.put(victim, &records));
    let mut ledger = Ledger::default();
    world.read(&mut ledger, &shelf).unwrap();
    assert_eq!(ledger.lines().len(), 3_000);
    block_on(shelf.forget_from(0));
    assert!(matches!(block_on(ledger.recompute(&shelf, |_| {})), Err(LedgerError::Storage { .. })));
}

#[test]
fn a_chain_that_began_anew_has_nothing_of_the_old_one() {
    let shelf = Memory::default();
    let world = World::new(Chain::with(3_000, 50), vec![polite()]);
    world.read(&mut Ledger::default(), &shelf).unwrap();
    let mut chain = Chain { fork: Some((0, 9)), ..Chain::default() };
    chain.settle(1, 5);
    chain.height = 60;
    let world = World::new(chain, vec![polite()]);
    let mut ledger = Ledger::default();
    world.read(&mut ledger, &shelf).unwrap();
    assert_eq!(ledger.lines().len(), 1);
}

#[test]
fn epochs_hold_what_the_log_says() {
    let chain = Chain::with(200, 10);
    let world = World::new(chain, vec![polite()]);
    let mut ledger = Ledger::default();
    world.read(&mut ledger, &Memory::default()).unwrap();
    let epochs = ledger.epochs();
    assert_eq!(epochs.iter().map(|epoch| epoch.trainings + epoch.inferences).sum::<u32>(), 200);
    for head in epochs {
        let report = ledger.report(head.epoch).unwrap();
        assert_eq!(report.head, head);
        assert_eq!(report.rows.iter().map(|row| row.weight).sum::<u128>(), delea_scoring::WAD);
        assert_eq!(report.rows.iter().map(|row| row.train + row.infer).sum::<u128>(), head.total);
        for row in &report.rows {
            let jobs = ledger.jobs(head.epoch, Some(row.worker));
            assert_eq!(jobs.iter().map(|job| job.score).sum::<u128>(), row.train + row.infer);
            assert_eq!(jobs.len() as u32, row.trainings + row.inferences);
            let leaf = keccak256(keccak256((row.worker, U256::from(row.weight)).abi_encode()));
            let root = row.proof.iter().fold(leaf, |node, other| {
                let (low, high) = if node < *other { (node, *other) } else { (*other, node) };
                keccak256([low, high].concat())
            });
            assert_eq!(root, report.root);
        }
        let csv = delea_ledger::epoch_csv(&ledger, head.epoch);
        assert_eq!(csv.lines().count(), 1 + (head.trainings + head.inferences) as usize);
    }
    // An address can name any.
    for epoch in [99_999, u64::MAX / 360, u64::MAX] {
        assert!(ledger.report(epoch).is_none());
    }
    let worker = Address::repeat_byte(3);
    let mine = ledger.worker(worker, 3);
    assert_eq!(mine.len(), 3);
    let last =
        ledger.lines().iter().filter(|line| line.worker == worker).map(|line| line.block).max();
    assert_eq!(mine[0].head.epoch, delea_scoring::epoch_of(last.unwrap()));
    for epoch in mine {
        let lines = ledger.epoch(epoch.head.epoch).iter().filter(|line| line.worker == worker);
        let trained = lines.filter(|line| line.kind == delea_contracts_abi::JobKind::Train);
        assert_eq!(epoch.earned, trained.map(|line| line.amount).sum::<u128>());
        assert_eq!(epoch.row.worker, worker);
    }
}
