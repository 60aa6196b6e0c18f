//! One run of a sops command: what was typed and set, the configuration file, the words to the user, and whoever wraps keys.
//! Not here: which flags there are (`flags`), what a command does (its file). Specification: SOPS §7 (lookup), §8.1, §8.17.

use std::rc::Rc;

use base::{Fault, Timestamp, truth};
use document::{EmitOptions, Format, ReadOptions, RepeatedKeys};
use sops::DecryptionOrder;

use super::config::{self, Config};
use super::flags::{Entry, GLOBAL};
use crate::argv::Parsed;
use crate::{Environment, Failure, Ui};

/// How the command was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `sops VERB [flags] args`.
    Verb,
    /// `sops [flags] FILE`.
    Legacy,
}

/// One run.
pub struct Session<'a> {
    /// The terminal.
    pub ui: &'a mut Ui,
    /// The variables.
    pub environment: &'a Environment,
    /// When the run began; the only time it knows.
    pub now: Timestamp,
    /// How it was written.
    pub form: Form,
    /// The words that are no flags.
    pub words: Vec<String>,
    /// The folder it runs in.
    folder: String,
    flags: Vec<Entry>,
    typed: Parsed,
    before_verb: Parsed,
    config: Option<Option<Rc<Config>>>,
}

/// What was written, taken apart.
pub struct Written {
    /// How.
    pub form: Form,
    /// The flags that the command has.
    pub flags: Vec<Entry>,
    /// Its flags and words.
    pub typed: Parsed,
    /// What stood in front of the verb.
    pub before_verb: Parsed,
}

impl<'a> Session<'a> {
    /// A run in the current folder.
    ///
    /// # Errors
    /// A flag or its variable has a value that it cannot have; or there is no current folder.
    pub fn new(
        ui: &'a mut Ui,
        environment: &'a Environment,
        folder: String,
        now: Timestamp,
        written: Written,
    ) -> Result<Self, Fault> {
        let Written { form, flags, mut typed, before_verb } = written;
        let words = std::mem::take(&mut typed.positionals);
        let session = Self { ui, environment, now, form, words, folder, flags, typed, before_verb, config: None };
        session.check()?;
        Ok(session)
    }

    /// The value of a flag: as typed, or as its variable says; an empty one is none.
    pub fn value(&self, flag: &str) -> Option<&str> {
        let before_verb =
            || self.before_verb.value(flag).filter(|_| GLOBAL.iter().any(|entry| entry.flag.name == flag));
        let typed = self.typed.value(flag).or_else(before_verb);
        typed.or_else(|| self.environment.value(self.entry(flag)?.variable?)).filter(|value| !value.is_empty())
    }

    /// All values of a flag that may be repeated; its variable holds several, separated by commas.
    pub fn values(&self, flag: &str) -> Vec<String> {
        let typed = self.typed.values(flag);
        if !typed.is_empty() {
            return typed.to_vec();
        }
        self.value(flag).map(|text| text.split(',').map(|entry| entry.trim().to_owned()).collect()).unwrap_or_default()
    }

    /// Whether a truth flag is set.
    pub fn is_set(&self, flag: &str) -> bool {
        self.value(flag).and_then(truth::parse).unwrap_or(false)
    }

    /// A truth flag that is set unless somebody says otherwise.
    pub fn is_not_refused(&self, flag: &str) -> bool {
        self.value(flag).and_then(truth::parse).unwrap_or(true)
    }

    /// The number of a flag; 0 where none was given.
    pub fn number(&self, flag: &str) -> i64 {
        self.value(flag).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// The Shamir threshold of the flag; 0 where none was given.
    pub fn threshold(&self) -> usize {
        usize::try_from(self.number("shamir-secret-sharing-threshold")).unwrap_or_default()
    }

    /// The file that the command is about. Further words are ignored, and told.
    pub fn file(&mut self) -> Option<String> {
        let ignored: Vec<String> = self.words.drain(1.min(self.words.len())..).collect();
        if !ignored.is_empty() {
            self.warn("More than one positional argument provided. Only the first one will be used!");
        }
        if let Some(flag) = ignored.iter().find(|word| word.starts_with('-')) {
            self.warn(&format!(
                "Note that one of the ignored positional argument is {flag:?}, which looks like a flag. Flags must always \
                 be provided before the first positional argument!"
            ));
        }
        self.words.first().cloned()
    }

    /// A path from the root, without `.` and `..`; links are left alone.
    pub fn absolute(&self, path: &str) -> String {
        config::absolute(&self.folder, path)
    }

    /// The configuration file: as named, or the nearest above the current folder.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub fn config(&mut self) -> Result<Option<Rc<Config>>, Failure> {
        if let Some(known) = &self.config {
            return Ok(known.clone());
        }
        let path = match self.value("config") {
            Some(path) => Some(path.to_owned()),
            None => {
                let found = config::find(&self.folder);
                found.warning.iter().for_each(|warning| self.warn(warning));
                found.path
            }
        };
        let config = path.map(|path| Config::read(&self.absolute(&path), &path).map(Rc::new)).transpose()?;
        self.config = Some(config.clone());
        Ok(config)
    }

    /// How files are read.
    pub fn read_options(&self) -> ReadOptions {
        let repeated_keys = if self.is_set("keep-repeated-keys") { RepeatedKeys::Keep } else { RepeatedKeys::Refuse };
        ReadOptions { repeated_keys, ..ReadOptions::default() }
    }

    /// How files of that format are laid out; `is_encrypted` tells the two forms of binary files apart.
    ///
    /// # Errors
    /// Those of the configuration file.
    pub fn emit_options(&mut self, format: Format, is_encrypted: bool) -> Result<EmitOptions, Failure> {
        let stores = self.config()?.map(|config| config.rules.stores).unwrap_or_default();
        let of_config = match format {
            Format::Yaml => stores.yaml,
            Format::Json => stores.json,
            Format::Binary if is_encrypted => stores.json_binary,
            Format::Binary | Format::Dotenv | Format::Ini => None,
        };
        let of_flag = self.value("indent").map(|_| self.number("indent"));
        Ok(EmitOptions { indent: of_flag.or(of_config), ..EmitOptions::default() })
    }

    /// In which order keys are asked: as the flag says, if the command has it.
    ///
    /// # Errors
    /// A type is named twice.
    pub fn order(&self) -> Result<DecryptionOrder, Failure> {
        if self.entry("decryption-order").is_none() {
            return Ok(DecryptionOrder::of_file());
        }
        let order = self.value("decryption-order").map(DecryptionOrder::parse).transpose();
        order.map(Option::unwrap_or_default).map_err(|fault| Failure::new(112, fault))
    }

    /// A warning, in the peer's log form unless a person reads it.
    pub fn warn(&mut self, text: &str) {
        if self.ui.terminal.error {
            self.ui.warn(text);
        } else {
            self.ui.note(&log_line(self.now, "warning", text));
        }
    }

    /// Something that went wrong without ending the command, in the peer's log form.
    pub fn error(&mut self, text: &str) {
        self.ui.note(&log_line(self.now, "error", text));
    }

    /// A line in the form of Go's plain log, which the peer has where it syncs keys.
    pub fn log(&mut self, text: &str) {
        self.ui.note(&format!("{} {text}", self.now.strftime("%Y/%m/%d %H:%M:%S")));
    }

    fn entry(&self, flag: &str) -> Option<&Entry> {
        self.flags.iter().chain(GLOBAL).find(|entry| entry.flag.name == flag)
    }

    fn check(&self) -> Result<(), Fault> {
        for Entry { flag, variable, .. } in self.flags.iter().chain(GLOBAL) {
            let Some(value) = self.value(flag.name) else { continue };
            let is_switch = flag.takes == crate::argv::Takes::Bool;
            if let Some(variable) = variable
                && is_switch
                && truth::parse(value).is_none()
            {
                return Err(Fault::wrong(format!(
                    "could not parse {value} as bool value for flag {}: strconv.ParseBool: parsing {value:?}: invalid syntax",
                    flag.name
                ))
                .hint(format!("`{variable}` must be true or false")));
            }
        }
        Ok(())
    }
}

/// A line of the peer's log. Its quotes are Go's, which for sentences are Rust's.
fn log_line(now: Timestamp, level: &str, text: &str) -> String {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("[CMD]\t time=\"{time}\" level={level} msg={text:?}")
}

/// A failure in the form of a fatal log line, which the peer has for what it did not foresee.
pub fn fatal(now: Timestamp, fault: &Fault) -> Failure {
    let told = Fault::new(fault.kind(), log_line(now, "fatal", &fault.chain()));
    Failure::new(1, fault.advice().map(str::to_owned).into_iter().fold(told, Fault::hint))
}
