//! The workers, the users, the auditors, and what each of them does when.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

use alloy_primitives::{Address, B256, U256, aliases::U96, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use delea_contracts_abi::{
    Jobs, Jury, Model, Roster, Scores,
    bindings::{factory::IModel, jobs::IJobs},
};
use delea_ledger::{EpochReport, Ledger, Record};
use delea_market_tests::{BLOCK_SECONDS, World, account, vote};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::plot::{self, Line};

const EPOCH_BLOCKS: u64 = 360;
/// Coins that are put at stake, in wei.
const BOND: u128 = 10u128.pow(16);
/// Seconds of a lease, and in which others can doubt.
const LEASE: u64 = 300;
const WINDOW: u64 = 240;
const PHASE: u64 = 60;
/// Seconds of a round: trainings are made one after the other here, each published before the next.
const ROUND: u64 = 60;
/// Places in line of the roster, and seconds between them.
const PLACES: u128 = 32;
const GRACE: u64 = 12;
/// Auditors, how many of them collude, and the share of results that the honest ones check, all together.
const AUDITORS: u64 = 60;
const COLLUDING: u64 = 12;
const CHECKED: f64 = 0.25;
/// Bonds after which a cheat has nothing left to put at stake.
const BANKROLL: u32 = 12;
/// Weight of an inference, and speed of the curve, WAD: one costs about half a token.
const UNIT: u64 = 500_000_000_000_000;
const ALPHA: u64 = 1_000_000_000_000_000;
const SALT: B256 = B256::repeat_byte(7);

/// How somebody works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    /// Does every job, at its own speed.
    Honest,
    /// The same, but inferences alone.
    SingleKind,
    /// Honest, but takes nearly the whole lease.
    Slow,
    /// Answers without computing.
    Lazy,
    /// Hands in what another one made.
    Copying,
    /// Ten accounts of one owner, who can do the work of one.
    Sybil,
    /// Answers without computing, with friends among the auditors who vote for it.
    Colluding,
}

impl Class {
    const ALL: [Self; 7] = [
        Self::Honest,
        Self::SingleKind,
        Self::Slow,
        Self::Lazy,
        Self::Copying,
        Self::Sybil,
        Self::Colluding,
    ];
    /// Those who hand in what they did not do.
    pub(crate) const CHEATS: [Self; 3] = [Self::Lazy, Self::Copying, Self::Colluding];

    fn share(self) -> f64 {
        match self {
            Self::Honest => 0.56,
            Self::SingleKind => 0.08,
            Self::Slow => 0.06,
            Self::Lazy | Self::Copying => 0.08,
            Self::Sybil => 0.10,
            Self::Colluding => 0.04,
        }
    }

    fn is_cheat(self) -> bool {
        Self::CHEATS.contains(&self)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::SingleKind => "inferences alone",
            Self::Slow => "slow",
            Self::Lazy => "lazy",
            Self::Copying => "copying",
            Self::Sybil => "Sybil (per account)",
            Self::Colluding => "colluding",
        }
    }
}

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) workers: u64,
    pub(crate) epochs: u64,
    pub(crate) seed: u64,
}

struct Worker {
    address: Address,
    class: Class,
    /// Until when it is busy; one that shares an owner is busy with the others.
    owner: usize,
    lost: u32,
    tokens: u128,
    coins: i128,
    jobs: u32,
}

/// What happens at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Open { training: bool },
    Claim { job: u64, rank: usize },
    Commit { job: u64 },
    Reveal { job: u64 },
    Settle { job: u64 },
    Judge { job: u64, stage: u8 },
    Publish,
    Close { epoch: u64, stage: u8 },
}

struct Job {
    training: bool,
    line: Vec<usize>,
    worker: usize,
    result: IJobs::Result,
    right: bool,
    challenger: Option<usize>,
}

/// The whole simulation.
pub(crate) struct Crowd {
    world: World,
    rng: ChaCha8Rng,
    settings: Settings,
    model: Address,
    workers: Vec<Worker>,
    /// Until when each owner is busy.
    busy: Vec<u64>,
    auditors: Vec<Address>,
    /// Coins of auditors, by place.
    auditor_coins: HashMap<Address, i128>,
    users: Vec<Address>,
    begun: u64,
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    count: u64,
    jobs: HashMap<u64, Job>,
    ledger: Ledger,
    read: usize,
    compared: u64,
    /// Emission by epoch and class.
    paid: BTreeMap<u64, BTreeMap<Class, u128>>,
    /// Bonds lost by epoch and class.
    refuted: BTreeMap<u64, BTreeMap<Class, u32>>,
    caught: BTreeMap<Class, u32>,
    unnoticed: BTreeMap<Class, u32>,
    late: u32,
    /// Whether a training is under way.
    training: bool,
}

impl Crowd {
    /// Everybody is there, and waits in line.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut world = World::new();
        let creator = account(1);
        let rules = IModel::Rules {
            bond: U96::from(BOND),
            bondInTokens: false,
            jurySize: 5,
            rollbackDelay: 3600,
            challengeWindow: WINDOW as u32,
            juryPhase: PHASE as u32,
            trainLease: LEASE as u32,
            inferLease: LEASE as u32,
            roundLength: ROUND as u32,
            minImprovementPpm: 0,
        };
        let model = world.create(creator, rules, UNIT);
        let users: Vec<Address> = (0..20).map(|i| account(500_000 + i)).collect();
        for user in &users {
            world.fund(*user);
            let call =
                Model::transferCall { to: *user, amount: U256::from(2_000 * 10u128.pow(18)) };
            world.send(creator, model, &call, 0).expect("users have tokens");
        }
        let (roster, jury) = (world.at("Roster"), world.at("Jury"));
        let mut workers = Vec::new();
        let mut busy = Vec::new();
        for class in Class::ALL {
            let many = (settings.workers as f64 * class.share()).round() as u64;
            for i in 0..many {
                let address = account(1_000 + workers.len() as u64);
                world.fund(address);
                if class != Class::Sybil || i % 10 == 0 {
                    busy.push(0);
                }
                let kinds = if class == Class::SingleKind { 2 } else { 3 };
                world
                    .send(address, roster, &Roster::enlistCall { model, kinds }, BOND)
                    .expect("it waits in line");
                workers.push(Worker {
                    address,
                    class,
                    owner: busy.len() - 1,
                    lost: 0,
                    tokens: 0,
                    coins: 0,
                    jobs: 0,
                });
            }
        }
        let auditors: Vec<Address> = (0..AUDITORS).map(|i| account(900_000 + i)).collect();
        let stake = world.read(jury, &Jury::JUROR_STAKECall {});
        for auditor in &auditors {
            world.fund(*auditor);
            let many = stake * U256::from(200);
            let call = Jury::registerCall { stake: many.to() };
            world.send(*auditor, jury, &call, many.to()).expect("it is an auditor");
        }
        // All of it in one epoch, and the first one whole.
        let into = world.block() % EPOCH_BLOCKS;
        world.pass(EPOCH_BLOCKS - into);
        let begun = world.time() - world.block() * BLOCK_SECONDS;
        Self {
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            settings,
            model,
            workers,
            busy,
            auditor_coins: auditors.iter().map(|auditor| (*auditor, 0)).collect(),
            auditors,
            users,
            begun,
            queue: BinaryHeap::new(),
            count: 0,
            jobs: HashMap::new(),
            ledger: Ledger::default(),
            read: 0,
            compared: 0,
            paid: BTreeMap::new(),
            refuted: BTreeMap::new(),
            caught: BTreeMap::new(),
            unnoticed: BTreeMap::new(),
            late: 0,
            training: false,
            world,
        }
    }

    fn at(&mut self, time: u64, event: Event) {
        self.count += 1;
        self.queue.push(Reverse((time, self.count, event)));
    }

    /// What was begun comes to its end, and nothing new is.
    pub(crate) fn finish(&mut self) {
        while let Some(Reverse((time, _, event))) = self.queue.pop() {
            self.reach(time);
            self.happen(event);
        }
    }

    /// The chain's clock goes on to a time.
    fn reach(&mut self, time: u64) {
        let block = (time - self.begun).div_ceil(BLOCK_SECONDS);
        let now = self.world.block();
        if block > now {
            self.world.pass(block - now);
        }
    }

    /// One epoch of work, and the division of the one before.
    pub(crate) fn live_through(&mut self) {
        let begin = self.world.time();
        let epoch = self.world.block() / EPOCH_BLOCKS;
        let end = self.begun + (epoch + 1) * EPOCH_BLOCKS * BLOCK_SECONDS;
        // One job a worker and epoch, a fiftieth of them trainings.
        for _ in 0..self.settings.workers {
            let time = self.rng.random_range(begin..end);
            self.at(time, Event::Open { training: false });
        }
        for _ in 0..self.settings.workers / 50 {
            let time = self.rng.random_range(begin..end);
            self.at(time, Event::Open { training: true });
        }
        self.at(end, Event::Close { epoch, stage: 0 });
        while let Some(Reverse((time, _, _))) = self.queue.peek() {
            if *time > end {
                break;
            }
            let Some(Reverse((time, _, event))) = self.queue.pop() else { break };
            self.reach(time);
            self.happen(event);
        }
        self.reach(end);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Open { training } => self.open(training),
            Event::Claim { job, rank } => self.claim(job, rank),
            Event::Commit { job } => self.commit(job),
            Event::Reveal { job } => self.reveal(job),
            Event::Settle { job } => self.settle(job),
            Event::Judge { job, stage } => self.judge(job, stage),
            Event::Publish => self.publish(),
            Event::Close { epoch, stage } => self.close(epoch, stage),
        }
    }

    fn open(&mut self, training: bool) {
        if training && self.training {
            return;
        }
        let user = *self.users.choose(&mut self.rng).expect("there are users");
        let (model, contract) = (self.model, self.world.at("Jobs"));
        let head = self.world.read(model, &Model::headCall {});
        let request = IJobs::Request {
            model,
            kind: u8::from(!training),
            proof: 0,
            base: head,
            units: if training { 100 } else { 1 },
            input: keccak256(self.count.to_be_bytes()),
            maxPrice: U256::MAX,
        };
        let Ok((_, logs)) = self.world.send(user, contract, &Jobs::openCall { request }, 0) else {
            // A poor user, or a round that is closed for trainings.
            return;
        };
        let opened = logs.iter().find_map(|log| Jobs::JobOpened::decode_log(log).ok());
        let job = opened.expect("it is open").job;
        // The block's hash draws everybody's place in line; those of the first places come into question.
        let (block, time) = (self.world.block(), self.world.time());
        let hash = self.world.block_hash(block);
        let serves = |worker: &Worker| !(training && worker.class == Class::SingleKind);
        let many = self.workers.iter().filter(|worker| serves(worker)).count() as u128;
        let mut line: Vec<(u128, usize)> = Vec::new();
        for (i, worker) in self.workers.iter().enumerate().filter(|(_, worker)| serves(worker)) {
            let drawn = keccak256((job, worker.address, hash).abi_encode_params());
            let number = u128::from_be_bytes(drawn[16..].try_into().expect("half a hash"));
            let place = ((U256::from(number) * U256::from(many)) >> 128usize).to::<u128>();
            if place < PLACES && worker.lost < BANKROLL {
                line.push((place, i));
            }
        }
        line.sort_unstable();
        let first = line.first().map_or(PLACES as u64, |(place, _)| *place as u64);
        let kept = Job {
            training,
            line: line.iter().map(|(_, i)| *i).collect(),
            worker: 0,
            result: IJobs::Result::default(),
            right: false,
            challenger: None,
        };
        self.jobs.insert(job, kept);
        self.training |= training;
        self.at(time + BLOCK_SECONDS + first * GRACE, Event::Claim { job, rank: 0 });
    }

    fn claim(&mut self, id: u64, rank: usize) {
        let now = self.world.time();
        let Some(worker) = self.jobs[&id].line.get(rank).copied() else {
            return self.forsake(id);
        };
        let owner = self.workers[worker].owner;
        let again = now + GRACE;
        if self.busy[owner] > now {
            return self.at(again, Event::Claim { job: id, rank: rank + 1 });
        }
        let call = Jobs::claimCall { id, minReward: U96::ZERO };
        let from = self.workers[worker].address;
        if let Err(error) = self.world.send(from, self.world.at("Jobs"), &call, BOND) {
            assert_eq!(error.name(), Some("NotYourTurn"), "{error}");
            return self.at(again, Event::Claim { job: id, rank });
        }
        self.workers[worker].coins -= BOND as i128;
        let class = self.workers[worker].class;
        let takes = match class {
            Class::Slow => self.rng.random_range(LEASE * 86 / 100..LEASE * 95 / 100),
            class if class.is_cheat() => BLOCK_SECONDS,
            _ if self.jobs[&id].training => self.rng.random_range(30..120),
            _ => self.rng.random_range(5..60),
        };
        self.busy[owner] = now + takes;
        self.jobs.get_mut(&id).expect("it is known").worker = worker;
        self.at(now + takes, Event::Commit { job: id });
    }

    fn commit(&mut self, id: u64) {
        let job = &self.jobs[&id];
        let worker = &self.workers[job.worker];
        let honest = keccak256(("the answer", id).abi_encode_params());
        let (right, output) = match worker.class {
            Class::Lazy | Class::Colluding => (false, keccak256(("noise", id).abi_encode_params())),
            // Another's work, under its own name.
            Class::Copying => {
                (false, keccak256(("the answer", id.saturating_sub(1)).abi_encode_params()))
            }
            _ => (true, honest),
        };
        let result = IJobs::Result {
            output,
            checkpointRoot: if job.training { output } else { B256::ZERO },
            accuracyPpm: if job.training { 900_000 } else { 0 },
        };
        let from = worker.address;
        let call = Jobs::commitCall { id, result: result.clone() };
        let jobs = self.world.at("Jobs");
        match self.world.send(from, jobs, &call, 0) {
            Ok(_) => {
                let kept = self.jobs.get_mut(&id).expect("it is known");
                (kept.result, kept.right) = (result, right);
                let next = self.world.time() + BLOCK_SECONDS;
                self.at(next, Event::Reveal { job: id });
            }
            Err(_) => self.give_up(id),
        }
    }

    /// Nobody of those in line takes it.
    fn forsake(&mut self, id: u64) {
        if self.jobs[&id].training {
            self.training = false;
        }
    }

    /// The lease ran out, or another training came first.
    fn give_up(&mut self, id: u64) {
        self.forsake(id);
        let jobs = self.world.at("Jobs");
        let worker = self.jobs[&id].worker;
        let from = self.workers[worker].address;
        if self.world.send(from, jobs, &Jobs::abandonCall { id }, 0).is_ok() {
            self.workers[worker].coins += BOND as i128;
        } else {
            let _ = self.world.send(from, jobs, &Jobs::lapseCall { id }, 0);
            self.late += 1;
        }
    }

    fn reveal(&mut self, id: u64) {
        let (jobs, job) = (self.world.at("Jobs"), &self.jobs[&id]);
        let from = self.workers[job.worker].address;
        let call = Jobs::revealCall { id, result: job.result.clone(), cid: Default::default() };
        if self.world.send(from, jobs, &call, 0).is_err() {
            return self.give_up(id);
        }
        let now = self.world.time();
        // Honest auditors do a share of all results again.
        if !self.jobs[&id].right && self.rng.random_bool(CHECKED) {
            let place = self.rng.random_range(COLLUDING as usize..self.auditors.len());
            let auditor = self.auditors[place];
            match self.world.send(auditor, jobs, &Jobs::challengeCall { id }, BOND) {
                Ok(_) => {
                    *self.auditor_coins.get_mut(&auditor).expect("it is one") -= BOND as i128;
                    self.jobs.get_mut(&id).expect("it is known").challenger = Some(place);
                    return self.at(now + BLOCK_SECONDS, Event::Judge { job: id, stage: 0 });
                }
                Err(error) => panic!("an auditor cannot doubt: {error}"),
            }
        }
        self.at(now + WINDOW + BLOCK_SECONDS, Event::Settle { job: id });
    }

    fn judge(&mut self, id: u64, stage: u8) {
        let (jobs, jury) = (self.world.at("Jobs"), self.world.at("Jury"));
        let case = self.world.read(jobs, &Jobs::jobOfCall { id }).caseId;
        let now = self.world.time();
        if stage == 0 {
            let drawn = self.world.send(account(1), jury, &Jury::drawCall { caseId: case }, 0);
            let voting = self.world.read(jury, &Jury::caseOfCall { caseId: case }).stage == 2;
            if drawn.is_err() || !voting {
                return self.at(now + BLOCK_SECONDS, Event::Judge { job: id, stage: 0 });
            }
            return self.at(now + BLOCK_SECONDS, Event::Judge { job: id, stage: 1 });
        }
        let job = &self.jobs[&id];
        let claimed = keccak256(job.result.abi_encode());
        let honest = keccak256(("what an honest juror finds", id).abi_encode_params());
        let friends = self.workers[job.worker].class == Class::Colluding;
        let jurors = self.world.read(jury, &Jury::juryCall { caseId: case }).jurors;
        let finds = |juror: &Address| {
            let place = self.auditors.iter().position(|auditor| auditor == juror);
            let corrupt = place.is_some_and(|place| (place as u64) < COLLUDING);
            if friends && corrupt { claimed } else { honest }
        };
        let votes: Vec<(Address, B256)> =
            jurors.iter().map(|juror| (*juror, finds(juror))).collect();
        for (juror, finding) in &votes {
            let commitment = vote(case, *juror, *finding, SALT);
            let call = Jury::commitVoteCall { caseId: case, commitment };
            self.world.send(*juror, jury, &call, 0).expect("a juror commits");
        }
        for (juror, finding) in &votes {
            let call = Jury::revealVoteCall { caseId: case, finding: *finding, salt: SALT };
            self.world.send(*juror, jury, &call, 0).expect("a juror reveals");
        }
        self.world
            .send(account(1), jury, &Jury::closeCall { caseId: case }, 0)
            .expect("the case closes");
        self.settle(id);
    }

    fn settle(&mut self, id: u64) {
        let (jobs, job) = (self.world.at("Jobs"), &self.jobs[&id]);
        let call = Jobs::settleCall { id, result: job.result.clone() };
        let from = self.world.events.len();
        if self.world.send(account(1), jobs, &call, 0).is_err() {
            return self.give_up(id);
        }
        let rejected = !self.world.since::<Jobs::JobRejected>(from, jobs).is_empty();
        let settled = self.world.since::<Model::JobSettled>(from, self.model);
        let (place, right, challenger, training) =
            (job.worker, job.right, job.challenger, job.training);
        let worker = &mut self.workers[place];
        if rejected {
            worker.lost += 1;
            *self.caught.entry(worker.class).or_default() += 1;
            let epoch = self.world.block() / EPOCH_BLOCKS;
            *self.refuted.entry(epoch).or_default().entry(worker.class).or_default() += 1;
            return self.forsake(id);
        }
        worker.jobs += 1;
        worker.coins += BOND as i128;
        if challenger.is_some() {
            // The challenger's bond: half to the worker, half to the jurors.
            worker.coins += BOND as i128 / 2;
        }
        if !right {
            *self.unnoticed.entry(worker.class).or_default() += 1;
        }
        if training && let Some((_, event)) = settled.first() {
            worker.tokens += event.amount.to::<u128>();
        }
        if training {
            // It is the next version once the round is over, or is already.
            let now = self.world.time();
            match self.is_round_open() {
                false => self.training = false,
                true => self.at(now + ROUND + BLOCK_SECONDS, Event::Publish),
            }
        }
    }

    /// Whether an accepted training waits to be the next version.
    fn is_round_open(&mut self) -> bool {
        let (jobs, model) = (self.world.at("Jobs"), self.model);
        let round = self.world.read(jobs, &Jobs::roundOfCall { model });
        round.accepted > 0 && round.number == self.world.read(model, &Model::roundCall {})
    }

    /// The training of the round is the next version, once the round is over.
    fn publish(&mut self) {
        let (jobs, model) = (self.world.at("Jobs"), self.model);
        let call = Jobs::publishRoundCall { model };
        match self.world.send(account(1), jobs, &call, 0) {
            Ok(_) => self.training = false,
            Err(error) => {
                assert_eq!(error.name(), Some("RoundNotDone"), "{error}");
                match self.is_round_open() {
                    false => self.training = false,
                    true => {
                        let later = self.world.time() + ROUND;
                        self.at(later, Event::Publish);
                    }
                }
            }
        }
    }

    /// Divides an epoch: posted by anybody, made final once nobody could doubt it, claimed by all.
    fn close(&mut self, epoch: u64, stage: u8) {
        let (scores, model) = (self.world.at("Scores"), self.model);
        let Some(report) = self.compare(epoch) else { return };
        if stage == 0 {
            let call = Scores::postWeightsCall { model, epoch, root: report.root };
            self.world.send(account(1), scores, &call, BOND).expect("weights are posted");
            let then = self.world.time() + WINDOW + BLOCK_SECONDS;
            return self.at(then, Event::Close { epoch, stage: 1 });
        }
        let pool = self.world.read(model, &Model::poolCall {});
        self.world
            .send(account(1), scores, &Scores::settleWeightsCall { model, epoch }, 0)
            .expect("weights are final");
        let held = self.world.read(scores, &Scores::epochOfCall { model, epoch });
        let sums = Ledger::board(self.ledger.epoch(epoch)).sums(epoch);
        let emission = sums.emission_down(pool, UNIT, U256::from(ALPHA)).expect("it fits");
        assert_eq!(U256::from(held.emission), emission, "emission of epoch {epoch}");
        let classes: HashMap<Address, usize> =
            self.workers.iter().enumerate().map(|(i, worker)| (worker.address, i)).collect();
        for row in report.rows {
            let call = Scores::claimCall {
                model,
                epoch,
                worker: row.worker,
                weight: U256::from(row.weight),
                proof: row.proof,
            };
            let amount = self.world.send(row.worker, scores, &call, 0).expect("it is claimed").0;
            let worker = &mut self.workers[classes[&row.worker]];
            worker.tokens += amount.to::<u128>();
            *self.paid.entry(epoch).or_default().entry(worker.class).or_default() +=
                amount.to::<u128>();
        }
    }

    /// An epoch's report, after comparing it with the contract, worker by worker.
    fn compare(&mut self, epoch: u64) -> Option<EpochReport> {
        let log = self.world.job_log(self.model);
        for entry in &log[self.read..] {
            let (record, stated) = Record::from_log(entry).expect("the contract's own entry");
            assert_eq!(self.ledger.follow(&record, stated), Ok(true), "the log is linked");
        }
        self.read = log.len();
        assert_eq!(self.ledger.log_hash(), self.world.read(self.model, &Model::logHashCall {}));
        let report = self.ledger.report(epoch)?;
        let (scores, model) = (self.world.at("Scores"), self.model);
        let held = self.world.read(scores, &Scores::epochOfCall { model, epoch });
        assert_eq!(U256::from(held.total), U256::from(report.head.total));
        assert_eq!(held.inferences, report.head.units);
        assert_eq!(U256::from(held.paid), U256::from(report.head.paid));
        for row in &report.rows {
            let held =
                self.world.read(scores, &Scores::scoreOfCall { model, epoch, worker: row.worker });
            let found =
                (U256::from(row.train), U256::from(row.infer), row.trainings, row.inferences);
            let there =
                (U256::from(held.train), U256::from(held.infer), held.trainings, held.inferences);
            assert_eq!(found, there, "{}", row.worker);
            self.compared += 1;
        }
        Some(report)
    }

    /// What came of it.
    pub(crate) fn report(&self) -> Report {
        let mut sums: BTreeMap<Class, Sum> = BTreeMap::new();
        for worker in &self.workers {
            let sum = sums.entry(worker.class).or_default();
            sum.workers += 1;
            sum.tokens += worker.tokens as f64 / 1e18;
            sum.jobs += worker.jobs;
            sum.bonds += worker.coins as f64 / BOND as f64;
        }
        for (class, sum) in &mut sums {
            sum.class = Some(*class);
            sum.caught = self.caught.get(class).copied().unwrap_or_default();
            sum.unnoticed = self.unnoticed.get(class).copied().unwrap_or_default();
        }
        Report {
            sums: sums.into_values().collect(),
            paid: self.paid.clone(),
            refuted: self.refuted.clone(),
            entries: self.ledger.lines().len(),
            compared: self.compared,
            late: self.late,
            settings: self.settings,
        }
    }
}

/// One class's figures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    class: Option<Class>,
    workers: u32,
    tokens: f64,
    bonds: f64,
    jobs: u32,
    caught: u32,
    unnoticed: u32,
}

impl Sum {
    /// Tokens a worker has in the end, after its lost bonds at a price: a bond is worth what twenty inferences cost.
    pub(crate) fn net(&self) -> f64 {
        (self.tokens + self.bonds * BOND_TOKENS) / f64::from(self.workers.max(1))
    }
}

/// Tokens that one bond is worth here.
const BOND_TOKENS: f64 = 10.0;

/// All figures.
pub(crate) struct Report {
    sums: Vec<Sum>,
    paid: BTreeMap<u64, BTreeMap<Class, u128>>,
    refuted: BTreeMap<u64, BTreeMap<Class, u32>>,
    entries: usize,
    compared: u64,
    late: u32,
    settings: Settings,
}

impl Report {
    /// A class's figures.
    pub(crate) fn of(&self, class: Class) -> Sum {
        self.sums.iter().find(|sum| sum.class == Some(class)).copied().unwrap_or_default()
    }

    fn rows(&self) -> impl Iterator<Item = (Class, &Sum)> {
        self.sums.iter().filter_map(|sum| sum.class.map(|class| (class, sum)))
    }

    /// For reading.
    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{} workers, {} epochs, {} settled jobs, {} workers' epochs compared with the contract, {} leases lost\n\n| class | workers | jobs each | tokens each | bonds each | cheats refuted | cheats unnoticed | net each |\n|---|---|---|---|---|---|---|---|\n",
            self.settings.workers, self.settings.epochs, self.entries, self.compared, self.late
        );
        for (class, sum) in self.rows() {
            let each = |value: f64| value / f64::from(sum.workers.max(1));
            text.push_str(&format!(
                "| {} | {} | {:.1} | {:.2} | {:.2} | {} | {} | {:.2} |\n",
                class.name(),
                sum.workers,
                each(f64::from(sum.jobs)),
                each(sum.tokens),
                each(sum.bonds),
                sum.caught,
                sum.unnoticed,
                sum.net()
            ));
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let classes = self.rows().map(|(class, sum)| {
            json!({
                "class": class.name(), "workers": sum.workers, "jobs": sum.jobs, "tokens": sum.tokens, "bonds": sum.bonds,
                "refuted": sum.caught, "unnoticed": sum.unnoticed, "netEach": sum.net(),
            })
        });
        json!({
            "workers": self.settings.workers, "epochs": self.settings.epochs, "seed": self.settings.seed,
            "jobs": self.entries, "compared": self.compared, "classes": classes.collect::<Vec<_>>(),
        })
    }

    /// What a worker of each class got out of epochs, less what it lost in bonds, over time.
    pub(crate) fn earnings_plot(&self) -> String {
        let lines: Vec<Line> = self
            .rows()
            .map(|(class, sum)| {
                let mut all = 0.0;
                let points = self.paid.iter().enumerate().map(|(i, (epoch, paid))| {
                    all += paid.get(&class).copied().unwrap_or_default() as f64 / 1e18;
                    let lost = self.refuted.get(epoch).and_then(|lost| lost.get(&class));
                    all -= f64::from(lost.copied().unwrap_or_default()) * BOND_TOKENS;
                    (i as f64 + 1.0, all / f64::from(sum.workers.max(1)))
                });
                Line { name: class.name().into(), points: points.collect() }
            })
            .collect();
        plot::lines("Paid to a worker of each kind, less its lost bonds", "epoch", "tokens", &lines)
    }

    /// Share of each epoch's emission that went to those who did their work.
    pub(crate) fn share_plot(&self) -> String {
        let share = |wanted: fn(Class) -> bool| {
            let points = self.paid.values().enumerate().map(|(i, paid)| {
                let all: u128 = paid.values().sum();
                let part: u128 =
                    paid.iter().filter(|(class, _)| wanted(**class)).map(|(_, n)| n).sum();
                (i as f64 + 1.0, 100.0 * part as f64 / all.max(1) as f64)
            });
            points.collect()
        };
        let lines = [
            Line { name: "did the work".into(), points: share(|class| !class.is_cheat()) },
            Line { name: "cheated".into(), points: share(Class::is_cheat) },
        ];
        plot::lines("Shares of each epoch’s emission", "epoch", "%", &lines)
    }
}
