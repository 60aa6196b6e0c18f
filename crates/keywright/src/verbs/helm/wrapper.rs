//! `helm secrets COMMAND …`: Helm with decrypted copies of the values files that its command line names, and with literals
//! decrypted; everything else of the line stays as it is, and Helm's exit code is ours. Specification: HS §7.

use std::path::Path;
use std::process::Command;

use base::Fault;

use super::backend::{Backend, Selection, Type, no_scripts, no_vals};
use super::copies::Copies;
use super::gpg_home::GpgHome;
use super::pure::scan::{Part, scan};
use super::pure::{Marks, set, url};
use super::{Work, reference, told};
use crate::child::Ending;
use crate::{Exit, Failure};

/// Runs Helm.
///
/// # Errors
/// A file is missing or cannot be decrypted, or Helm cannot be started; no copy is left then.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    if work.settings.evaluates_templates {
        return Err(told(no_vals("--evaluate-templates")));
    }
    let keys = work.environment.value("HELM_SECRETS_LOAD_GPG_KEYS").filter(|places| *places != "false");
    let keys: Vec<String> = keys.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let home = (!keys.is_empty()).then(|| GpgHome::with_files(work, &keys)).transpose()?;
    let mut copies = Copies::new(work)?;
    let words = helm_words(work, &mut copies, words)?;
    let program = work.environment.first(&["HELM_SECRETS_HELM_PATH", "HELM_BIN"]).unwrap_or("helm").to_owned();
    let ending = copies.run(Command::new(&program).args(words));
    copies.remove(work);
    drop(home);
    match ending {
        Ok(Ending::Code(code)) => Ok(Exit(code)),
        Ok(Ending::Signal(_)) => Ok(Exit::FAILURE),
        Err(error) => Err(told(Fault::wrong(format!("cannot start `{program}`")).because(error))),
    }
}

/// The line as Helm gets it.
fn helm_words(work: &mut Work<'_>, copies: &mut Copies, words: &[String]) -> Result<Vec<String>, Failure> {
    let mut line = Vec::with_capacity(words.len());
    for part in scan(words) {
        match part {
            Part::Word(word) => line.push(word.to_owned()),
            Part::Values(flag, files) => {
                let files: Result<Vec<String>, Failure> =
                    files.into_iter().map(|file| values_file(work, copies, file, Type::Yaml)).collect();
                line.extend([flag.to_owned(), files?.join(",")]);
            }
            Part::SetFile(key, file) => {
                let file = values_file(work, copies, file, Type::Auto)?;
                line.extend(["--set-file".to_owned(), format!("{key}{file}")]);
            }
            Part::Set(flag, text) => {
                let filled = set::fill(text, |value| literal(work, value))?;
                line.extend([flag.to_owned(), filled]);
            }
            Part::SetLiteral(key, text) => {
                let value = literal(work, text)?.unwrap_or_else(|| text.to_owned());
                line.extend(["--set-literal".to_owned(), format!("{key}{value}")]);
            }
            Part::SetJson(text) => {
                if work.settings.backend == Backend::Vals && text.contains("ref+") {
                    return Err(told(no_vals("--set-json")));
                }
                line.extend(["--set-json".to_owned(), text.to_owned()]);
            }
        }
    }
    Ok(line)
}

/// A values file as Helm gets it: itself, or a copy.
fn values_file(work: &mut Work<'_>, copies: &mut Copies, typed: &str, what: Type) -> Result<String, Failure> {
    if typed.is_empty() {
        return Ok(String::new());
    }
    let (is_optional, text) = typed.strip_prefix('?').map_or((false, typed), |rest| (true, rest));
    let (backend, shown) = chosen(work, text)?;
    if url::scheme(shown).is_some() {
        // Helm's getter, which is ours as well, decrypts it.
        return Ok(typed.to_owned());
    }
    if shown == "-" {
        let bytes = work.ui.read_input().map_err(told)?;
        let plain = if backend.is_encrypted(&bytes) { backend.decrypt(work, &bytes, what, "-")? } else { bytes.into() };
        return copies.make(work, "stdin", plain.expose());
    }
    let name = work.settings.naming.of(shown);
    if name != shown && Path::new(&name).is_file() && !shown.contains("://") {
        if is_older(&name, shown) {
            work.complain(&format!("{name} is older than {shown}, and is used all the same"));
        }
        work.note(&format!("Decrypt skipped: {shown}"));
        return Ok(name);
    }
    let Some(content) = reference::open(work, shown, is_optional)? else {
        return copies.make(work, "missing.yaml", b"");
    };
    if !backend.is_encrypted(&content.bytes) {
        return match content.path {
            Some(path) => Ok(path.display().to_string()),
            None => copies.make(work, shown, &content.bytes),
        };
    }
    let plain = backend.decrypt(work, &content.bytes, what, shown)?;
    // An empty suffix would put the copy over the file; what was fetched has no place for one.
    let name = if name == shown || content.path.is_none() { format!("{shown}.dec") } else { name };
    let copy = copies.make(work, &name, plain.expose())?;
    work.note(&format!("Decrypt: {shown}"));
    Ok(copy)
}

fn literal(work: &mut Work<'_>, value: &str) -> Result<Option<String>, Failure> {
    let (backend, rest) = chosen(work, value)?;
    let decrypted = backend.decrypt_literal(work, rest)?;
    Ok(decrypted.or_else(|| (rest != value).then(|| rest.to_owned())))
}

/// On a command line a mark counts only if it names a backend: files and values may hold one.
fn chosen<'a>(work: &Work<'_>, text: &'a str) -> Result<(Backend, &'a str), Failure> {
    let Marks { backend: Some(name), rest, .. } = Marks::of(text) else { return Ok((work.settings.backend, text)) };
    if text.starts_with('?') {
        return Ok((work.settings.backend, text));
    }
    match work.settings.select(name)? {
        Selection::Known(backend) => Ok((backend, rest)),
        Selection::Script => Err(told(no_scripts(name))),
        Selection::Unknown => Ok((work.settings.backend, text)),
    }
}

fn is_older(copy: &str, file: &str) -> bool {
    let changed = |path: &str| std::fs::metadata(path).and_then(|known| known.modified()).ok();
    changed(copy) < changed(file)
}
