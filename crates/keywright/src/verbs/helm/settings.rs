//! What flags and variables say about a run. Flags count only in front of the command, from left to right, the last one wins.
//! Specification: HS §4.1, §5.

use base::Fault;
use wire::Environment;

use super::backend::{Backend, Selection};
use super::pure::dec_name::Naming;
use super::pure::policy::Policy;
use super::told;
use crate::Failure;

/// The settings of a run.
pub struct Settings {
    /// Who decrypts, where a file does not say otherwise.
    pub backend: Backend,
    /// Which backends may be used at all; empty: all.
    pub allowed: Vec<String>,
    /// More words for the backend.
    pub backend_args: Vec<String>,
    /// Whether only what went wrong is told.
    pub is_quiet: bool,
    /// Whether a file that is not there is as good as an empty one.
    pub ignore_missing: bool,
    /// Whether references in rendered manifests are evaluated.
    pub evaluates_templates: bool,
    /// Whether that looks into the `data` of Secrets, too.
    pub decodes_secrets: bool,
    /// Whether copies lie in a folder of their own, whatever the names say.
    pub in_tmp_dir: bool,
    /// What a values reference may name.
    pub policy: Policy,
    /// How copies are called.
    pub naming: Naming,
    /// Whether the user chose names or folder of the copies, so that they lie where the names say.
    pub has_own_names: bool,
}

impl Settings {
    /// Reads what stands in front of the command; answers the words from the command on, too.
    ///
    /// # Errors
    /// A flag has no value, or a backend may not be used.
    pub fn read(words: &[String], environment: &Environment) -> Result<(Self, Vec<String>), Failure> {
        let mut settings = Self::of_environment(environment);
        let mut backend = environment.value("HELM_SECRETS_BACKEND").unwrap_or("sops").to_owned();
        let mut words = words.iter().peekable();
        while let Some(word) = words.peek().map(|word| word.as_str()) {
            let (name, given) =
                word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
            if let Some(fault) = removed(name) {
                return Err(told(fault));
            }
            let Some(flag) = Flag::named(name).filter(|flag| given.is_none() || flag.takes_equals()) else { break };
            words.next();
            let mut value = || {
                given.clone().or_else(|| words.next().cloned()).ok_or_else(|| {
                    told(Fault::wrong(format!("{name} needs a value")).hint("`helm secrets --help` shows all flags"))
                })
            };
            match flag {
                Flag::Backend => backend = value()?,
                Flag::BackendArgs => settings.backend_args = split(&value()?),
                Flag::Quiet => settings.is_quiet = true,
                Flag::Truth(which) => {
                    let next = words.next_if(|word| given.is_none() && matches!(word.as_str(), "true" | "false"));
                    let said = given.as_deref().or(next.map(String::as_str)).is_none_or(|text| text == "true");
                    *settings.truth(which) = said;
                }
            }
        }
        settings.backend = match settings.select(&backend)? {
            Selection::Known(backend) => backend,
            Selection::Script => return Err(told(super::backend::no_scripts(&backend))),
            Selection::Unknown => return Err(told(Fault::wrong(format!("Can't find secret backend: {backend}")))),
        };
        Ok((settings, words.cloned().collect()))
    }

    /// The backend of that name, if this run may use it.
    ///
    /// # Errors
    /// It may not.
    pub fn select(&self, name: &str) -> Result<Selection, Failure> {
        let selection = Selection::of(name);
        let is_allowed = self.allowed.is_empty() || self.allowed.iter().any(|allowed| allowed == name);
        if selection != Selection::Unknown && !is_allowed {
            return Err(told(Fault::denied(format!("secret backend '{name}' not allowed"))));
        }
        Ok(selection)
    }

    fn of_environment(environment: &Environment) -> Self {
        let is_true = |name: &str| environment.value(name) == Some("true");
        let is_allowed = |name: &str| environment.value(&format!("HELM_SECRETS_VALUES_ALLOW_{name}")) != Some("false");
        let text = |name: &str| environment.value(name).unwrap_or_default().to_owned();
        let is_argo = environment.value("ARGOCD_APP_NAME").is_some();
        let naming = Naming {
            prefix: text("HELM_SECRETS_DEC_PREFIX"),
            suffix: environment.value("HELM_SECRETS_DEC_SUFFIX").unwrap_or(".dec").to_owned(),
            folder: text("HELM_SECRETS_DEC_DIR"),
        };
        let own_names = ["HELM_SECRETS_DEC_PREFIX", "HELM_SECRETS_DEC_SUFFIX", "HELM_SECRETS_DEC_DIR"];
        Self {
            backend: Backend::Sops,
            allowed: text("HELM_SECRETS_ALLOWED_BACKENDS")
                .split(',')
                .map(str::to_owned)
                .filter(|name| !name.is_empty())
                .collect(),
            backend_args: split(&text("HELM_SECRETS_BACKEND_ARGS")),
            is_quiet: environment.value("HELM_SECRETS_QUIET").map_or(is_argo, |text| text == "true"),
            ignore_missing: is_true("HELM_SECRETS_IGNORE_MISSING_VALUES"),
            evaluates_templates: is_true("HELM_SECRETS_EVALUATE_TEMPLATES"),
            decodes_secrets: is_true("HELM_SECRETS_EVALUATE_TEMPLATES_DECODE_SECRETS"),
            in_tmp_dir: is_true("HELM_SECRETS_DECRYPT_SECRETS_IN_TMP_DIR"),
            policy: Policy {
                symlinks: is_allowed("SYMLINKS"),
                absolute: is_allowed("ABSOLUTE_PATH"),
                traversal: is_allowed("PATH_TRAVERSAL"),
            },
            naming,
            has_own_names: environment.first(&own_names).is_some(),
        }
    }

    fn truth(&mut self, which: Truth) -> &mut bool {
        match which {
            Truth::IgnoreMissing => &mut self.ignore_missing,
            Truth::EvaluateTemplates => &mut self.evaluates_templates,
            // Decoding is a way of evaluating; without that it does nothing.
            Truth::DecodeSecrets => &mut self.decodes_secrets,
            Truth::InTmpDir => &mut self.in_tmp_dir,
        }
    }
}

/// What the peer once had: a verb or a flag, and what is written instead.
fn removed(word: &str) -> Option<Fault> {
    let (_, instead) = REMOVED.iter().find(|(old, _)| *old == word)?;
    Some(Fault::wrong(format!("`{word}` is not part of helm-secrets any more")).hint(*instead))
}

const REMOVED: [(&str, &str); 9] = [
    ("enc", "write `helm secrets encrypt`"),
    ("dec", "write `helm secrets decrypt`"),
    ("clean", "there is nothing to clean: copies are removed when helm ends"),
    ("terraform", "write `helm secrets decrypt --terraform`"),
    ("patch", "give the encrypted files to helm by `helm secrets upgrade -f`"),
    ("-d", "write --backend"),
    ("--driver", "write --backend"),
    ("--driver-args", "write --backend-args"),
    ("--output-decrypt-file-path", "write `helm secrets decrypt FILE > COPY`"),
];

/// Variables that the peer once read, and what is read now.
pub const REMOVED_VARIABLES: [(&str, &str); 3] = [
    ("HELM_SECRETS_DRIVER", "set HELM_SECRETS_BACKEND"),
    ("HELM_SECRETS_DRIVER_ARGS", "set HELM_SECRETS_BACKEND_ARGS"),
    ("HELM_SECRETS_OUTPUT_DECRYPTED_FILE_PATH", "write `helm secrets decrypt FILE > COPY`"),
];

/// A flag in front of the command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    Backend,
    BackendArgs,
    Quiet,
    Truth(Truth),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Truth {
    IgnoreMissing,
    EvaluateTemplates,
    DecodeSecrets,
    InTmpDir,
}

impl Flag {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "-b" | "--backend" => Self::Backend,
            "-a" | "--backend-args" => Self::BackendArgs,
            "-q" | "--quiet" => Self::Quiet,
            "--ignore-missing-values" => Self::Truth(Truth::IgnoreMissing),
            "--evaluate-templates" => Self::Truth(Truth::EvaluateTemplates),
            "--evaluate-templates-decode-secrets" => Self::Truth(Truth::DecodeSecrets),
            "--decrypt-secrets-in-tmp-dir" => Self::Truth(Truth::InTmpDir),
            _ => return None,
        })
    }

    fn takes_equals(self) -> bool {
        self != Self::Quiet
    }
}

/// Words as the peer splits them: at blanks, whatever quotes there are.
fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
