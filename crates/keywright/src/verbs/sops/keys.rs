//! The master keys of a command: those that flags and rules name, and the key services that wrap and unwrap with them.
//! Not here: what one key does (`providers::keys`). Specification: SOPS §6 (client flags), §7.1 (outcomes), §8.3.

use std::sync::Arc;

use base::{Fault, Opening, SecretBytes};
use providers::keys::KeyRing;
use sops::master_key::parse_context;
use sops::{
    DataKey, Flags, KeyService, KeyType, KmsOptions, MasterKey, Metadata, Recipe, Selection, Wrapping, at_once,
};

use super::config::Config;
use super::session::Session;
use crate::terminal::Tty;
use crate::{Failure, reach};

/// What a new file is encrypted with: flags before the creation rule of its path.
///
/// # Errors
/// There are no keys at all, or something about flags or rule is wrong.
pub fn recipe(session: &mut Session<'_>, path: &str) -> Result<Recipe, Failure> {
    let flags = Flags {
        keys: of_flags(session)?,
        shamir_threshold: session.threshold(),
        selections: Selection::NAMES
            .iter()
            .filter_map(|name| Selection::named(name, session.value(&name.replace('_', "-"))?))
            .collect(),
        mac_only_encrypted: session.is_set("mac-only-encrypted"),
    };
    let rule = match session.config()? {
        Some(config) => config.recipe(path, session.now)?,
        None => None,
    };
    if flags.keys.is_empty() && rule.is_none() {
        return Err(Failure::from(
            Fault::wrong(
                "config file not found, or has no creation rules, and no keys provided through command line options",
            )
            .hint("name a key, as in `--age RECIPIENT`, or write a `.sops.yaml` with `creation_rules`"),
        ));
    }
    Recipe::of(flags, rule).map_err(|fault| Failure::new(8, fault).prefixed("Error: "))
}

/// What the rule says today about a file that is encrypted already; nothing where no rule matches.
///
/// # Errors
/// The configuration file cannot be read.
pub fn rule_of_today(session: &mut Session<'_>, path: &str) -> Result<Option<Recipe>, Failure> {
    let now = session.now;
    Ok(session.config()?.and_then(|config: std::rc::Rc<Config>| config.recipe(path, now).ok().flatten()))
}

/// `--encryption-context` and `--aws-profile`.
///
/// # Errors
/// The context is not made of pairs.
pub fn kms_options(session: &Session<'_>) -> Result<KmsOptions, Failure> {
    let context = parse_context(session.value("encryption-context").unwrap_or_default());
    let aws_profile = session.value("aws-profile").unwrap_or_default().to_owned();
    Ok(KmsOptions { context: context.map_err(|fault| Failure::new(6, fault))?, aws_profile })
}

/// The flag that names keys of a type.
pub fn flag(key_type: KeyType) -> &'static str {
    match key_type {
        KeyType::Age => "age",
        KeyType::Pgp => "pgp",
        KeyType::Kms => "kms",
        KeyType::GcpKms => "gcp-kms",
        KeyType::AzureKv => "azure-kv",
        KeyType::HcVault => "hc-vault-transit",
        KeyType::Hckms => "hckms",
    }
}

fn of_flags(session: &mut Session<'_>) -> Result<Vec<MasterKey>, Failure> {
    let options = kms_options(session)?;
    let mut keys = Vec::new();
    for key_type in KeyType::OF_FLAGS {
        if let Some(text) = session.value(flag(key_type)) {
            keys.extend(MasterKey::parse_list(key_type, text, &options, session.now)?);
        }
    }
    Ok(keys)
}

/// Whoever is asked to wrap and unwrap, in order: the local service, then the remote ones.
pub struct Services {
    local: Option<KeyRing>,
    remote: Vec<Remote>,
}

impl Services {
    /// Those that the flags name.
    pub fn of(session: &mut Session<'_>) -> Self {
        let surroundings = || reach::surroundings(session.environment.clone());
        let local =
            session.is_not_refused("enable-local-keyservice").then(|| KeyRing::new(surroundings(), Arc::new(Tty)));
        let mut remote = Vec::new();
        for address in session.values("keyservice") {
            match address.split_once("://") {
                Some(("tcp" | "unix", _)) => remote.push(Remote(address)),
                _ => session.warn(&format!("Error parsing key service URI {address:?}, skipping")),
            }
        }
        Self { local, remote }
    }

    /// The data key of a file.
    ///
    /// # Errors
    /// No key could be used (128), with the report of all that was tried.
    pub fn unlock(&self, session: &Session<'_>, metadata: &Metadata) -> Result<DataKey, Failure> {
        let order = session.order()?;
        let services = self.all();
        let unwrapped = sops::unwrap(&metadata.groups, metadata.shamir_threshold, &order, &services);
        at_once(unwrapped)?.map_err(|recovery| Failure::new(128, Fault::denied(recovery.report())))
    }

    /// Wraps a data key for the keys of a file.
    ///
    /// # Errors
    /// A key could not wrap; the metadata is then as it was. `attempt` says what for.
    pub fn wrap(&self, metadata: &mut Metadata, which: Wrapping, key: &DataKey, attempt: &str) -> Result<(), Failure> {
        let services = self.all();
        let faults = match at_once(sops::wrap(metadata, which, key, &services, &mut rand::rng()))? {
            Ok(()) => return Ok(()),
            Err(faults) => faults,
        };
        let advice = faults.iter().find_map(Fault::advice).map(str::to_owned);
        let texts: Vec<String> = faults.iter().map(Fault::chain).collect();
        let told = Fault::denied(format!("{attempt}: [{}]", texts.join(" ")));
        Err(advice.into_iter().fold(told, Fault::hint).into())
    }

    fn all(&self) -> Vec<&dyn KeyService> {
        let local = self.local.iter().map(|ring| ring as &dyn KeyService);
        local.chain(self.remote.iter().map(|remote| remote as &dyn KeyService)).collect()
    }
}

/// A key service at an address. Its protocol is not spoken yet, and it says so only when it is needed.
struct Remote(String);

impl Remote {
    fn refusal(&self) -> Fault {
        Fault::wrong(format!(
            "cannot ask the key service at {}: this version of keywright has only the local one",
            self.0
        ))
    }
}

impl KeyService for Remote {
    fn encrypt<'a>(&'a self, _: &'a MasterKey, _: &'a SecretBytes) -> Opening<'a, String> {
        Box::pin(std::future::ready(Err(self.refusal())))
    }

    fn decrypt<'a>(&'a self, _: &'a MasterKey) -> Opening<'a, SecretBytes> {
        Box::pin(std::future::ready(Err(self.refusal())))
    }
}
