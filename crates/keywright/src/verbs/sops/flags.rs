//! Every flag of sops: the groups they come in, the variables behind them, and the text that `--help` shows of them.
//! Which command takes which is in the table of commands (`command`). Specification: SOPS §7.4, §8.1, §8.3.

use crate::argv::{self, Flag, Takes};

/// A flag, and what else is known of it.
#[derive(Clone, Copy)]
pub struct Entry {
    /// How it is typed.
    pub flag: Flag,
    /// The variable that stands for it where it was not typed.
    pub variable: Option<&'static str>,
    /// Whether its value is a whole number.
    pub is_number: bool,
}

/// Flags that commands take together.
pub type Group = &'static [Entry];

const fn value(name: &'static str, help: &'static str) -> Entry {
    Entry { flag: argv::value(name, help), variable: None, is_number: false }
}

const fn switch(name: &'static str, help: &'static str) -> Entry {
    Entry { flag: argv::switch(name, help), variable: None, is_number: false }
}

const fn short(short: char, entry: Entry) -> Entry {
    Entry { flag: Flag { short: Some(short), ..entry.flag }, ..entry }
}

const fn variable(variable: &'static str, entry: Entry) -> Entry {
    Entry { variable: Some(variable), ..entry }
}

const fn number(entry: Entry) -> Entry {
    Entry { is_number: true, ..entry }
}

/// What only the command line without a verb has: the mode as a flag.
pub const MODES: Group = &[
    short('d', switch("decrypt", "decrypt a file and output the result to stdout")),
    short('e', switch("encrypt", "encrypt a file and output the result to stdout")),
    short('r', switch("rotate", "generate a new data encryption key and reencrypt all values with the new key")),
    value("set", "set a value in the file: an index and a JSON value, as in '[\"key\"][0] {\"a\":true}'"),
];

/// What `--version` looks at.
pub const VERSION: Group = &[
    variable(
        "SOPS_DISABLE_VERSION_CHECK",
        switch("disable-version-check", "nothing: sops --version asks nobody unless told to"),
    ),
    switch("check-for-updates", "say with --version how newer versions are learnt of"),
    short('v', switch("version", "print the version")),
];

/// The master keys of a new file.
pub const KEYS: Group = &[
    short('k', variable("SOPS_KMS_ARN", value("kms", "comma separated list of KMS ARNs"))),
    AWS_PROFILE,
    variable("SOPS_GCP_KMS_IDS", value("gcp-kms", "comma separated list of GCP KMS resource IDs")),
    variable(
        "SOPS_HUAWEICLOUD_KMS_IDS",
        value("hckms", "comma separated list of HuaweiCloud KMS key IDs (format: region:key-uuid)"),
    ),
    variable("SOPS_AZURE_KEYVAULT_URLS", value("azure-kv", "comma separated list of Azure Key Vault URLs")),
    variable(
        "SOPS_VAULT_URIS",
        value(
            "hc-vault-transit",
            "comma separated list of Vault key URIs, as in https://vault.example.org:8200/v1/transit/keys/dev",
        ),
    ),
    short('p', variable("SOPS_PGP_FP", value("pgp", "comma separated list of PGP fingerprints"))),
    short('a', variable("SOPS_AGE_RECIPIENTS", value("age", "comma separated list of age recipients"))),
];

const AWS_PROFILE: Entry = value("aws-profile", "the AWS profile to use for requests to AWS");

/// Keys added to and removed from an existing file.
pub const CHANGED_KEYS: Group = &[
    value("add-gcp-kms", "add these GCP KMS resource IDs to the master keys of the file"),
    value("rm-gcp-kms", "remove these GCP KMS resource IDs from the master keys of the file"),
    value("add-hckms", "add these HuaweiCloud KMS key IDs to the master keys of the file"),
    value("rm-hckms", "remove these HuaweiCloud KMS key IDs from the master keys of the file"),
    value("add-azure-kv", "add these Azure Key Vault key URLs to the master keys of the file"),
    value("rm-azure-kv", "remove these Azure Key Vault key URLs from the master keys of the file"),
    value("add-kms", "add these KMS ARNs to the master keys of the file"),
    value("rm-kms", "remove these KMS ARNs from the master keys of the file"),
    value("add-hc-vault-transit", "add these Vault key URIs to the master keys of the file"),
    value("rm-hc-vault-transit", "remove these Vault key URIs from the master keys of the file"),
    value("add-age", "add these age recipients to the master keys of the file"),
    value("rm-age", "remove these age recipients from the master keys of the file"),
    value("add-pgp", "add these PGP fingerprints to the master keys of the file"),
    value("rm-pgp", "remove these PGP fingerprints from the master keys of the file"),
];

/// The context that KMS binds a key to.
pub const CONTEXT: Group =
    &[value("encryption-context", "comma separated list of KMS encryption context key:value pairs")];

/// How many groups are needed.
pub const SHAMIR: Group = &[number(value(
    "shamir-secret-sharing-threshold",
    "the number of key groups required to retrieve the data key with shamir (default: 0)",
))];

/// Back into the file.
pub const IN_PLACE: Group = &[short('i', switch("in-place", "write output back to the same file instead of stdout"))];

/// Into another file.
pub const OUTPUT: Group = &[value("output", "save the output to this file instead of stdout")];

/// One value instead of the whole file.
pub const EXTRACT: Group = &[value("extract", "print only this value, as in --extract '[\"somekey\"][0]'")];

/// The format that is read.
pub const INPUT_TYPE: Group =
    &[value("input-type", "json, yaml, dotenv, ini or binary; if not set, the file's extension decides")];

/// The format that is written.
pub const OUTPUT_TYPE: Group =
    &[value("output-type", "json, yaml, dotenv, ini or binary; if not set, the input file's extension decides")];

/// The name that decides instead of the file's own.
pub const FILENAME_OVERRIDE: Group = &[value(
    "filename-override",
    "use this name instead of the file's for finding the rule and both formats; needed to encrypt stdin",
)];

/// Which values are encrypted.
pub const SELECTION: Group = &[
    value("unencrypted-suffix", "leave the values of keys with this suffix clear"),
    value("encrypted-suffix", "encrypt only the values of keys with this suffix"),
    value("unencrypted-regex", "leave the values of keys that match clear"),
    value("encrypted-regex", "encrypt only the values of keys that match"),
    value("unencrypted-comment-regex", "leave the values behind comments that match clear"),
    value("encrypted-comment-regex", "encrypt only the values behind comments that match"),
];

/// An error instead of a warning.
pub const STRICT: Group =
    &[switch("strict", "fail where a value stays clear that should be encrypted, instead of warning")];

/// How `edit` shows a file.
pub const SHOW_MASTER_KEYS: Group =
    &[short('s', switch("show-master-keys", "show and edit the file's sops metadata, too"))];

/// Whether the file as a whole is checked.
pub const IGNORE_MAC: Group = &[switch("ignore-mac", "ignore the Message Authentication Code during decryption")];

/// For files of SOPS 3.7 to 3.9.
pub const REPEATED_KEYS: Group =
    &[switch("keep-repeated-keys", "read a YAML file in which a key stands twice, and keep both entries")];

/// Which keys are asked first.
pub const ORDER: Group =
    &[variable("SOPS_DECRYPTION_ORDER", value("decryption-order", "comma separated list of decryption key types"))];

/// Who unwraps data keys.
pub const KEY_SERVICES: Group = &[
    variable("SOPS_ENABLE_LOCAL_KEYSERVICE", switch("enable-local-keyservice", "use the local key service")),
    variable(
        "SOPS_KEYSERVICE",
        value(
            "keyservice",
            "a key service to use in addition to the local one, as in tcp://myserver.com:5000; may be repeated",
        ),
    ),
];

/// What stands in front of a verb and counts for it.
pub const GLOBAL: Group = &[
    variable("SOPS_CONFIG", value("config", "path to sops' config file; if set, it is not searched for")),
    switch("mac-only-encrypted", "compute the MAC only over values which end up encrypted"),
    number(value("indent", "the number of spaces to indent YAML or JSON files (default: 0)")),
    switch("verbose", "accepted for scripts; there is no more to tell"),
];

/// Where `set` takes its value from.
pub const SET: Group = &[
    switch("value-file", "the value argument is the path of a file that holds the value"),
    switch("value-stdin", "read the value from stdin; the value argument is then left out"),
];

/// Nothing is done where nothing would change.
pub const IDEMPOTENT: Group = &[switch("idempotent", "do nothing if the file is already as asked for")];

/// Nobody is asked.
pub const YES: Group = &[short('y', switch("yes", "pre-approve all changes and run non-interactively"))];

/// A question instead of a change.
pub const CHECK: Group = &[switch("check", "change nothing, and fail where a file is not in sync")];

/// The file whose groups change.
pub const GROUP_FILE: Group = &[short('f', value("file", "the file whose key groups are changed"))];

/// The keys of a new group, each flag once a key or with several separated by commas.
pub const GROUP_KEYS: Group = &[
    value("pgp", "a PGP fingerprint for the new group; may be repeated"),
    value("kms", "a KMS ARN for the new group; may be repeated"),
    AWS_PROFILE,
    value("gcp-kms", "a GCP KMS resource ID for the new group; may be repeated"),
    value("hckms", "a HuaweiCloud KMS key ID (format: region:key-uuid) for the new group; may be repeated"),
    value("azure-kv", "an Azure Key Vault key URL for the new group; may be repeated"),
    value("hc-vault-transit", "a Vault key URI for the new group; may be repeated"),
    value("age", "an age recipient for the new group; may be repeated"),
];

/// What becomes of the environment.
pub const EXEC_ENV: Group = &[
    switch("pristine", "give the command the decrypted values only, without the variables that there are"),
    switch("same-process", "become the command instead of starting it"),
];

/// What the file is that holds the content.
pub const EXEC_FILE: Group = &[
    switch("no-fifo", "use a regular file instead of a FIFO"),
    value("filename", "the name of the file (default: tmp-file)"),
];

/// As whom a command runs.
pub const USER: Group = &[value("user", "the user to run the command as")];

/// Does not wait for a command.
pub const BACKGROUND: Group = &[switch("background", "do not wait for the command (deprecated)")];

/// The flags as a list of lines, aligned.
pub fn listed(flags: &[Entry]) -> String {
    let name = |Entry { flag, .. }: &Entry| {
        let value = if flag.takes == Takes::Value { " value" } else { "" };
        let short = flag.short.map_or(String::new(), |short| format!(", -{short}{value}"));
        format!("--{}{value}{short}", flag.name)
    };
    let names: Vec<String> = flags.iter().map(name).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let mut text = String::new();
    for (entry, name) in flags.iter().zip(names) {
        let variable = entry.variable.map_or(String::new(), |variable| format!(" [${variable}]"));
        text.push_str(&format!("   {name:width$}  {}{variable}\n", entry.flag.help));
    }
    text
}
