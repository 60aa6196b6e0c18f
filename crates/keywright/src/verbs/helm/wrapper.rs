//! `helm secrets COMMAND …`: Helm with decrypted copies of the values files that its command line names, and with literals
//! decrypted; everything else of the line stays as it is, and Helm's exit code is ours. Specification: HS §7.

use std::path::Path;
use std::process::Command;

use base::Fault;

use super::backend::{Backend, Selection, Type, no_scripts};
use super::copies::{Copies, Copy};
use super::pure::scan::{Part, scan};
use super::pure::{Marks, set, set_json, url};
use super::{Work, post_renderer, reference, told};
use crate::child::Ending;
use crate::{Exit, Failure};

/// Runs Helm.
///
/// # Errors
/// A file is missing or cannot be decrypted, or Helm cannot be started; no copy is left then.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    let mut copies = Copies::default();
    let line = helm_words(work, &mut copies, words).and_then(|mut line| {
        line.extend(post_renderer::words(work)?);
        Ok(line)
    });
    let words = match line {
        Ok(words) => words,
        Err(failure) => {
            let exit = failure.tell(work.ui);
            copies.remove(work);
            return Ok(exit);
        }
    };
    let program = work.helm().to_owned();
    let mut command = Command::new(&program);
    command.args(words).envs(work.exported.iter().cloned());
    let ending = work.leavings.run(&mut command);
    copies.remove(work);
    match ending {
        Ok(Ending::Signal(number)) if ENDING.contains(&number) => Ok(Exit::FAILURE),
        Ok(ending) => Ok(ending.shell_exit()),
        Err(error) => Err(told(Fault::wrong(format!("cannot start `{program}`")).because(error))),
    }
}

/// Hangup, interrupt, quit and terminate: Helm got them through us, or together with us.
const ENDING: [i32; 4] = [1, 2, 3, 15];

/// The line as Helm gets it.
fn helm_words(work: &mut Work<'_>, copies: &mut Copies, words: &[String]) -> Result<Vec<String>, Failure> {
    let mut line = Vec::with_capacity(words.len());
    let parts = scan(words);
    let literals = references(work, &parts)?;
    Backend::prepare(work, &literals);
    for part in parts {
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
                let filled = set_json::fill(text, |value| literal(work, value))?;
                line.extend(["--set-json".to_owned(), filled]);
            }
        }
    }
    Ok(line)
}

/// The literals that references are looked for in, so that all can be fetched at the same time.
fn references(work: &Work<'_>, parts: &[Part<'_>]) -> Result<Vec<String>, Failure> {
    let mut literals = Vec::new();
    let mut note = |value: &str| -> Result<Option<String>, Failure> {
        let (backend, rest) = chosen(work, value)?;
        if backend == Backend::Vals && backend.is_encrypted(rest.as_bytes()) {
            literals.push(rest.to_owned());
        }
        Ok(None)
    };
    for part in parts {
        match part {
            Part::Set(_, text) => drop(set::fill(text, &mut note)?),
            Part::SetJson(text) => drop(set_json::fill(text, &mut note)?),
            Part::SetLiteral(_, text) => drop(note(text)?),
            Part::Word(_) | Part::Values(..) | Part::SetFile(..) => {}
        }
    }
    Ok(literals)
}

/// A values file as Helm gets it: itself, or a copy.
fn values_file(work: &mut Work<'_>, copies: &mut Copies, typed: &str, what: Type) -> Result<String, Failure> {
    if typed.is_empty() {
        return Ok(String::new());
    }
    let (is_optional, text) = typed.strip_prefix('?').map_or((false, typed), |rest| (true, rest));
    let (backend, shown) = chosen(work, text)?;
    if url::scheme(shown).is_some() {
        // Helm's getter, which is ours as well, decrypts it; there the marks stand behind the scheme.
        let (scheme, rest) = shown.split_once("://").unwrap_or(("", shown));
        let marks = typed.strip_suffix(shown).unwrap_or_default();
        return Ok(format!("{scheme}://{marks}{rest}"));
    }
    if shown == "-" {
        let bytes = work.ui.read_input().map_err(told)?;
        let plain = if backend.is_encrypted(&bytes) { backend.decrypt(work, &bytes, what, "-")? } else { bytes.into() };
        return copies.make(work, "stdin", Copy::Other, plain.expose());
    }
    let Some(content) = reference::open(work, shown, is_optional)? else {
        return copies.make(work, "missing.yaml", Copy::Other, b"");
    };
    let Some(path) = content.path else {
        let is_encrypted = backend.is_encrypted(&content.bytes);
        if !is_encrypted {
            return copies.make(work, shown, Copy::Other, &content.bytes);
        }
        let plain = backend.decrypt(work, &content.bytes, what, shown)?;
        let name = format!("{shown}.dec");
        let copy = copies.make(work, shown, Copy::Plain(&name), plain.expose())?;
        work.note(&format!("Decrypt: {shown}"));
        return Ok(copy);
    };
    let name = work.settings.naming.of(shown);
    if name != shown && !work.settings.in_tmp_dir && Path::new(&name).is_file() {
        reference::check(work, &name)?;
        if is_older(&name, shown) {
            work.complain(&format!("{name} is older than {shown}, and is used all the same"));
        }
        work.note(&format!("Decrypt skipped: {shown}"));
        return Ok(name);
    }
    if !backend.is_encrypted(&content.bytes) {
        return Ok(path.display().to_string());
    }
    let plain = backend.decrypt(work, &content.bytes, what, shown)?;
    // An empty suffix would put the copy over the file.
    let name = if name == shown { format!("{shown}.dec") } else { name };
    let copy = copies.make(work, shown, Copy::Plain(&name), plain.expose())?;
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
