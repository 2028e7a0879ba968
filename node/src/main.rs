//! A headless worker and auditor for Delea: the same runtime as in the page, under wasmtime; the chain
//! through alloy.

mod audit;
mod chain;
mod config;
mod epochs;
mod error;
mod exact;
mod inputs;
mod market;
mod probe;
mod rounds;
mod serve;
mod store;
mod train;
mod validate;
mod verify;

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use clap::{Parser, Subcommand};
use tokio::{sync::Semaphore, task::JoinSet};
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::{
    audit::{Auditor, Policy},
    chain::Chain,
    config::{Config, Flags},
    epochs::Epochs,
    error::NodeError,
    exact::Runtime,
    inputs::{Desk, blocking},
    market::{Kind, Market},
    store::Blobs,
    train::Worker,
    verify::Extent,
};

/// Trains, audits and serves models of a Delea page without a browser.
#[derive(Debug, Parser)]
#[command(name = "delea-node", version)]
struct Cli {
    /// A file with any of the flags below, as TOML.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    /// Logs as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a model for its tokens; goes on with what was left unfinished first.
    Train {
        /// The model's address.
        model: Address,
        /// Steps of each training; the model's own number unless given.
        #[arg(long)]
        steps: Option<u32>,
        /// Trainings to do; 0 for no end.
        #[arg(long, default_value_t = 1)]
        jobs: u32,
        /// Forge a checkpoint on purpose, at the price of the bond, to see whether auditors find it. Ends
        /// with 0 if they do, with 1 if not. What is trained stays right.
        #[arg(long)]
        canary: bool,
    },
    /// Watch results, do them again, doubt what does not hold, vote in juries.
    Audit {
        /// Share of results that are checked, from 0 to 1.
        #[arg(long, default_value_t = 1.0)]
        sample: f64,
        /// Ask this model questions whose answers are known, with this account's tokens; may be given again.
        #[arg(long = "ask")]
        ask: Vec<Address>,
        /// Seconds between two such questions.
        #[arg(long, default_value_t = 600)]
        ask_every: u64,
        /// Vote with every claim, unseen: for tests of how such a juror fares.
        #[arg(long, hide = true)]
        lazy: bool,
        /// End when nothing is left to do.
        #[arg(long)]
        once: bool,
    },
    /// Work for others: wait for jobs on models, take them in turn, be paid. Each of several accounts works by itself.
    Serve {
        /// Address of a model to work on; may be given again.
        #[arg(long = "model", required_unless_present = "listen")]
        models: Vec<Address>,
        /// Kinds of jobs to wait for.
        #[arg(long, value_delimiter = ',', default_value = "infer")]
        kinds: Vec<Kind>,
        /// Jobs of all accounts that compute at once; as many as the machine has cores unless given.
        #[arg(long)]
        threads: Option<usize>,
        /// When stopped, give the places up and take their bonds back, instead of coming again.
        #[arg(long)]
        leave: bool,
        /// Serve this node's blobs to others too, at this address.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Post the weights of models' epochs, doubt wrong ones, make them final.
    Validate {
        /// Address of a model; may be given again.
        #[arg(long = "model", required = true)]
        models: Vec<Address>,
    },
    /// Do a job again and say whether it holds. Ends with 0 if it does, with 1 if not.
    Verify {
        /// The job's number.
        job: u64,
        /// Only the parts that the chain drew.
        #[arg(long)]
        drawn: bool,
    },
    /// Recompute the scores of an epoch from the model's job log.
    Score {
        /// The model's address.
        model: Address,
        /// The epoch; the present one unless given.
        #[arg(long)]
        epoch: Option<u64>,
    },
    /// Speak the exact runtime's frames over standard input and output.
    Exact,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter =
        EnvFilter::try_from_env("DELEA_LOG").unwrap_or_else(|_| EnvFilter::new("delea_node=info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if cli.json {
        logs.json().init()
    } else {
        logs.compact().init()
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "the system gave no threads");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(NodeError::Stopped) => {
            info!("stopped; unfinished work goes on at the next start");
            ExitCode::SUCCESS
        }
        Err(error) => {
            error!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Set by Ctrl-C and by the system's request to end.
fn stop_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    tokio::spawn(async move {
        let mut end =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut end {
                Some(end) => end.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated => {}
        }
        set.store(true, Ordering::Relaxed);
    });
    stop
}

async fn run(cli: Cli) -> Result<ExitCode, NodeError> {
    let flags = cli.flags.over(cli.config.as_deref())?;
    if let Command::Exact = cli.command {
        let path =
            flags.runtime.ok_or_else(|| NodeError::Config("--runtime FILE is missing".into()))?;
        let path = PathBuf::from(path);
        let wasm = std::fs::read(&path).map_err(|e| NodeError::file(&path, e))?;
        blocking(move || exact::speak(&Runtime::new(&wasm)?)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = flags.resolve().await?;
    let stop = stop_signal();
    if let Command::Serve { models, kinds, threads, leave, listen } = cli.command {
        let blobs = async {
            match listen {
                Some(address) => {
                    serve::serve(Blobs::open(&config)?, address, Arc::clone(&stop)).await
                }
                None => Ok(()),
            }
        };
        let work = async {
            match models.is_empty() {
                true => Ok(()),
                false => {
                    let work = Work { models, kinds, threads, leave };
                    serve_market(config.clone(), flags.signers()?, work, &stop).await
                }
            }
        };
        // Either ends at once where it is not wanted, and both when the node is stopped.
        tokio::try_join!(blobs, work)?;
        return Ok(ExitCode::SUCCESS);
    }
    let signs = matches!(
        cli.command,
        Command::Train { .. } | Command::Audit { .. } | Command::Validate { .. }
    );
    let signer = if signs { Some(flags.signer()?) } else { None };
    let chain = Chain::connect(&config, signer.clone()).await?;
    let desk = Desk::open(config, chain).await?;
    info!(runtime = %desk.runtime.digest.cid(), "ready");
    match (cli.command, signer) {
        (Command::Train { model, steps, jobs, canary }, _) => {
            train(Worker::new(desk, canary, stop), model, steps, jobs).await
        }
        (Command::Audit { sample, ask, ask_every, lazy, once }, Some(signer)) => {
            let ask_every = Duration::from_secs(ask_every);
            let policy = Policy { sample, ask, ask_every, lazy, once };
            Auditor::new(desk, &signer, policy, stop).await?.run().await?;
            Ok(ExitCode::SUCCESS)
        }
        (Command::Validate { models }, _) => {
            validate::run(&desk, &models, &stop).await?;
            Ok(ExitCode::SUCCESS)
        }
        (Command::Verify { job: id, drawn }, _) => {
            let job = desk.chain.job(id).await?;
            let claimed = desk.chain.claimed(id, &job).await?;
            let extent = if drawn { Extent::Drawn } else { Extent::Whole };
            let verdict = verify::verify(&desk, id, &job, &claimed, extent).await?;
            println!("{}", verdict.words);
            Ok(ExitCode::from(u8::from(!verdict.holds)))
        }
        (Command::Score { model, epoch }, _) => {
            for row in Epochs::new(model).report(&desk, epoch).await? {
                let [train, infer, weight] =
                    [row.train, row.infer, row.weight].map(|n| n as f64 / 1e18);
                println!("{} {train:.6} {infer:.6} {weight:.6}", row.worker);
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// What to do for others.
struct Work {
    models: Vec<Address>,
    kinds: Vec<Kind>,
    threads: Option<usize>,
    leave: bool,
}

/// Works for others under each account, until stopped.
async fn serve_market(
    config: Config,
    signers: Vec<PrivateKeySigner>,
    work: Work,
    stop: &Arc<AtomicBool>,
) -> Result<(), NodeError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let seats = Arc::new(Semaphore::new(work.threads.unwrap_or(cores).max(1)));
    let first = Chain::connect(&config, signers.first().cloned()).await?;
    let desk = Desk::open(config.clone(), first).await?;
    info!(runtime = %desk.runtime.digest.cid(), accounts = signers.len(), "ready");
    let mut workers = JoinSet::new();
    for signer in signers {
        let chain = Chain::connect(&config, Some(signer)).await?;
        let worker = Worker::new(desk.on(chain), false, Arc::clone(stop));
        let mut market = Market::new(worker, work.models.clone(), &work.kinds, Arc::clone(&seats));
        workers.spawn(async move {
            let end = market.run().await;
            if work.leave {
                market.delist().await?;
            }
            end
        });
    }
    while let Some(end) = workers.join_next().await {
        end.map_err(|error| NodeError::Engine(error.to_string()))??;
    }
    Ok(())
}

async fn train(
    worker: Worker,
    model: Address,
    steps: Option<u32>,
    jobs: u32,
) -> Result<ExitCode, NodeError> {
    let (wanted, otherwise) = worker.wanted();
    for id in worker.unfinished().await? {
        info!(job = id, "going on");
        worker.bring_home(id).await?;
    }
    if !worker.is_round_open(model).await? {
        worker.publish_round(model).await?;
    }
    let mut done = 0;
    let mut as_wanted = true;
    while jobs == 0 || done < jobs {
        let id = worker.take(model, steps).await?;
        info!(job = id, "taken");
        let end = worker.bring_home(id).await?;
        worker.publish_round(model).await?;
        if end != wanted {
            warn!(job = id, ?end, "{otherwise}");
            as_wanted = false;
        }
        done += 1;
    }
    Ok(ExitCode::from(u8::from(!as_wanted)))
}
