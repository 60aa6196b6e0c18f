//! `.sops.yaml`: which keys and options apply to a file, by the first creation rule that matches its path.
//! Not here: where the file is looked for (the binary), destination rules of `publish`.
//! Specification: SOPS §7, §7.1, §7.3, §10 (config rows).

use base::{Fault, Timestamp};
use document::{Branch, Document, Element, Node};

use crate::field;
use crate::group::KeyGroup;
use crate::master_key::{KeyType, KmsOptions, Lock, MasterKey};
use crate::metadata::{Metadata, VERSION, selection_names};
use crate::select::{Selection, go_regex};

/// A configuration file. Unknown keys are ignored, at every level.
pub struct Rules {
    /// `None` where the file has no creation rules, so that it counts as no configuration.
    creation: Option<Vec<CreationRule>>,
    /// How files are laid out.
    pub stores: Stores,
}

/// `stores`: the indentation of each format, where the file says one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stores {
    /// Of YAML files.
    pub yaml: Option<i64>,
    /// Of JSON files.
    pub json: Option<i64>,
    /// Of binary files in their encrypted form.
    pub json_binary: Option<i64>,
}

/// What a new file is encrypted with: the outcome of a rule, of flags, or of both.
#[derive(Clone, PartialEq)]
pub struct Recipe {
    /// The keys.
    pub groups: Vec<KeyGroup>,
    /// How many groups are needed; 0 for all.
    pub shamir_threshold: usize,
    /// Which leaves are encrypted; `None` for the default.
    pub selection: Option<Selection>,
    /// Whether the MAC covers only encrypted leaves.
    pub mac_only_encrypted: bool,
    /// The expression of the rule that said so, for messages; `None` where no rule did.
    pub rule: Option<String>,
}

impl Rules {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Something in it has the wrong type.
    pub fn read(document: &Document) -> Result<Self, Fault> {
        Self::parse(document).map_err(|fault| fault.within("Could not unmarshal config file"))
    }

    /// What the first rule says that matches the file, or `None` without any rules. Both paths are absolute; the rules
    /// see the file's path below the folder of the configuration, or all of it where it lies elsewhere.
    ///
    /// # Errors
    /// No rule matches, or the one that does names no proper keys.
    pub fn recipe(&self, folder: &str, file: &str, now: Timestamp) -> Result<Option<Recipe>, Fault> {
        let Some(rules) = &self.creation else {
            return Ok(None);
        };
        let below = file.strip_prefix(folder.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
        let path = below.unwrap_or(file);
        for rule in rules {
            if rule.matches(path)? {
                return rule.recipe(now).map(Some);
            }
        }
        Err(Fault::wrong("no matching creation rules found").hint(format!("no `path_regex` matches `{path}`")))
    }

    fn parse(document: &Document) -> Result<Self, Fault> {
        let empty = Branch::default();
        let top = document.branches.first().unwrap_or(&empty);
        let creation = match field::value(top, "creation_rules") {
            None => None,
            Some(_) => Some(
                field::branches(top, "creation_rules")?
                    .into_iter()
                    .map(CreationRule::read)
                    .collect::<Result<_, _>>()?,
            ),
        };
        field::branches(top, "destination_rules")?;
        Ok(Self { creation, stores: Stores::read(top)? })
    }
}

/// What the command line says about a new file; it goes before the rule.
#[derive(Clone, Default, PartialEq)]
pub struct Flags {
    /// The keys, in one group; any key here replaces all keys of the rule.
    pub keys: Vec<MasterKey>,
    /// The threshold, where it is not 0.
    pub shamir_threshold: usize,
    /// The selection options; more than one is refused.
    pub selections: Vec<Selection>,
    /// Whether the MAC shall cover only encrypted leaves.
    pub mac_only_encrypted: bool,
}

impl Recipe {
    /// What flags and rule say together. Without either there are no keys, which wrapping refuses.
    ///
    /// # Errors
    /// They choose leaves in different ways.
    pub fn of(flags: Flags, rule: Option<Self>) -> Result<Self, Fault> {
        let nothing =
            Self { groups: Vec::new(), shamir_threshold: 0, selection: None, mac_only_encrypted: false, rule: None };
        let rule = rule.unwrap_or(nothing);
        let mut selections = flags.selections;
        let is_said = |known: &Selection| selections.iter().any(|flag| flag.name() == known.name());
        let ours = rule.selection.filter(|selection| !is_said(selection));
        selections.extend(ours);
        if selections.len() > 1 {
            return Err(Fault::wrong(format!("cannot use more than one of {} in the same file", selection_names())));
        }
        let groups = if flags.keys.is_empty() { rule.groups } else { vec![KeyGroup { keys: flags.keys }] };
        Ok(Self {
            groups,
            shamir_threshold: if flags.shamir_threshold == 0 { rule.shamir_threshold } else { flags.shamir_threshold },
            selection: selections.pop(),
            mac_only_encrypted: flags.mac_only_encrypted || rule.mac_only_encrypted,
            rule: rule.rule,
        })
    }

    /// The metadata of a new file; its keys have not wrapped anything yet. A binary file has no selection: all of it is
    /// encrypted, so that a MAC over what is encrypted says nothing new either.
    #[must_use]
    pub fn metadata(self, is_binary: bool) -> Metadata {
        let selection = (!is_binary).then(|| self.selection.unwrap_or_default());
        Metadata {
            groups: self.groups,
            shamir_threshold: self.shamir_threshold,
            last_modified: String::new(),
            mac: String::new(),
            selection,
            mac_only_encrypted: self.mac_only_encrypted && !is_binary,
            version: VERSION.to_owned(),
        }
    }
}

/// One rule, with its keys as they were written: only the rule that matches has to name proper ones.
struct CreationRule {
    path_regex: String,
    keys: Branch,
    groups: Vec<RuleGroup>,
    options: KmsOptions,
    shamir_threshold: usize,
    selections: Vec<Selection>,
    mac_only_encrypted: bool,
}

impl CreationRule {
    fn read(rule: &Branch) -> Result<Self, Fault> {
        let selections = Selection::NAMES.iter().map(|name| Ok(Selection::named(name, &field::text(rule, name)?)));
        Ok(Self {
            path_regex: field::text(rule, "path_regex")?,
            keys: rule.clone(),
            groups: field::branches(rule, "key_groups")?.into_iter().map(RuleGroup::read).collect::<Result<_, _>>()?,
            options: KmsOptions { aws_profile: field::text(rule, "aws_profile")?, ..KmsOptions::default() },
            shamir_threshold: field::count(rule, "shamir_threshold")?,
            selections: selections.collect::<Result<Vec<_>, Fault>>()?.into_iter().flatten().collect(),
            mac_only_encrypted: field::truth(rule, "mac_only_encrypted")?,
        })
    }

    fn matches(&self, path: &str) -> Result<bool, Fault> {
        if self.path_regex.is_empty() {
            return Ok(true);
        }
        let regex = go_regex(&self.path_regex)
            .map_err(|fault| Fault::wrong("can not compile regexp").because(fault.to_string()))?;
        Ok(regex.is_match(path))
    }

    fn recipe(&self, now: Timestamp) -> Result<Recipe, Fault> {
        if self.selections.len() > 1 {
            return Err(Fault::wrong(format!("cannot use more than one of {} for the same rule", selection_names())));
        }
        let groups = match &self.groups[..] {
            [] => vec![KeyGroup { keys: self.flat_keys(now)? }],
            groups => groups.iter().map(|group| group.keys(now)).collect::<Result<_, _>>()?,
        };
        Ok(Recipe {
            groups,
            shamir_threshold: self.shamir_threshold,
            selection: self.selections.first().cloned(),
            mac_only_encrypted: self.mac_only_encrypted,
            rule: Some(self.path_regex.clone()),
        })
    }

    fn flat_keys(&self, now: Timestamp) -> Result<Vec<MasterKey>, Fault> {
        let mut keys = Vec::new();
        for (name, key_type) in FLAT {
            for text in flat_texts(&self.keys, name)? {
                keys.push(MasterKey::new(Lock::parse(key_type, &text, &self.options)?, now));
            }
        }
        Ok(keys)
    }
}

/// A rule's flat fields, in the order in which their keys wrap.
const FLAT: [(&str, KeyType); 7] = [
    ("age", KeyType::Age),
    ("pgp", KeyType::Pgp),
    ("kms", KeyType::Kms),
    ("gcp_kms", KeyType::GcpKms),
    ("hckms", KeyType::Hckms),
    ("azure_keyvault", KeyType::AzureKv),
    ("hc_vault_transit_uri", KeyType::HcVault),
];

/// A text with commas, or a list of texts; blanks around entries do not count, empty entries neither.
fn flat_texts(rule: &Branch, name: &str) -> Result<Vec<String>, Fault> {
    let wrong = |what: &str, node: &Node| {
        let text = format!("invalid {name} key configuration: expected {what}, got {}", node.type_name());
        Err(Fault::wrong(text).within(format!("invalid {name} key configuration")))
    };
    let text = |node: &Node| node.as_str().map(|text| text.trim().to_owned());
    let texts = match field::value(rule, name) {
        None => Vec::new(),
        Some(Node::List(elements)) => {
            let mut texts = Vec::new();
            for node in elements.iter().filter_map(Element::as_node) {
                match text(node) {
                    Some(text) => texts.push(text),
                    None => return wrong("string in list", node),
                }
            }
            texts
        }
        Some(node) => match node.as_str() {
            Some(text) => text.split(',').map(|entry| entry.trim().to_owned()).collect(),
            None => return wrong("string, []string, or nil", node),
        },
    };
    Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
}

/// One entry of `key_groups`.
struct RuleGroup {
    merge: Vec<RuleGroup>,
    locks: Vec<Unparsed>,
}

/// A key of a group: some are written in parts, the others as a text that is looked at when the rule matches.
enum Unparsed {
    Parts(Lock),
    Text(KeyType, String),
}

impl RuleGroup {
    fn read(group: &Branch) -> Result<Self, Fault> {
        let mut locks = Vec::new();
        let texts = |name: &str, key_type: KeyType| -> Result<Vec<Unparsed>, Fault> {
            Ok(list_texts(group, name)?.into_iter().map(|text| Unparsed::Text(key_type, text)).collect())
        };
        let (age, pgp, vault) =
            (texts("age", KeyType::Age)?, texts("pgp", KeyType::Pgp)?, texts("hc_vault", KeyType::HcVault)?);
        locks.extend(age);
        locks.extend(pgp);
        for key in field::branches(group, "kms")? {
            locks.push(Unparsed::Parts(Lock::Kms {
                arn: field::text(key, "arn")?,
                role: field::text(key, "role")?,
                context: field::texts(key, "context")?,
                aws_profile: field::text(key, "aws_profile")?,
            }));
        }
        for key in field::branches(group, "gcp_kms")? {
            locks.push(Unparsed::Text(KeyType::GcpKms, field::text(key, "resource_id")?));
        }
        for key in field::branches(group, "hckms")? {
            locks.push(Unparsed::Text(KeyType::Hckms, field::text(key, "key_id")?));
        }
        for key in field::branches(group, "azure_keyvault")? {
            locks.push(Unparsed::Parts(Lock::AzureKeyVault {
                vault_url: field::text(key, "vaultUrl")?,
                name: field::text(key, "key")?,
                version: field::text(key, "version")?,
            }));
        }
        locks.extend(vault);
        let merge = field::branches(group, "merge")?.into_iter().map(Self::read).collect::<Result<_, _>>()?;
        Ok(Self { merge, locks })
    }

    /// Merged groups first; of equal keys the first one stays.
    fn keys(&self, now: Timestamp) -> Result<KeyGroup, Fault> {
        let mut seen = std::collections::HashSet::new();
        let mut keys = Vec::new();
        for group in &self.merge {
            keys.extend(group.keys(now)?.keys);
        }
        for lock in &self.locks {
            let lock = match lock {
                Unparsed::Parts(lock) => lock.clone(),
                Unparsed::Text(key_type, text) => Lock::parse(*key_type, text, &KmsOptions::default())?,
            };
            keys.push(MasterKey::new(lock, now));
        }
        keys.retain(|key| seen.insert((key.list().to_owned(), key.identity())));
        Ok(KeyGroup { keys })
    }
}

fn list_texts(group: &Branch, name: &str) -> Result<Vec<String>, Fault> {
    let wrong = |node: &Node| {
        Fault::wrong(format!("`{name}` of a key group must be a list of texts, but holds {}", node.type_name()))
    };
    match field::value(group, name) {
        None => Ok(Vec::new()),
        Some(Node::List(elements)) => elements
            .iter()
            .filter_map(Element::as_node)
            .map(|node| field::scalar_text(node).ok_or_else(|| wrong(node)))
            .collect(),
        Some(node) => Err(wrong(node)),
    }
}

impl Stores {
    fn read(top: &Branch) -> Result<Self, Fault> {
        let empty = Branch::default();
        let stores = field::branch(top, "stores")?.unwrap_or(&empty);
        let indent = |name: &str| -> Result<Option<i64>, Fault> {
            field::branch(stores, name)?.map_or(Ok(None), |store| field::integer(store, "indent"))
        };
        Ok(Self { yaml: indent("yaml")?, json: indent("json")?, json_binary: indent("json_binary")? })
    }
}

#[cfg(test)]
mod tests;
