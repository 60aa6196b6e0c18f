//! Sealing one value: from the one `--from-file`, else from stdin, byte for byte. Specification: SS §9.7.

use std::path::Path;

use base::{Fault, SecretBytes};
use seal::{Label, Scope};
use wire::Environment;

use super::file;
use super::flags::Options;
use crate::Ui;

/// What the value will be bound to.
///
/// # Errors
/// Name or namespace are missing, in the peer's order and words.
pub fn label(options: &Options, environment: &Environment) -> Result<Label, Fault> {
    let scope = options.scope.unwrap_or_default();
    let namespace = match scope {
        Scope::ClusterWide => String::new(),
        Scope::Strict | Scope::NamespaceWide => options.connection.namespace(environment)?,
    };
    let name = options.name.as_deref().unwrap_or_default();
    if namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(Fault::wrong(format!("must provide the --namespace flag with --raw and --scope {scope}")));
    }
    if name.is_empty() && scope == Scope::Strict {
        return Err(Fault::wrong(format!("must provide the --name flag with --raw and --scope {scope}")));
    }
    if options.from_files.len() > 1 {
        return Err(Fault::wrong("must provide only one --from-file when encrypting a single item with --raw"));
    }
    Ok(scope.label(&namespace, name))
}

/// The value.
///
/// # Errors
/// The file or stdin cannot be read.
pub fn value(options: &Options, ui: &mut Ui) -> Result<SecretBytes, Fault> {
    match options.from_files.first() {
        Some(entry) => {
            let path = entry.split_once('=').map_or(entry.as_str(), |(_, path)| path);
            file::open(Path::new(path)).map(SecretBytes::from)
        }
        None => {
            if ui.terminal.input {
                ui.note("(tty detected: expecting a secret to encrypt in stdin)");
            }
            ui.read_input().map(SecretBytes::from)
        }
    }
}
