//! A master key: an entry of a file that wraps the data key, or one share of it. All seven types of SOPS, as types, as
//! metadata fields and as the texts of flags and rules; a type that we do not know is kept as it stands.
//! Not here: the wrapping itself (`key_service`), alternatives and shares (`group`).
//! Specification: SOPS §4.10 (fields), §5 (identity strings), §5.1–5.7 (texts).

use std::collections::BTreeMap;

use base::{Fault, Timestamp};
use document::{Branch, Element, Node, Scalar};

use crate::field;
use crate::rfc3339;

/// An entry that wraps the data key.
#[derive(Clone, PartialEq)]
pub struct MasterKey {
    /// Which key it is.
    pub lock: Lock,
    /// When the entry was made, in seconds of UTC; empty for age.
    pub created_at: String,
    /// The wrapped data key or share: armor, base64 or `vault:v1:…`; empty until it was wrapped.
    pub enc: String,
}

/// Which key wraps, by type.
#[derive(Clone, PartialEq)]
pub enum Lock {
    /// An age recipient: X25519, SSH, plugin or post-quantum.
    Age {
        /// The recipient as it was given.
        recipient: String,
    },
    /// An OpenPGP key.
    Pgp {
        /// Its fingerprint, without spaces.
        fingerprint: String,
    },
    /// A key of AWS KMS.
    Kms {
        /// The key's or alias' ARN.
        arn: String,
        /// The role to assume first, or empty.
        role: String,
        /// The encryption context.
        context: BTreeMap<String, String>,
        /// The profile of the shared files, or empty.
        aws_profile: String,
    },
    /// A CryptoKey of GCP KMS.
    GcpKms {
        /// `projects/…/cryptoKeys/…`.
        resource_id: String,
    },
    /// A key of Azure Key Vault.
    AzureKeyVault {
        /// `https://` and the vault's host.
        vault_url: String,
        /// The key's name.
        name: String,
        /// The key's version; empty until it is wrapped for the first time.
        version: String,
    },
    /// A transit key of Vault or OpenBao.
    Vault {
        /// The server's address, with a path prefix where there is one.
        vault_address: String,
        /// The mount of the transit engine.
        engine_path: String,
        /// The key's name.
        key_name: String,
    },
    /// A key of Huawei Cloud KMS.
    Hckms {
        /// `REGION:UUID`.
        key_id: String,
    },
    /// A type that we do not know: kept in its list with all its fields, so that nothing is lost.
    Unknown {
        /// The name of its list.
        list: String,
        /// All fields but `enc` and `created_at`.
        fields: Branch,
    },
}

/// The seven types of master keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// age.
    Age,
    /// OpenPGP.
    Pgp,
    /// AWS KMS.
    Kms,
    /// GCP KMS.
    GcpKms,
    /// Azure Key Vault.
    AzureKv,
    /// Vault or OpenBao transit.
    HcVault,
    /// Huawei Cloud KMS.
    Hckms,
}

/// What flags and rules say for all AWS keys at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmsOptions {
    /// `--encryption-context`.
    pub context: BTreeMap<String, String>,
    /// `--aws-profile`.
    pub aws_profile: String,
}

impl KeyType {
    /// All types in the order in which the keys of flags wrap.
    pub const OF_FLAGS: [Self; 7] =
        [Self::Kms, Self::GcpKms, Self::Hckms, Self::AzureKv, Self::Pgp, Self::HcVault, Self::Age];

    /// All types in the order in which metadata is read.
    pub const ALL: [Self; 7] =
        [Self::Kms, Self::GcpKms, Self::Hckms, Self::AzureKv, Self::HcVault, Self::Pgp, Self::Age];

    /// The name of its list in metadata and in decryption orders.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Pgp => "pgp",
            Self::Kms => "kms",
            Self::GcpKms => "gcp_kms",
            Self::AzureKv => "azure_kv",
            Self::HcVault => "hc_vault",
            Self::Hckms => "hckms",
        }
    }
}

impl MasterKey {
    /// A key that has not wrapped anything yet.
    #[must_use]
    pub fn new(lock: Lock, now: Timestamp) -> Self {
        let created_at = if matches!(lock, Lock::Age { .. }) { String::new() } else { rfc3339::seconds(now) };
        Self { lock, created_at, enc: String::new() }
    }

    /// The keys that a flag names, separated by commas.
    ///
    /// # Errors
    /// One of them is no name of a key of that type; an empty one, behind a last comma, is none either.
    pub fn parse_list(key_type: KeyType, text: &str, options: &KmsOptions, now: Timestamp) -> Result<Vec<Self>, Fault> {
        text.split(',').map(|entry| Ok(Self::new(Lock::parse(key_type, entry, options)?, now))).collect()
    }

    /// The name of the list that holds it in metadata.
    #[must_use]
    pub fn list(&self) -> &str {
        self.lock.list()
    }

    /// What tells it from other keys; messages name it so.
    #[must_use]
    pub fn identity(&self) -> String {
        self.lock.identity()
    }

    /// Reads an entry of metadata.
    ///
    /// # Errors
    /// A field is no text, or `created_at` no time.
    pub(crate) fn read(list: &str, entry: &Branch) -> Result<Self, Fault> {
        let text = |name: &str| field::text(entry, name);
        let lock = match list {
            "age" => Lock::Age { recipient: text("recipient")? },
            "pgp" => Lock::Pgp { fingerprint: text("fp")? },
            "kms" => Lock::Kms {
                arn: text("arn")?,
                role: text("role")?,
                context: field::texts(entry, "context")?,
                aws_profile: text("aws_profile")?,
            },
            "gcp_kms" => Lock::GcpKms { resource_id: text("resource_id")? },
            "azure_kv" => {
                Lock::AzureKeyVault { vault_url: text("vault_url")?, name: text("name")?, version: text("version")? }
            }
            "hc_vault" => Lock::Vault {
                vault_address: text("vault_address")?,
                engine_path: text("engine_path")?,
                key_name: text("key_name")?,
            },
            "hckms" => Lock::Hckms { key_id: text("key_id")? },
            other => Lock::Unknown { list: other.to_owned(), fields: without_common(entry) },
        };
        let created_at = text("created_at")?;
        let created_at = match created_at.as_str() {
            "" => created_at,
            given => rfc3339::in_utc(given)
                .ok_or_else(|| Fault::wrong(format!("cannot read `created_at: {given}` of {}", lock.identity())))?,
        };
        Ok(Self { lock, created_at, enc: text("enc")? })
    }

    /// The entry's fields, sorted by name.
    pub(crate) fn write(&self) -> Branch {
        let mut fields: Vec<(String, Node)> = self.lock.fields();
        fields.push(("enc".to_owned(), Node::text(self.enc.as_str())));
        if !self.created_at.is_empty() {
            fields.push(("created_at".to_owned(), Node::text(self.created_at.as_str())));
        }
        field::sorted(fields)
    }
}

impl Lock {
    /// The name of the list that holds keys of its type.
    #[must_use]
    pub fn list(&self) -> &str {
        match self {
            Self::Unknown { list, .. } => list,
            known => known.key_type().map_or("", KeyType::name),
        }
    }

    /// Its type, where we know it.
    #[must_use]
    pub fn key_type(&self) -> Option<KeyType> {
        Some(match self {
            Self::Age { .. } => KeyType::Age,
            Self::Pgp { .. } => KeyType::Pgp,
            Self::Kms { .. } => KeyType::Kms,
            Self::GcpKms { .. } => KeyType::GcpKms,
            Self::AzureKeyVault { .. } => KeyType::AzureKv,
            Self::Vault { .. } => KeyType::HcVault,
            Self::Hckms { .. } => KeyType::Hckms,
            Self::Unknown { .. } => return None,
        })
    }

    /// What tells it from other keys.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Age { recipient } => recipient.clone(),
            Self::Pgp { fingerprint } => fingerprint.clone(),
            Self::GcpKms { resource_id } => resource_id.clone(),
            Self::Hckms { key_id } => key_id.clone(),
            Self::AzureKeyVault { vault_url, name, version } => format!("{vault_url}/keys/{name}/{version}"),
            Self::Vault { vault_address, engine_path, key_name } => {
                format!("{vault_address}/v1/{engine_path}/keys/{key_name}")
            }
            Self::Kms { arn, role, context, aws_profile } => kms_identity(arn, role, context, aws_profile),
            Self::Unknown { list, fields } => {
                let texts =
                    fields.entries().filter_map(|(key, node)| Some(format!("{}={}", key.as_str(), node.as_str()?)));
                format!("{list}:{}", texts.collect::<Vec<_>>().join(","))
            }
        }
    }

    /// The key that a flag or rule names with that text.
    ///
    /// # Errors
    /// The text is no name of a key of that type.
    pub fn parse(key_type: KeyType, text: &str, options: &KmsOptions) -> Result<Self, Fault> {
        let compact = || text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        match key_type {
            KeyType::Age => parse_age(text.trim()),
            KeyType::Pgp => Ok(Self::Pgp { fingerprint: compact() }),
            KeyType::Kms => Ok(parse_kms(&compact(), options)),
            KeyType::GcpKms => Ok(Self::GcpKms { resource_id: compact() }),
            KeyType::AzureKv => parse_azure(text.trim()),
            KeyType::HcVault => parse_vault(text.trim()),
            KeyType::Hckms => parse_hckms(text.trim()),
        }
    }

    fn fields(&self) -> Vec<(String, Node)> {
        let texts: &[(&str, &str)] = match self {
            Self::Age { recipient } => &[("recipient", recipient)],
            Self::Pgp { fingerprint } => &[("fp", fingerprint)],
            Self::GcpKms { resource_id } => &[("resource_id", resource_id)],
            Self::Hckms { key_id } => &[("key_id", key_id)],
            Self::AzureKeyVault { vault_url, name, version } => {
                &[("vault_url", vault_url), ("name", name), ("version", version)]
            }
            Self::Vault { vault_address, engine_path, key_name } => {
                &[("vault_address", vault_address), ("engine_path", engine_path), ("key_name", key_name)]
            }
            Self::Kms { arn, role, context, aws_profile } => return kms_fields(arn, role, context, aws_profile),
            Self::Unknown { fields, .. } => {
                return fields.entries().map(|(key, node)| (key.as_str().to_owned(), node.clone())).collect();
            }
        };
        texts.iter().map(|(name, text)| ((*name).to_owned(), Node::text(*text))).collect()
    }
}

/// `k:v,k2:v2` as a map.
///
/// # Errors
/// A pair has not exactly one `:`.
pub fn parse_context(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    let pair = |pair: &str| match pair.split(':').collect::<Vec<_>>()[..] {
        [key, value] => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Fault::wrong("Invalid KMS encryption context format").hint("write it as `key:value,key2:value2`")),
    };
    if text.is_empty() { Ok(BTreeMap::new()) } else { text.split(',').map(pair).collect() }
}

fn kms_identity(arn: &str, role: &str, context: &BTreeMap<String, String>, aws_profile: &str) -> String {
    let plus = if role.is_empty() { "" } else { "+" };
    let pairs: Vec<String> = context.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    let pairs = pairs.join(",");
    match (pairs.is_empty(), aws_profile.is_empty()) {
        (true, true) => format!("{arn}{plus}{role}"),
        (false, true) => format!("{arn}{plus}{role}|{pairs}"),
        (_, false) => format!("{arn}{plus}{role}|{pairs}|{aws_profile}"),
    }
}

fn kms_fields(arn: &str, role: &str, context: &BTreeMap<String, String>, aws_profile: &str) -> Vec<(String, Node)> {
    let mut fields = vec![("arn".to_owned(), Node::text(arn)), ("aws_profile".to_owned(), Node::text(aws_profile))];
    if !role.is_empty() {
        fields.push(("role".to_owned(), Node::text(role)));
    }
    if !context.is_empty() {
        let mut branch = Branch::default();
        context.iter().for_each(|(key, value)| branch.push(key, Node::text(value.as_str())));
        fields.push(("context".to_owned(), Node::Branch(branch)));
    }
    fields
}

fn without_common(entry: &Branch) -> Branch {
    let mut fields = Branch::default();
    let own = entry.entries().filter(|(key, _)| !key.is("enc") && !key.is("created_at"));
    own.for_each(|(key, node)| fields.push(key.as_str(), node.clone()));
    fields
}

/// Whether a list of a type that we do not know looks like one of master keys.
pub(crate) fn looks_like_keys(elements: &[Element]) -> bool {
    let has_enc = |element: &Element| match element {
        Element::Node(Node::Branch(entry)) => matches!(entry.value("enc"), Some(Node::Leaf(Scalar::Text(_)))),
        _ => false,
    };
    !elements.is_empty() && elements.iter().all(has_enc)
}

fn parse_age(text: &str) -> Result<Lock, Fault> {
    if text.starts_with("age1") || text.starts_with("ssh-") {
        return Ok(Lock::Age { recipient: text.to_owned() });
    }
    Err(Fault::wrong(format!("failed to parse input, unknown recipient type: \"{text}\""))
        .hint("a recipient starts with `age1` or `ssh-`"))
}

fn parse_kms(text: &str, options: &KmsOptions) -> Lock {
    let (arn, role) = match text.find("+arn:") {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    Lock::Kms {
        arn: arn.to_owned(),
        role: role.to_owned(),
        context: options.context.clone(),
        aws_profile: options.aws_profile.clone(),
    }
}

fn parse_azure(text: &str) -> Result<Lock, Fault> {
    let parts = || {
        let (host, path) = text.strip_prefix("https://")?.split_once("/keys/")?;
        let (name, version) = path.split_once('/').unwrap_or((path, ""));
        let is_whole = !host.is_empty() && !host.contains('/') && !name.is_empty() && !version.contains('/');
        is_whole.then(|| Lock::AzureKeyVault {
            vault_url: format!("https://{host}"),
            name: name.to_owned(),
            version: version.to_owned(),
        })
    };
    parts().ok_or_else(|| {
        Fault::wrong(format!("could not parse \"{text}\" into a valid Azure Key Vault MasterKey []"))
            .hint("write it as `https://VAULT/keys/NAME/VERSION`")
    })
}

fn parse_vault(text: &str) -> Result<Lock, Fault> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Fault::wrong(format!(
            "missing scheme in Vault URL (should be like this: +https://vault.example.com:8200/v1/transit/keys/keyName), got: {text}"
        )));
    };
    let parts = || {
        let (address, path) = rest.split_once("/v1/")?;
        let (engine, name) = path.trim_end_matches('/').rsplit_once("/keys/")?;
        let is_whole = ![address, engine, name].iter().any(|part| part.is_empty()) && !name.contains('/');
        is_whole.then(|| Lock::Vault {
            vault_address: format!("{scheme}://{address}"),
            engine_path: engine.to_owned(),
            key_name: name.to_owned(),
        })
    };
    parts().ok_or_else(|| {
        Fault::wrong(format!(
            "vault path does not seem to be formatted correctly: (eg. https://vault.example.com:8200/v1/transit/keys/keyName), got: {text}"
        ))
    })
}

fn parse_hckms(text: &str) -> Result<Lock, Fault> {
    let fault = match text.split_once(':') {
        None => format!("invalid key ID format: expected 'region:key-uuid', got \"{text}\""),
        Some(("", _)) => format!("region cannot be empty in key ID: \"{text}\""),
        Some((_, "")) => format!("key UUID cannot be empty in key ID: \"{text}\""),
        Some(_) => return Ok(Lock::Hckms { key_id: text.to_owned() }),
    };
    Err(Fault::wrong(fault))
}

#[cfg(test)]
mod tests;
