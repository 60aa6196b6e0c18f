//! kubeseal's command line and its environment, as checked values: pflag's grammar, `SEALED_SECRETS_*` for every flag,
//! kubectl's connection flags, klog's flags accepted. Specification: SS §9.1, §9.2, §9.12, §9.13.

use std::path::PathBuf;

use base::Fault;
use seal::Scope;
use wire::Environment;

use super::connection::Connection;
use super::output::Syntax;
use crate::argv::{self, ArgvError, Flag, Grammar, Parsed, Takes};

/// What the environment's variables start with.
const PREFIX: &str = "SEALED_SECRETS_";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print the flags.
    Help,
    /// Print the version.
    Version,
    /// Work.
    Work(Mode),
}

/// What is to be done with the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Open a SealedSecret with private keys from files.
    Recover,
    /// Ask the controller whether it can open.
    Validate,
    /// Have the controller seal again with its newest key.
    ReEncrypt,
    /// Print the certificate.
    FetchCertificate,
    /// Seal into an existing file.
    MergeInto(PathBuf),
    /// Seal one value.
    Raw,
    /// Seal Secrets.
    Seal,
}

/// What was asked for.
pub struct Options {
    /// What is to be done.
    pub action: Action,
    /// `-f`: the input instead of stdin.
    pub input: Option<PathBuf>,
    /// `-w`: the output instead of stdout.
    pub output: Option<PathBuf>,
    /// `-o`, where it was given.
    pub syntax: Option<Syntax>,
    /// `--cert`: a file or a URL.
    pub certificate: Option<String>,
    /// `--scope`, where it was given.
    pub scope: Option<Scope>,
    /// `--name`.
    pub name: Option<String>,
    /// `--from-file`, each `[key=]path`.
    pub from_files: Vec<String>,
    /// `--recovery-private-key`: files.
    pub recovery_keys: Vec<PathBuf>,
    /// `--allow-empty-data`.
    pub allow_empty_data: bool,
    /// How to reach the cluster and the controller in it.
    pub connection: Connection,
    /// Sentences about flags that do nothing here.
    pub warnings: Vec<&'static str>,
    /// `--rotate` was typed instead of `--re-encrypt`.
    pub is_deprecated: bool,
}

/// A wrong command line ends with 2, a wrong environment with 1.
#[derive(Debug)]
pub enum Refusal {
    /// A flag is unknown, lacks its value or has a wrong one: pflag's sentence.
    Usage(String),
    /// The user typed `-h`.
    ShortHelp,
    /// Anything else.
    Fault(Fault),
}

/// One flag, and the word for its value in the list of flags.
struct Row {
    flag: Flag,
    word: &'static str,
}

const fn switch(name: &'static str, help: &'static str) -> Row {
    Row { flag: argv::switch(name, help), word: "" }
}

const fn value(name: &'static str, help: &'static str) -> Row {
    Row { flag: argv::value(name, help), word: "string" }
}

const fn values(name: &'static str, help: &'static str) -> Row {
    Row { flag: argv::value(name, help), word: "strings" }
}

const fn short(letter: char, row: Row) -> Row {
    Row { flag: Flag { short: Some(letter), ..row.flag }, word: row.word }
}

/// kubeseal's own flags and kubectl's connection flags.
const FLAGS: &[Row] = &[
    switch("allow-empty-data", "Allow empty data in the secret object"),
    value("as", "Username to impersonate for the operation"),
    values("as-group", "Group to impersonate for the operation, can be repeated"),
    value("as-uid", "UID to impersonate for the operation"),
    value("cert", "Certificate file or URL to use for encryption. Overrides --controller-*"),
    value("certificate-authority", "Path to a cert file for the certificate authority"),
    value("client-certificate", "Path to a client certificate file for TLS"),
    value("client-key", "Path to a client key file for TLS"),
    value("cluster", "The name of the kubeconfig cluster to use"),
    value("context", "The name of the kubeconfig context to use"),
    value("controller-name", "Name of sealed-secrets controller (default \"sealed-secrets-controller\")"),
    value("controller-namespace", "Namespace of sealed-secrets controller (default \"kube-system\")"),
    switch("disable-compression", "If true, opt-out of response compression for all requests to the server"),
    switch("fetch-cert", "Write certificate to stdout. Useful for later use with --cert"),
    short('o', value("format", "Output format for sealed secret. Either json or yaml (default \"json\")")),
    values("from-file", "(only with --raw) Take the value from this file, [key=]path; /dev/stdin reads a pipe"),
    switch("help", "Print this help message"),
    switch("insecure-skip-tls-verify", "If true, the server's certificate is not checked for validity"),
    value("kubeconfig", "Path to a kube config. Only required if out-of-cluster"),
    value("merge-into", "Merge items from secret into an existing sealed secret file, updating the file in-place"),
    value("name", "Name of the sealed secret (required with --raw and default (strict) scope)"),
    short('n', value("namespace", "If present, the namespace scope for this CLI request")),
    value("password", "Password for basic authentication to the API server"),
    value("proxy-url", "If provided, this URL will be used to connect via proxy"),
    switch("raw", "Encrypt a raw value passed via the --from-* flags instead of the whole secret object"),
    switch("re-encrypt", "Re-encrypt the given sealed secret to use the latest cluster key"),
    values(
        "recovery-private-key",
        "Private key file for --recovery-unseal, PEM or a backup of the controller's Secrets",
    ),
    switch("recovery-unseal", "Decrypt a sealed secrets file with the keys of --recovery-private-key"),
    value(
        "request-timeout",
        "How long to wait for a single server request, such as 1s or 2m; 0 waits for ever (default 30s)",
    ),
    value("scope", "Scope of the sealed secret: strict, namespace-wide, cluster-wide (default \"strict\")"),
    short('w', value("sealed-secret-file", "Sealed-secret (output) file")),
    short('f', value("secret-file", "Secret (input) file")),
    value("server", "The address and port of the Kubernetes API server"),
    value("tls-server-name", "Name to validate the server certificate with"),
    value("token", "Bearer token for authentication to the API server"),
    value("user", "The name of the kubeconfig user to use"),
    value("username", "Username for basic authentication to the API server"),
    short('v', value("v", "number for the log level verbosity")),
    switch("validate", "Validate that the sealed secret can be decrypted"),
    switch("version", "Print version information and exit"),
];

/// Deprecated, and not in the list.
const ROTATE: Row = switch("rotate", "");

/// klog's flags: accepted, so that scripts go on; there is no log to steer.
const KLOG: &[Row] = &[
    switch("add_dir_header", ""),
    switch("alsologtostderr", ""),
    value("alsologtostderrthreshold", ""),
    switch("legacy_stderr_threshold_behavior", ""),
    value("log_backtrace_at", ""),
    value("log_dir", ""),
    value("log_file", ""),
    value("log_file_max_size", ""),
    switch("logtostderr", ""),
    switch("one_output", ""),
    switch("skip_headers", ""),
    switch("skip_log_headers", ""),
    value("stderrthreshold", ""),
    value("vmodule", ""),
];

/// The list of flags, in pflag's layout.
#[must_use]
pub fn usage() -> String {
    let width = FLAGS.iter().map(|row| row.flag.name.len() + row.word.len()).max().unwrap_or_default() + 1;
    let mut text = String::new();
    for Row { flag, word } in FLAGS {
        let letter = flag.short.map_or("    ".to_owned(), |letter| format!("-{letter}, "));
        let left = format!("{} {word}", flag.name);
        text.push_str(&format!("  {letter}--{left:width$}   {}\n", flag.help));
    }
    text
}

impl Options {
    /// Reads words and environment.
    ///
    /// # Errors
    /// The command line is wrong, or the environment is.
    pub fn read(words: &[String], environment: &Environment) -> Result<Self, Refusal> {
        let flags: Vec<Flag> = FLAGS.iter().chain([&ROTATE]).chain(KLOG).map(|row| row.flag).collect();
        let parsed = argv::parse(Grammar::Pflag, &flags, words).map_err(|error| match error {
            ArgvError::Help { .. } => Refusal::ShortHelp,
            ArgvError::Wrong(text) => Refusal::Usage(text),
        })?;
        let given = Given { parsed, environment };
        check_klog(&given.parsed)?;
        given.check_truths().map_err(Refusal::Fault)?;
        let scope = given.scope()?;
        let mut options = Self {
            action: given.action(),
            input: given.path("secret-file"),
            output: given.path("sealed-secret-file"),
            syntax: None,
            certificate: given.filled("cert"),
            scope,
            name: given.filled("name"),
            from_files: given.list("from-file")?,
            recovery_keys: given.list("recovery-private-key")?.into_iter().map(PathBuf::from).collect(),
            allow_empty_data: given.is_set("allow-empty-data"),
            connection: given.connection(),
            warnings: Vec::new(),
            is_deprecated: given.parsed.has("rotate"),
        };
        if let Action::Work(mode) = &options.action {
            // Where no object is printed, no format is looked at, as in the peer.
            if !matches!(mode, Mode::Raw | Mode::FetchCertificate | Mode::Validate) {
                options.syntax = given.syntax().map_err(Refusal::Fault)?;
            }
            if !options.from_files.is_empty() && !given.is_set("raw") {
                return Err(Refusal::Fault(Fault::wrong("--from-file requires --raw")));
            }
            options.warnings = warnings(&options, mode);
        }
        Ok(options)
    }
}

/// klog's flags do nothing here, but their values are looked at: what is behind a flag may have been meant as something else.
fn check_klog(parsed: &Parsed) -> Result<(), Refusal> {
    let is_severity = |text: &str| {
        let names = ["INFO", "WARNING", "ERROR", "FATAL"];
        names.contains(&text.to_ascii_uppercase().as_str()) || text.parse::<i32>().is_ok()
    };
    let is_number = |text: &str| text.parse::<i32>().is_ok();
    let is_size = |text: &str| text.parse::<u64>().is_ok();
    let syntax = |text: &str| format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
    let plain = |_: &str| "parse error".to_owned();
    type Told<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> bool, &'a dyn Fn(&str) -> String);
    let rules: [Told<'_>; 4] = [
        ("v", "-v, --v", &is_number, &syntax),
        ("stderrthreshold", "--stderrthreshold", &is_severity, &syntax),
        ("alsologtostderrthreshold", "--alsologtostderrthreshold", &is_severity, &syntax),
        ("log_file_max_size", "--log_file_max_size", &is_size, &plain),
    ];
    for (name, shown, is_fine, reason) in rules {
        if let Some(wrong) = parsed.values(name).iter().find(|text| !is_fine(text)) {
            let reason = reason(wrong);
            return Err(Refusal::Usage(format!("invalid argument {wrong:?} for \"{shown}\" flag: {reason}")));
        }
    }
    Ok(())
}

/// Told to people only, as the peer has it: a script may preset the flag by its environment.
pub const KEYS_IGNORED: &str =
    "ignoring --recovery-private-key because unseal command not chosen with --recovery-unseal";

fn warnings(options: &Options, mode: &Mode) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if !options.recovery_keys.is_empty() && !matches!(mode, Mode::Recover | Mode::Validate) {
        warnings.push(KEYS_IGNORED);
    }
    if options.output.is_some() && matches!(mode, Mode::MergeInto(_)) {
        warnings.push("ignoring --sealed-secret-file because --merge-into updates its own file");
    }
    warnings
}

/// Flags and environment together.
struct Given<'a> {
    parsed: Parsed,
    environment: &'a Environment,
}

impl Given<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.value(&variable(name))
    }

    /// What was typed, else what the environment says.
    fn value(&self, name: &str) -> Option<&str> {
        self.parsed.value(name).or_else(|| self.variable(name))
    }

    fn filled(&self, name: &str) -> Option<String> {
        self.value(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.filled(name).map(PathBuf::from)
    }

    /// A list: the environment's entries and the typed ones together, as the peer has it.
    fn list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let mut entries = Vec::new();
        if let Some(text) = self.variable(name) {
            let preset = argv::list::split(text);
            entries.extend(preset.map_err(|told| {
                Refusal::Fault(Fault::wrong(format!("cannot use {}", variable(name))).because(told))
            })?);
        }
        for text in self.parsed.values(name) {
            entries.extend(
                argv::list::split(text).map_err(|told| {
                    Refusal::Usage(format!("invalid argument {text:?} for \"--{name}\" flag: {told}"))
                })?,
            );
        }
        Ok(entries)
    }

    /// A list whose entries may hold commas: each variable or flag is one.
    fn array(&self, name: &str) -> Vec<String> {
        let typed = self.parsed.values(name).iter().map(String::as_str);
        self.variable(name).into_iter().chain(typed).map(str::to_owned).collect()
    }

    fn is_set(&self, name: &str) -> bool {
        self.value(name).and_then(base::truth::parse).unwrap_or(false)
    }

    /// The grammar has checked what was typed; this checks the environment.
    fn check_truths(&self) -> Result<(), Fault> {
        for Row { flag, .. } in FLAGS.iter().filter(|row| row.flag.takes == Takes::Bool) {
            let text = self.variable(flag.name).filter(|text| !text.is_empty());
            if text.is_some_and(|text| base::truth::parse(text).is_none()) {
                return Err(Fault::wrong(format!("{} must be true or false", variable(flag.name))));
            }
        }
        Ok(())
    }

    fn scope(&self) -> Result<Option<Scope>, Refusal> {
        let Some(text) = self.value("scope") else { return Ok(None) };
        match (text.parse(), self.parsed.has("scope")) {
            (Ok(scope), _) => Ok(Some(scope)),
            (Err(fault), true) => {
                Err(Refusal::Usage(format!("invalid argument {text:?} for \"--scope\" flag: {fault}")))
            }
            (Err(fault), false) => Err(Refusal::Fault(fault.within(format!("cannot use {}", variable("scope"))))),
        }
    }

    fn syntax(&self) -> Result<Option<Syntax>, Fault> {
        let by_name = self.path("sealed-secret-file").and_then(|path| Syntax::of_output(&path));
        let by_flag = self.filled("format").map(|text| text.parse()).transpose()?;
        Ok(by_name.or(by_flag))
    }

    fn action(&self) -> Action {
        let merge = self.path("merge-into").map(Mode::MergeInto);
        Action::Work(match () {
            () if self.is_set("version") => return Action::Version,
            () if self.is_set("help") => return Action::Help,
            () if self.is_set("recovery-unseal") => Mode::Recover,
            () if self.is_set("validate") => Mode::Validate,
            () if self.is_set("re-encrypt") || self.is_set("rotate") => Mode::ReEncrypt,
            () if self.is_set("fetch-cert") => Mode::FetchCertificate,
            () => merge.unwrap_or(if self.is_set("raw") { Mode::Raw } else { Mode::Seal }),
        })
    }

    fn connection(&self) -> Connection {
        let name = |flag: &str, default: &str| self.filled(flag).unwrap_or_else(|| default.to_owned());
        Connection {
            controller_name: name("controller-name", api::sealed_secret::names::CONTROLLER_NAME),
            controller_namespace: name("controller-namespace", api::sealed_secret::names::CONTROLLER_NAMESPACE),
            namespace: self.filled("namespace").map(|text| bare_namespace(&text)),
            kubeconfig: self.path("kubeconfig"),
            context: self.filled("context"),
            cluster: self.filled("cluster"),
            user: self.filled("user"),
            server: self.filled("server"),
            certificate_authority: self.filled("certificate-authority"),
            insecure_skip_tls_verify: self.is_set("insecure-skip-tls-verify"),
            tls_server_name: self.filled("tls-server-name"),
            proxy_url: self.filled("proxy-url"),
            disable_compression: self.is_set("disable-compression"),
            client_certificate: self.filled("client-certificate"),
            client_key: self.filled("client-key"),
            token: self.filled("token").map(Into::into),
            username: self.filled("username"),
            password: self.filled("password").map(Into::into),
            impersonate: self.filled("as"),
            impersonate_groups: self.array("as-group"),
            impersonate_uid: self.filled("as-uid"),
            request_timeout: self.filled("request-timeout"),
        }
    }
}

/// The variable that presets a flag.
fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.replace('-', "_").to_ascii_uppercase())
}

/// kubectl's spellings: `ns/demo`, `namespace/demo`, `namespaces/demo`, in any case.
fn bare_namespace(text: &str) -> String {
    match text.split_once('/') {
        Some((word, name)) if ["ns", "namespace", "namespaces"].contains(&word.to_ascii_lowercase().as_str()) => {
            name.to_owned()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
