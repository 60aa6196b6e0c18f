//! `helm-secrets`: encrypted values for Helm, with helm-secrets' command line. This file reads the flags in front of the
//! command and hands over; each command has its own file, and what needs no look at anything is in `pure`.
//! Specification: HS §4; the getter's way through the house is in design §4.3.

mod backend;
mod copies;
mod decrypt;
mod downloader;
mod edit;
mod encrypt;
mod gpg_home;
mod help;
mod key;
mod leavings;
mod plugin;
mod post_renderer;
mod pure;
mod reference;
mod settings;
mod wrapper;

use std::rc::Rc;

use base::{Fault, SecretBytes};
use wire::program::Output;
use wire::{Environment, Program};

use super::{sops, vals};
use crate::{Call, Exit, Failure, Ui};
use gpg_home::GpgHome;
use leavings::Leavings;
use settings::Settings;

/// Does what was asked for.
///
/// # Errors
/// 1 for everything that we find wrong; Helm's own exit code where Helm ran.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let (settings, words) = Settings::read(&call.args, &call.environment)?;
    let Some((command, rest)) = words.split_first() else {
        call.ui.data(help::of_all().as_bytes())?;
        return Ok(Exit::FAILURE);
    };
    let is_getter = command == "downloader";
    let mut work = Work {
        ui: &mut call.ui,
        environment: call.environment.clone(),
        settings,
        is_getter,
        exported: Vec::new(),
        leavings: Leavings::default(),
        vals: None,
    };
    work.warn_of_old_variables();
    let is_helpless = rest.first().is_none_or(|word| is_help(word));
    match command.as_str() {
        "help" | "-h" | "--help" => work.print(&help::of_all()),
        "-v" | "--version" => work.print(&format!("{}\n", plugin::VERSION)),
        "dir" => {
            let folder = work.environment.value("HELM_PLUGIN_DIR").unwrap_or_default().to_owned();
            work.print(&folder)
        }
        // Helm has a command of that name, too; ours is told by its flags.
        "plugin" if rest.iter().any(|word| word.starts_with("--helm") || word.starts_with("--output")) => {
            plugin::run(&mut work, rest)
        }
        "encrypt" | "decrypt" | "view" | "edit" if is_helpless => work.explain(command, rest),
        "downloader" | "post-renderer" => work.with_keys(&words),
        _ if is_helpless => work.print(&help::of_helm(command)),
        _ => work.with_keys(&words),
    }
}

/// One run.
struct Work<'a> {
    ui: &'a mut Ui,
    environment: Environment,
    settings: Settings,
    /// Whether Helm asked for the content of a URL, which a chart may have named.
    is_getter: bool,
    /// Variables that programs get beside those of this process.
    exported: Vec<(String, String)>,
    /// What goes with us.
    leavings: Leavings,
    /// Our own vals, from the first reference on.
    vals: Option<Rc<vals::backend::Backend>>,
}

impl Work<'_> {
    /// A line for the person, unless nobody wants it.
    fn note(&mut self, text: &str) {
        if !self.settings.is_quiet {
            self.complain(text);
        }
    }

    /// A line for the person, whatever was asked for.
    fn complain(&mut self, text: &str) {
        self.ui.note(&format!("{PREFIX}{text}"));
    }

    fn print(&mut self, text: &str) -> Result<Exit, Failure> {
        self.ui.data(text.as_bytes()).map_err(told)?;
        Ok(Exit::SUCCESS)
    }

    /// The usage of a verb of ours, and what is missing where nothing stands behind it.
    fn explain(&mut self, verb: &str, rest: &[String]) -> Result<Exit, Failure> {
        if let ("edit", Some(word)) = (verb, rest.first()) {
            self.print(&format!("{word}\n"))?;
        }
        self.print(&help::of_verb(verb))?;
        if rest.is_empty() {
            self.print("\nError: secrets file required.\n")?;
            return Ok(Exit::FAILURE);
        }
        Ok(Exit::SUCCESS)
    }

    /// Runs a command that may need keys, with those that a variable names.
    fn with_keys(&mut self, words: &[String]) -> Result<Exit, Failure> {
        let home = GpgHome::of_variable(self)?;
        let (command, rest) = words.split_first().expect("there is a command");
        let ended = match command.as_str() {
            "encrypt" => encrypt::run(self, rest),
            // `view` is the peer's old word, which people still type.
            "decrypt" | "view" => decrypt::run(self, rest),
            "edit" => edit::run(self, rest),
            "downloader" => downloader::run(self, rest),
            "post-renderer" => post_renderer::run(self),
            _ => wrapper::run(self, words),
        };
        drop(home);
        ended
    }

    /// Helm, as it is pinned or as it told us.
    fn helm(&self) -> &str {
        self.environment.first(&["HELM_SECRETS_HELM_PATH", "HELM_BIN"]).unwrap_or("helm")
    }

    /// The program that a variable pins, with its words.
    fn program(&self, variables: &[&str]) -> Option<Program> {
        let mut words = self.environment.first(variables)?.split_whitespace();
        let mut program = Program::new(words.next()?).arguments(words);
        program.environment.extend(self.exported.iter().map(|(name, value)| (name.into(), value.into())));
        Some(program)
    }

    fn warn_of_old_variables(&mut self) {
        for (name, instead) in settings::REMOVED_VARIABLES {
            if self.environment.value(name).is_some() {
                self.note(&format!("{name} is not read any more: {instead}"));
            }
        }
    }

    /// The same run with other variables: what a key of a URL brings along.
    fn set(&mut self, name: &str, value: &str) {
        self.exported.push((name.to_owned(), value.to_owned()));
        let others = self.environment.iter().filter(|(known, _)| *known != name);
        self.vals = None;
        self.environment = others.chain([(name, value)]).collect();
    }
}

/// How everything of ours on stderr begins.
const PREFIX: &str = "[helm-secrets] ";

/// A fault as this command line tells it.
fn told(fault: Fault) -> Failure {
    Failure::new(1, fault).prefixed(PREFIX)
}

/// What a program answered; where it failed, what it said is why.
fn accepted(output: Output, attempt: &str, said: String) -> Result<SecretBytes, Fault> {
    if output.is_success() {
        return Ok(output.stdout);
    }
    let why = if said.is_empty() { output.ending() } else { said };
    Err(Fault::wrong(attempt.to_owned()).because(why))
}

fn is_help(word: &str) -> bool {
    matches!(word, "-h" | "--help" | "help")
}
