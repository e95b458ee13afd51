//! `portcullis check`: is this configuration good?

use std::path::PathBuf;
use std::time::SystemTime;

use super::Exit;
use crate::auth::stage::Stages;
use crate::config::{Config, Place, Problem, counted};
use crate::gateway::live::{self, Edition};
use crate::gateway::metrics::Metrics;
use crate::keys::{Fetch, KeySource};
use crate::snapshot::key_source_name;

/// What is to be checked.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The configuration
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Fetch keys over HTTP as well
    #[arg(long)]
    pub fetch: bool,
}

/// Loads everything that `run` would, and prints every problem and warning.
pub fn check(arguments: &Arguments, stages: &Stages) -> Exit {
    let file = &arguments.config;
    let metrics = match Metrics::new() {
        Ok(metrics) => metrics,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Failure;
        }
    };
    let mut loaded = live::load(file, None, &metrics, stages);
    if let Some(edition) = loaded.edition.as_ref().filter(|_| arguments.fetch) {
        let (problems, warnings) = fetch(edition, &loaded.config);
        loaded.problems.extend(problems);
        loaded.warnings.extend(warnings);
    }
    for warning in &loaded.warnings {
        eprintln!("warning: {}", warning.in_file(file));
    }
    for problem in &loaded.problems {
        eprintln!("{}", problem.in_file(file));
    }
    if loaded.problems.is_empty() {
        println!("{}: good", file.display());
        Exit::Success
    } else {
        eprintln!("{}: {}", file.display(), counted(&loaded.problems));
        Exit::BadConfiguration
    }
}

/// Asks every endpoint of keys; gives problems and warnings.
fn fetch(edition: &Edition, config: &Config) -> (Vec<Problem>, Vec<Problem>) {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let remote = edition.snapshot.key_sources.iter().filter(|source| source.remote().is_some());
    let fetched: Vec<_> = std::thread::scope(|scope| {
        let fetches: Vec<_> = remote.map(|source| (source, scope.spawn(|| source.fetch(SystemTime::now())))).collect();
        fetches.into_iter().filter_map(|(source, fetch)| Some((source, fetch.join().ok()?))).collect()
    });
    for (source, fetched) in fetched {
        let place = place_of(config, source);
        match fetched {
            Fetch::Unchanged => {}
            Fetch::Loaded { warnings: said } => {
                warnings.extend(said.into_iter().map(|text| Problem::new(place.clone(), text)));
            }
            Fetch::Failed(error) => problems.push(Problem::new(place, error.to_string())),
        }
    }
    (problems, warnings)
}

fn place_of(config: &Config, source: &KeySource) -> Place {
    let sources = config.keys.iter().flat_map(|set| set.sources.iter().map(move |source| (set, source)));
    let mut named = sources.filter(|(set, written)| key_source_name(&set.name, written) == source.name());
    named.next().map(|(_, written)| written.place.clone()).unwrap_or_default()
}
