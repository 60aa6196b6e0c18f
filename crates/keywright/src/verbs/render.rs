//! `keywright render`: manifests in, Secrets and restarts out, and no cluster. Encrypted files are decrypted, everything is put
//! into a cluster in memory, the operator's own controllers run over it until they rest, and what they made or changed is written.
//! It is whole or it is not written at all, unless asked otherwise: a Secret that is missing must not look like one that was
//! taken away. Specification: design §4.3, §12; what the controllers do is theirs.

mod input;
mod kinds;
mod output;
mod world;

use std::path::{Path, PathBuf};

use base::{Fault, Timestamp};

use self::input::Input;
use self::output::Rendered;
use super::kubeseal::recover;
use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, Takes, switch, value};
use crate::{Call, Exit, Failure};

const FLAGS: &[Flag] = &[
    Flag {
        name: "namespace",
        short: Some('n'),
        takes: Takes::Value,
        help: "the namespace of objects that name none (default)",
    },
    value(
        "private-key",
        "files that hold the keys of SealedSecrets: PEM, or a backup of the controller's Secrets; may be repeated",
    ),
    Flag {
        name: "output-dir",
        short: Some('o'),
        takes: Takes::Value,
        help: "write a file per object into this folder, for its owner alone, instead of all to stdout",
    },
    Flag {
        name: "all",
        short: Some('A'),
        takes: Takes::Bool,
        help: "write the other manifests, too, so that the whole can be applied",
    },
    switch("offline", "ask no secret manager: ExternalSecrets and VaultStaticSecrets are written as they are"),
    Flag {
        name: "keep-going",
        short: Some('k'),
        takes: Takes::Bool,
        help: "write what could be rendered although something could not; still ends with 1",
    },
    value("now", "the moment that templates see, such as 2026-01-31T12:00:00Z (SOURCE_DATE_EPOCH, else the clock)"),
];

/// What was asked for.
struct Asked {
    paths: Vec<String>,
    namespace: String,
    keys: Vec<PathBuf>,
    folder: Option<PathBuf>,
    writes_all: bool,
    is_offline: bool,
    keeps_going: bool,
    now: Timestamp,
}

/// Something that could not be rendered, and why.
struct Unrendered {
    reason: String,
    advice: Option<String>,
}

impl From<&Fault> for Unrendered {
    fn from(fault: &Fault) -> Self {
        Self { reason: fault.chain(), advice: fault.advice().map(str::to_owned) }
    }
}

/// Renders.
///
/// # Errors
/// The command line is wrong (2), or something could not be read, rendered or written (1).
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let asked = match argv::parse(Grammar::Pflag, FLAGS, &call.args) {
        Ok(parsed) => check(&parsed, call).map_err(|fault| Failure::new(2, fault))?,
        Err(ArgvError::Help { .. }) => {
            call.ui.data(argv::usage("keywright render PATH…", FLAGS).as_bytes())?;
            return Ok(Exit::SUCCESS);
        }
        Err(ArgvError::Wrong(text)) => return Err(Failure::new(2, Fault::wrong(text))),
    };
    let keys = recover::keys(&asked.keys)?;
    let mut input = Input::read(call, &asked.paths, &asked.namespace)?;
    let left = if asked.is_offline { input.take_remote() } else { Vec::new() };
    let mut world = world::run(&input, keys, call.environment.clone(), asked.now)?;
    let mut failures = std::mem::take(&mut input.failures);
    failures.append(&mut world.failures);
    for warning in &world.warnings {
        call.ui.warn(warning);
    }
    for object in &left {
        call.ui.note(&format!("{} is written as it is: `--offline` asks no secret manager", object.name()));
    }
    tell(call, &failures);
    if !failures.is_empty() && !asked.keeps_going {
        call.ui.hint("nothing was written; `--keep-going` writes what could be rendered");
        return Ok(Exit::FAILURE);
    }
    let rendered = Rendered::new(input, left, world, asked.writes_all);
    match &asked.folder {
        Some(folder) => rendered.write_files(folder)?,
        None => call.ui.data(&rendered.text()?)?,
    }
    Ok(if failures.is_empty() { Exit::SUCCESS } else { Exit::FAILURE })
}

fn tell(call: &mut Call, failures: &[Unrendered]) {
    let mut told = std::collections::BTreeSet::new();
    for Unrendered { reason, advice } in failures {
        call.ui.note(reason);
        if let Some(advice) = advice.as_deref().filter(|advice| told.insert((*advice).to_owned())) {
            call.ui.hint(advice);
        }
    }
}

fn check(parsed: &Parsed, call: &Call) -> Result<Asked, Fault> {
    if parsed.positionals.is_empty() {
        return Err(Fault::wrong("render takes folders or files of manifests, or `-` for stdin")
            .hint("for example `keywright render deploy/`"));
    }
    let keys = parsed.values("private-key").iter().flat_map(|text| text.split(',')).map(PathBuf::from).collect();
    Ok(Asked {
        paths: parsed.positionals.clone(),
        namespace: parsed.value("namespace").unwrap_or("default").to_owned(),
        keys,
        folder: parsed.value("output-dir").map(|folder| Path::new(folder).to_owned()),
        writes_all: parsed.is_set("all"),
        is_offline: parsed.is_set("offline"),
        keeps_going: parsed.is_set("keep-going"),
        now: moment(parsed.value("now"), call.environment.value("SOURCE_DATE_EPOCH"))?,
    })
}

/// The moment of the render: as asked for, as reproducible builds say it, or now.
fn moment(flag: Option<&str>, epoch: Option<&str>) -> Result<Timestamp, Fault> {
    if let Some(text) = flag {
        return text.parse().map_err(|_| Fault::wrong(format!("`--now {text}` is no moment")));
    }
    let Some(text) = epoch.filter(|text| !text.is_empty()) else { return Ok(Timestamp::now()) };
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.ok_or_else(|| Fault::wrong(format!("SOURCE_DATE_EPOCH is `{text}`, which is no number of seconds")))
}
