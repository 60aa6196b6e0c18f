//! `kubeseal`: seals Secrets so that only the cluster can open them, and everything else that Sealed Secrets' client does.
//! This file reads the command line, opens the input, picks the mode and delivers the output; each mode has its own file.
//! With `--cert` no mode but those that ask the controller contacts a cluster. Specification: SS §9, §15.

mod certificate;
mod connection;
mod controller;
mod file;
mod flags;
mod manifest;
mod merge;
mod output;
mod raw;
mod re_encrypt;
pub(super) mod recover;
mod reinterpreted;
mod seal;
mod secret;
mod validate;

use std::path::Path;

use ::seal::{Certificate, PublicKey};
use api::sealed_secret::names;
use base::{Fault, Timestamp};
use document::Branch;
use plan::Rendering;
use plan::sealed_secret::Opener;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use wire::Environment;

use crate::{Call, Exit, Failure, Ui, cluster, files};
use flags::{Action, Mode, Options, Refusal};
use output::Syntax;

/// The peer's name in its usage text, also where it is called as a verb of ours.
const PEER: &str = "kubeseal";
/// The version of the peer whose command line this is; scripts compare it.
const PEER_VERSION: &str = "v0.36.6";

/// Does what was asked for.
///
/// # Errors
/// Exit code 2 for a wrong command line, 1 for everything else, with `error: ` in front.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    let told = |fault: Fault| Failure::new(1, fault).prefixed("error: ");
    let options = match Options::read(&call.args, &call.environment) {
        Ok(options) => options,
        Err(Refusal::ShortHelp) => return show_flags(call, Exit::SUCCESS, None),
        Err(Refusal::Usage(text)) => return show_flags(call, Exit(2), Some(&text)),
        Err(Refusal::Fault(fault)) => return Err(told(fault)),
    };
    match options.action.clone() {
        Action::Version => {
            let ours = env!("CARGO_PKG_VERSION");
            call.ui.data(format!("{PEER} version: {PEER_VERSION} (keywright {ours})\n").as_bytes())?;
        }
        Action::Help => {
            call.ui.data(format!("Usage of {PEER}:\n{}", flags::usage()).as_bytes())?;
        }
        Action::Work(mode) => {
            if options.is_deprecated {
                // On stdout, where pflag has it (SS §9.2).
                call.ui.data(b"Flag --rotate has been deprecated, please use --re-encrypt instead\n")?;
            }
            let is_watched = call.ui.terminal.error;
            for warning in options.warnings.iter().filter(|warning| is_watched || **warning != flags::KEYS_IGNORED) {
                call.ui.warn(warning);
            }
            Work { options: &options, environment: &call.environment, ui: &mut call.ui }.run(&mode).map_err(told)?;
        }
    }
    Ok(Exit::SUCCESS)
}

/// pflag's answer to `-h` and to a wrong command line: who is meant on stderr, the flags and the reason on stdout.
fn show_flags(call: &mut Call, exit: Exit, reason: Option<&str>) -> Result<Exit, Failure> {
    call.ui.note(&format!("Usage of {PEER}:"));
    let reason = reason.map(|reason| format!("{reason}\n")).unwrap_or_default();
    call.ui.data(format!("{}{reason}", flags::usage()).as_bytes())?;
    Ok(exit)
}

/// One run of one mode.
struct Work<'a> {
    options: &'a Options,
    environment: &'a Environment,
    ui: &'a mut Ui,
}

impl Work<'_> {
    fn run(&mut self, mode: &Mode) -> Result<(), Fault> {
        // An input file that is not there is told by the modes that do not read it, too.
        if let (Mode::FetchCertificate | Mode::Raw, Some(_)) = (mode, &self.options.input) {
            self.input()?;
        }
        match mode {
            Mode::Recover => self.recover(),
            Mode::Validate => self.validate(),
            Mode::ReEncrypt => self.re_encrypt(),
            Mode::FetchCertificate => {
                let bytes = self.certificate()?;
                output::deliver(self.ui, self.options.output.as_deref(), &bytes)
            }
            Mode::MergeInto(path) => self.merge(path),
            Mode::Raw => self.raw(),
            Mode::Seal => self.seal(),
        }
    }

    fn seal(&mut self) -> Result<(), Fault> {
        let input = self.input()?;
        let certificate = self.read_certificate()?;
        let secrets = self.secrets(&input)?;
        let (connection, environment) = (&self.options.connection, self.environment);
        let sealing = seal::Sealing {
            key: sealing_key(&certificate)?,
            scope: self.options.scope,
            name: self.options.name.as_deref(),
            namespace: connection.namespace.as_deref(),
            // Offline sealing works without any configuration, so its absence is no error here.
            fallback: &|| connection.namespace(environment).ok(),
            allow_empty_data: self.options.allow_empty_data,
        };
        let sealed = sealing.seal_all(&secrets)?;
        self.deliver(sealed)
    }

    fn merge(&mut self, path: &Path) -> Result<(), Fault> {
        let input = self.input()?;
        let certificate = self.read_certificate()?;
        // The same file is not changed by two of us at once, nor over somebody else's change.
        file::open(path)?;
        let locked = files::Locked::open(path)?;
        let merging = merge::Merging {
            file: path,
            key: sealing_key(&certificate)?,
            scope: self.options.scope,
            namespace: self.options.connection.namespace.as_deref(),
            allow_empty_data: self.options.allow_empty_data,
        };
        let merged = merging.merge(&locked.before, &self.secrets(&input)?)?;
        let syntax = self.options.syntax.unwrap_or_else(|| Syntax::of_text(&locked.before));
        let text = syntax.render(vec![merged])?;
        locked.replace(&text)
    }

    fn raw(&mut self) -> Result<(), Fault> {
        let certificate = self.read_certificate()?;
        let label = raw::label(self.options, self.environment)?;
        let value = raw::value(self.options, self.ui)?;
        let sealed = sealing_key(&certificate)?.seal(&label, &value)?;
        output::deliver(self.ui, self.options.output.as_deref(), sealed.to_text().as_bytes())
    }

    fn recover(&mut self) -> Result<(), Fault> {
        let input = self.input()?;
        let keys = recover::keys(&self.options.recovery_keys)?;
        let sealed = recover::read(&input, self.options.connection.namespace.as_deref())?;
        let mut rng = StdRng::from_seed(cluster::seed()?);
        let mut rendering = Rendering::new(Timestamp::now(), &mut rng);
        let unsealed = plan::sealed_secret::unseal(&sealed, &Opener::new(&keys), &mut rendering)?;
        self.deliver(vec![recover::manifest_of(&unsealed.target)])
    }

    fn validate(&mut self) -> Result<(), Fault> {
        let input = self.input()?;
        if manifest::count(&input).is_ok_and(|count| count == 0) {
            return Ok(());
        }
        let objects =
            manifest::read_all(&input, names::KIND).map_err(|fault| fault.within("unable to decrypt sealed secret"))?;
        if !self.options.recovery_keys.is_empty() {
            return validate::offline(&recover::keys(&self.options.recovery_keys)?, &objects);
        }
        let options = self.options;
        cluster::block_on(async { validate::ask(&options.connection.open(self.environment).await?, &objects).await })
    }

    fn re_encrypt(&mut self) -> Result<(), Fault> {
        let input = self.input()?;
        let objects = manifest::read_all(&input, names::KIND)?;
        let options = self.options;
        let rotated = cluster::block_on(async {
            re_encrypt::rotate(&options.connection.open(self.environment).await?, &objects).await
        })?;
        // With -f and without -w the file is sealed again in place.
        let file = options.output.as_deref().or(options.input.as_deref());
        let by_name = file.and_then(Syntax::of_output);
        let text = options.syntax.or(by_name).unwrap_or_default().render(rotated)?;
        output::deliver(self.ui, file, &text)
    }

    /// The input: `-f`, or stdin with a word to whoever sits at it.
    fn input(&mut self) -> Result<Vec<u8>, Fault> {
        match &self.options.input {
            Some(path) => file::open(path).map_err(|fault| {
                Fault::new(fault.kind(), "Could not read file specified with --secret-file").hint(fault.to_string())
            }),
            None => {
                if self.ui.terminal.input {
                    self.ui.note("(tty detected: expecting json/yaml k8s resource in stdin)");
                }
                self.ui.read_input()
            }
        }
    }

    /// The Secrets of the input. What YAML's rules change silently is told: it would be found out too late.
    fn secrets(&mut self, input: &[u8]) -> Result<Vec<Branch>, Fault> {
        let secrets = manifest::read_all(input, "Secret")?;
        for field in secrets.iter().flat_map(|secret| reinterpreted::fields(input, secret)) {
            self.ui.warn(&format!("{field} is not quoted and was changed by YAML's rules; put it into quotes"));
        }
        Ok(secrets)
    }

    fn certificate(&self) -> Result<Vec<u8>, Fault> {
        certificate::load(self.options.certificate.as_deref(), &self.options.connection, self.environment)
    }

    fn read_certificate(&self) -> Result<Certificate, Fault> {
        Certificate::parse(&self.certificate()?)
    }

    fn deliver(&mut self, objects: Vec<Branch>) -> Result<(), Fault> {
        let text = self.options.syntax.unwrap_or_default().render(objects)?;
        output::deliver(self.ui, self.options.output.as_deref(), &text)
    }
}

/// The key of a certificate that has not expired.
fn sealing_key(certificate: &Certificate) -> Result<&PublicKey, Fault> {
    certificate.sealing_key(Timestamp::now())
}
