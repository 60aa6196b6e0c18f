//! `sops exec-env`: a command with the values of an encrypted file in its environment. Its streams are ours, the signals that
//! would end us reach it, and its exit code becomes ours. Specification: SOPS §8.12, §4.18.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::CommandExt as _;

use base::Fault;
use document::{Branch, Item, Key, Node};

use super::exec::{Order, become_user, cannot_start, in_background, shell, tell_deprecated, to_its_end};
use super::input::conflicting;
use super::session::Session;
use crate::child::Signals;
use crate::{Exit, Failure};

/// Runs a command.
///
/// # Errors
/// Those of the file; a value that no environment can hold; or the command did not end well.
pub fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let is_in_background = session.is_set("background");
    if is_in_background {
        tell_deprecated(session, "exec-env");
        if session.is_set("same-process") {
            return Err(conflicting("The --same-process flag cannot be used with --background"));
        }
    }
    let order = Order::read(session)?;
    let values = match order.document.branches.first() {
        Some(branch) => variables(branch)?,
        None => Vec::new(),
    };
    let of_user = become_user(session)?;
    let mut command = shell(&order.command);
    if session.is_set("pristine") {
        command.env_clear();
    }
    command.envs(of_user).envs(values);
    if session.is_set("same-process") {
        return Err(cannot_start(&command.exec()));
    }
    if is_in_background {
        return in_background(command);
    }
    to_its_end(command, &Signals::take(|| {})?)
}

/// The top of a file as variables; of equal names the last one counts.
fn variables(branch: &Branch) -> Result<Vec<(OsString, OsString)>, Fault> {
    let mut variables = Vec::new();
    for item in &branch.items {
        let Item::Entry(key, node) = item else { continue };
        let name = match key {
            Key::Text(name) => name,
            Key::Other(kind, _) => {
                return Err(Fault::wrong(format!("cannot use non-string keys in environment, got {kind}")));
            }
        };
        if name.contains('=') {
            return Err(Fault::wrong(format!("cannot use keys with '=' in environment: {name}")));
        }
        let Node::Leaf(scalar) = node else {
            let fault = Fault::wrong(format!("cannot use complex value in environment; offending key {name}"));
            return Err(fault.hint("only single values at the top of the file can become variables"));
        };
        let value = scalar.as_environment();
        if name.is_empty() || name.contains('\0') || value.contains(&0) {
            return Err(Fault::wrong(format!("no variable can hold the value of the key {name:?}"))
                .hint("a variable has a name, and a NUL stands neither in name nor value"));
        }
        variables.push((OsStr::from_bytes(name.as_bytes()).to_owned(), OsString::from_vec(value.into_owned())));
    }
    Ok(variables)
}
