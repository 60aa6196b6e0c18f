//! `sops groups add` and `sops groups delete`: another key group for a file, or one less. The data key stays, and is split
//! anew among the groups there are then; if a single key cannot wrap its share, nothing is written: the shares of the other
//! groups would be of no use. Specification: SOPS §8.11.

use std::path::Path;

use base::Fault;
use sops::{DataKey, EncryptedDocument, KeyGroup, KeyType, MasterKey, Wrapping};

use super::config::unreadable;
use super::file::{self, lay_out};
use super::input::{Formats, Output};
use super::keys::{self, Services};
use super::session::{Session, fatal};
use crate::files::{self, Locked};
use crate::{Exit, Failure};

/// Adds a group of the keys that flags name.
///
/// # Errors
/// There is no such file (2), no key can open it or wrap a share, or the threshold cannot be met; nothing is written then.
pub fn add(session: &mut Session<'_>) -> Result<Exit, Failure> {
    if !session.words.is_empty() {
        return Err(Failure::from(Fault::wrong("no positional arguments allowed")).prefixed("error: "));
    }
    let opened = Opened::read(session)?;
    let keys = new_keys(session)?;
    opened.rewrap(session, |groups| {
        groups.push(KeyGroup { keys });
        Ok(())
    })
}

/// Deletes the group at an index.
///
/// # Errors
/// As of [`add`]; or there is no such group.
pub fn delete(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let [word] = &session.words[..] else {
        let fault = Fault::wrong("exactly one positional argument (index) required");
        return Err(Failure::from(fault).prefixed("error: "));
    };
    let index: usize = word.parse().map_err(|_| {
        let reason = format!("failed to parse [index] argument: strconv.ParseUint: parsing {word:?}: invalid syntax");
        fatal(session.now, &Fault::wrong(reason))
    })?;
    let (now, said) = (session.now, session.threshold());
    let opened = Opened::read(session)?;
    let threshold = if said == 0 { opened.file.metadata.shamir_threshold } else { said };
    opened.rewrap(session, |groups| {
        let wrong = |text: String| Err(fatal(now, &Fault::wrong(text)));
        if index >= groups.len() {
            return wrong(format!("there is no key group {index}: the file has {} key groups", groups.len()));
        }
        groups.remove(index);
        if groups.is_empty() {
            return wrong("the only key group of a file cannot be deleted: nobody could open it any more".to_owned());
        }
        if threshold > groups.len() {
            return wrong(format!(
                "removing this key group will make the Shamir threshold impossible to satisfy: Shamir threshold is \
                 {threshold}, but we only have {} key groups",
                groups.len()
            ));
        }
        Ok(())
    })
}

/// The file of a command, and its data key.
struct Opened {
    file: EncryptedDocument,
    format: document::Format,
    key: DataKey,
    output: Output,
}

impl Opened {
    fn read(session: &mut Session<'_>) -> Result<Self, Failure> {
        let name = session.value("file").unwrap_or_default().to_owned();
        if name.is_empty() {
            let fault = Fault::not_found("Error reading file: open : no such file or directory");
            return Err(Failure::new(2, fault.hint("name the file with `--file`")));
        }
        let path = session.absolute(&name);
        let format = Formats::of(session, &path).input;
        let read_fault = |fault| Failure::new(2, unreadable("Error reading file", &name, fault));
        let (bytes, output) = if session.is_set("in-place") {
            let locked = Locked::open(Path::new(&path)).map_err(read_fault)?;
            (locked.before.clone(), Output::InPlace(locked))
        } else {
            (files::read(Path::new(&path)).map_err(read_fault)?, Output::Stdout)
        };
        let file = file::read(session, &bytes, format)?;
        let key = Services::of(session).unlock(session, &file.metadata).map_err(|failure| {
            session.ui.note(&failure.fault().chain());
            fatal(session.now, &Fault::denied("Error getting data key: no key of enough groups could be used"))
        })?;
        Ok(Self { file, format, key, output })
    }

    fn rewrap(
        self,
        session: &mut Session<'_>,
        change: impl FnOnce(&mut Vec<KeyGroup>) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let Self { mut file, format, key, output } = self;
        change(&mut file.metadata.groups)?;
        let said = session.threshold();
        if said != 0 {
            file.metadata.shamir_threshold = said;
        }
        Services::of(session).wrap(
            &mut file.metadata,
            Wrapping::All,
            &key,
            "error updating one or more master keys",
        )?;
        let bytes = lay_out(session, file, format)?;
        output.write(session, &bytes)?;
        Ok(Exit::SUCCESS)
    }
}

/// The keys of the flags, in the order in which they wrap.
fn new_keys(session: &Session<'_>) -> Result<Vec<MasterKey>, Failure> {
    let options = keys::kms_options(session)?;
    let mut all = Vec::new();
    for key_type in ORDER {
        for text in session.values(keys::flag(key_type)) {
            all.extend(MasterKey::parse_list(key_type, &text, &options, session.now)?);
        }
    }
    Ok(all)
}

const ORDER: [KeyType; 7] =
    [KeyType::Pgp, KeyType::Kms, KeyType::GcpKms, KeyType::Hckms, KeyType::HcVault, KeyType::AzureKv, KeyType::Age];
