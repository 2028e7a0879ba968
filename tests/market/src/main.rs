//! A market of a thousand workers, honest and not, on the contracts' own code: who earns, and what cheating costs.
//!
//!     simulate-market [--workers N] [--epochs N] [--seed N] [--out FOLDER]
//!
//! Writes a table and plots. Every epoch, what the contract holds is compared with `delea-scoring` on the job log.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod crowd;
mod plot;

use std::path::PathBuf;

use crowd::{Class, Crowd, Settings};

fn main() {
    let mut settings = Settings { workers: 1_000, epochs: 50, seed: 1 };
    let mut out = PathBuf::from("docs/market");
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{name} needs a value"));
        let number = || {
            value.parse::<u64>().unwrap_or_else(|_| panic!("{name} takes a number, not {value}"))
        };
        match name.as_str() {
            "--workers" => settings.workers = number(),
            "--epochs" => settings.epochs = number(),
            "--seed" => settings.seed = number(),
            "--out" => out = PathBuf::from(value),
            _ => panic!("there is no {name}; there are --workers, --epochs, --seed and --out"),
        }
    }
    let began = std::time::Instant::now();
    let mut crowd = Crowd::new(settings);
    for epoch in 0..settings.epochs {
        crowd.live_through();
        if (epoch + 1) % 10 == 0 {
            println!("{} epochs, {:.0} s", epoch + 1, began.elapsed().as_secs_f64());
        }
    }
    crowd.finish();
    let report = crowd.report();
    std::fs::create_dir_all(&out).expect("the folder can be made");
    let write =
        |name: &str, text: String| std::fs::write(out.join(name), text).expect("it can be written");
    write("results.json", serde_json::to_string_pretty(&report.json()).expect("JSON"));
    write("earnings.svg", report.earnings_plot());
    write("honest-share.svg", report.share_plot());
    println!("{}", report.table());
    // A few jobs more or less are chance.
    if settings.workers * settings.epochs < 20_000 {
        return;
    }
    let honest = report.of(Class::Honest);
    for class in Class::CHEATS {
        let cheat = report.of(class);
        assert!(cheat.net() < honest.net(), "{class:?} does better than an honest worker");
    }
}
