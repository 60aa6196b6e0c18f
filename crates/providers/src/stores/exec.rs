//! The scheme `exec`: the value is what a program prints. No shell is involved; whether a text may name a program at all is
//! `Reach`'s to say. Specification: VALS §10.6.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use base::{Fault, Opening, SecretBytes, SecretMap, SecretValue};
use source::{Locator, Payload, SecretsClient};
use wire::Program;

use crate::reach::{Programs, Reach};
use crate::row::{Asked, Client, Row, TextDoor};
use crate::{json, yaml};

/// The row.
pub const ROW: Row = Row::of_references(
    "exec",
    &[TextDoor {
        scheme: "exec",
        options: &["args", "timeout", "trim", "env_*"],
        is_local: false,
        open,
        locate: |asked| Ok(Locator::of(asked.reference.place())),
        text: yaml::text,
        tree: yaml::tree,
    }],
);

/// How long a program may run that the reference sets no time for.
const TIMEOUT: Duration = Duration::from_secs(30);

struct ExecClient {
    programs: Programs,
    /// The arguments behind those of the path.
    arguments: Vec<String>,
    variables: Vec<(OsString, OsString)>,
    timeout: Duration,
    trims: bool,
}

fn open<'a>(asked: &'a Asked<'a>, reach: &'a Reach) -> Opening<'a, Client> {
    let own = reach.surroundings.environment.iter();
    let given = asked.reference.options.iter().filter_map(|(name, value)| Some((name.strip_prefix("env_")?, &**value)));
    let seconds = asked.option("timeout").and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    let client = ExecClient {
        programs: reach.programs.clone(),
        arguments: asked.option("args").into_iter().flat_map(|args| args.split(',')).map(str::to_owned).collect(),
        variables: own.chain(given).map(|(name, value)| (name.into(), value.into())).collect(),
        timeout: seconds.map_or(TIMEOUT, Duration::from_secs),
        trims: asked.option("trim") != Some("false"),
    };
    Box::pin(std::future::ready(Ok(Arc::new(client) as Client)))
}

impl ExecClient {
    async fn printed(&self, place: &str) -> Result<SecretBytes, Fault> {
        // An absolute path names the program alone; else the steps behind the first are its arguments.
        let (name, arguments) = match place.split_once('/') {
            Some(("", _)) | None => (place, None),
            Some((name, arguments)) => (name, Some(arguments.split('/'))),
        };
        if name.is_empty() {
            return Err(Fault::wrong("exec provider: empty command"));
        }
        self.programs.allow(name)?;
        let mut program = Program::new(name).arguments(arguments.into_iter().flatten()).timeout(self.timeout);
        program.arguments.extend(self.arguments.iter().map(OsString::from));
        program.environment.clone_from(&self.variables);
        program.alone = true;
        // What is not found is the program and not the value, so no option that stands in for a value counts.
        let failed = || Fault::wrong(format!("exec provider: command {name:?} failed"));
        let output = program.answer().await.map_err(|fault| failed().because(fault))?;
        if !output.is_success() {
            return Err(failed().because(match output.stderr.trim_end() {
                "" => output.ending(),
                said => format!("{} (stderr: {said})", output.ending()),
            }));
        }
        Ok(if self.trims { output.stdout.expose().trim_ascii_end().into() } else { output.stdout })
    }
}

impl SecretsClient for ExecClient {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async { self.printed(&at.key).await.map(Payload::bytes) })
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        json::select(at, payload, property)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        json::entries(at, payload, property)
    }
}
