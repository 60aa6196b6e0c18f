//! Who decrypts: the house's own sops or vals, or nobody (`noop`). A program that a variable pins is run instead of ours.
//! Shell scripts are told as what this version has not. Specification: HS §8.

use std::rc::Rc;

use base::{Fault, SecretBytes};
use document::{Branch, Element, Format, Item, Node, ReadOptions, RepeatedKeys};
use providers::reach::Programs;
use providers::registry;
use providers::resolver::Schemes;
use wire::Program;

use super::{Work, sops, told, vals};
use crate::{Failure, reach};

/// A backend that this version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Files of sops.
    Sops,
    /// References of vals.
    Vals,
    /// Nothing is encrypted.
    Noop,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// A backend.
    Known(Backend),
    /// The path of a shell script.
    Script,
    /// Nothing.
    Unknown,
}

/// What a file holds, as far as the backend must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Helm's values.
    Yaml,
    /// Whatever the file looks like.
    Auto,
}

impl Selection {
    /// What a name means.
    pub fn of(name: &str) -> Self {
        match name {
            "sops" => Self::Known(Backend::Sops),
            "vals" => Self::Known(Backend::Vals),
            "noop" => Self::Known(Backend::Noop),
            path if std::path::Path::new(path).is_file() => Self::Script,
            _ => Self::Unknown,
        }
    }
}

impl Backend {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sops => "sops",
            Self::Vals => "vals",
            Self::Noop => "noop",
        }
    }

    /// Whether a file has something for the backend to do.
    pub fn is_encrypted(self, bytes: &[u8]) -> bool {
        match self {
            Self::Sops => is_of_sops(bytes),
            // A file of sops is decrypted first: Helm must never get its ciphertext for values.
            Self::Vals => contains(bytes, b"ref+") || is_of_sops(bytes),
            Self::Noop => true,
        }
    }

    /// The plain bytes of a file. Where that fails, the backend has said why.
    ///
    /// # Errors
    /// They cannot be had; `shown` is how the file is named.
    pub fn decrypt(self, work: &mut Work<'_>, bytes: &[u8], what: Type, shown: &str) -> Result<SecretBytes, Failure> {
        let format = match what {
            Type::Yaml => Format::Yaml,
            Type::Auto => type_of(bytes),
        };
        let failure = match self {
            Self::Noop => return Ok(bytes.into()),
            Self::Vals => match evaluated(work, bytes, what, shown) {
                Ok(plain) => return Ok(plain),
                Err(failure) => failure,
            },
            Self::Sops => match sops_path(work) {
                Some(program) => match pinned(work, &program, bytes, format) {
                    Ok(plain) => return Ok(plain),
                    Err(fault) => Failure::from(fault),
                },
                None => {
                    let args = &work.settings.backend_args;
                    match sops::decrypt(bytes, format, args, &work.environment, work.ui) {
                        Ok(plain) => return Ok(plain),
                        Err(failure) => failure,
                    }
                }
            },
        };
        failure.tell(work.ui);
        Err(told(Fault::wrong(format!("Error while decrypting file: {shown}"))))
    }

    /// Has what literals refer to fetched at the same time, where that is ours to do.
    pub fn prepare(work: &mut Work<'_>, literals: &[String]) {
        if !literals.is_empty() && pinned_program(work, &["HELM_SECRETS_VALS_PATH"]).is_none() {
            of_vals(work).prepare(literals);
        }
    }

    /// A literal, if it has something for the backend to do.
    ///
    /// # Errors
    /// It cannot be decrypted.
    pub fn decrypt_literal(self, work: &mut Work<'_>, literal: &str) -> Result<Option<String>, Failure> {
        if self == Self::Noop || !self.is_encrypted(literal.as_bytes()) {
            return Ok(None);
        }
        let plain = match self {
            Self::Vals => evaluated_literal(work, literal)?,
            _ => self.decrypt(work, literal.as_bytes(), Type::Auto, "a literal value")?,
        };
        let text = plain.to_text().ok_or_else(|| told(Fault::wrong("a decrypted literal is no text")))?;
        Ok(Some(text.into_exposed()))
    }
}

/// A file with its references replaced.
fn evaluated(work: &mut Work<'_>, bytes: &[u8], what: Type, shown: &str) -> Result<SecretBytes, Failure> {
    let decrypted;
    let bytes = if is_of_sops(bytes) {
        work.settings.select("sops")?;
        decrypted = Backend::Sops.decrypt(work, bytes, what, shown)?;
        if !contains(decrypted.expose(), b"ref+") {
            return Ok(decrypted);
        }
        decrypted.expose()
    } else {
        bytes
    };
    let is_json = what == Type::Auto && shown.contains(".json");
    let args = work.settings.backend_args.clone();
    let evaluated = match pinned_program(work, &["HELM_SECRETS_VALS_PATH"]) {
        Some(program) => {
            let words = ["eval", "-o", if is_json { "json" } else { "yaml" }].map(str::to_owned);
            answered(work, &program, words.into_iter().chain(args), bytes)
        }
        None => of_vals(work).file(bytes, is_json, &args, work.ui),
    };
    evaluated.map_err(vals_error)
}

/// Where it fails, the text itself is not told: it may hold more than the reference.
fn evaluated_literal(work: &mut Work<'_>, literal: &str) -> Result<SecretBytes, Failure> {
    let evaluated = match pinned_program(work, &["HELM_SECRETS_VALS_PATH"]) {
        Some(program) => answered(work, &program, ["get".to_owned(), literal.to_owned()], b""),
        None => of_vals(work).literal(literal, work.ui),
    };
    evaluated.map_err(|fault| {
        vals_error(fault).tell(work.ui);
        told(Fault::wrong("Unable to decrypt literal value"))
    })
}

pub fn vals_error(fault: Fault) -> Failure {
    Failure::new(1, fault).prefixed("vals error: ")
}

/// Our own vals, the same one as long as the run lasts. Whoever writes values for a getter or for Argo CD may start no program. Where the paths of values files are restricted,
/// references read no files, since they would lead around that.
pub fn of_vals(work: &mut Work<'_>) -> Rc<vals::backend::Backend> {
    if let Some(backend) = &work.vals {
        return backend.clone();
    }
    let mut reach = reach::of_command_line(work.environment.clone());
    if work.is_getter || work.environment.value("ARGOCD_APP_NAME").is_some() {
        reach.programs = Programs::Closed;
    }
    let schemes = if work.settings.policy.forbids() {
        let reads_files = |scheme: &&str| matches!(*scheme, "exec" | "file" | "sops");
        let schemes = registry::STORES.iter().flat_map(|row| row.references).map(|door| door.scheme);
        Schemes::Only(schemes.filter(|scheme| !reads_files(scheme)).map(str::to_owned).collect())
    } else {
        Schemes::All
    };
    work.vals.insert(Rc::new(vals::backend::Backend::new(reach, schemes))).clone()
}

/// The answer of a pinned vals; what it says while it fails is why.
pub fn answered(
    work: &Work<'_>,
    program: &[String],
    words: impl IntoIterator<Item = String>,
    input: &[u8],
) -> Result<SecretBytes, Fault> {
    let words = program.iter().skip(1).cloned().chain(words);
    let mut run = Program::new(&program[0]).arguments(words).input(input.into());
    run.environment.extend(work.environment.iter().map(|(name, value)| (name.into(), value.into())));
    let output = run.run()?;
    if output.is_success() {
        return Ok(output.stdout);
    }
    Err(Fault::wrong(match output.stderr.trim_end() {
        "" => output.ending(),
        said => said.to_owned(),
    }))
}

/// The sops that the user pinned, with its words.
pub fn sops_path(work: &Work<'_>) -> Option<Vec<String>> {
    pinned_program(work, &["HELM_SECRETS_SOPS_PATH", "HELM_SECRETS_SOPS_BIN"])
}

pub fn pinned_program(work: &Work<'_>, variables: &[&str]) -> Option<Vec<String>> {
    let text = work.environment.first(variables)?;
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// The words of a pinned sops for a file, behind its path.
pub fn pinned_words(work: &Work<'_>, program: &[String], mode: &str, format: Format, more: &[&str]) -> Vec<String> {
    let types = ["--input-type", format.name(), "--output-type", format.name()];
    let mode = (!mode.is_empty()).then(|| mode.to_owned());
    let words = program.iter().skip(1).chain(&work.settings.backend_args).cloned().chain(mode);
    words.chain(types.iter().chain(more).map(|word| (*word).to_owned())).collect()
}

fn pinned(work: &mut Work<'_>, program: &[String], bytes: &[u8], format: Format) -> Result<SecretBytes, Fault> {
    let words = pinned_words(work, program, "--decrypt", format, &["/dev/stdin"]);
    let mut run = Program::new(&program[0]).arguments(words).input(bytes.into());
    run.environment.extend(work.environment.iter().map(|(name, value)| (name.into(), value.into())));
    let output = run.run()?;
    if !output.stderr.is_empty() {
        work.ui.note(output.stderr.trim_end());
    }
    output.accepted(&format!("`{}` failed", program[0]))
}

/// What is told where a shell script would be run.
pub fn no_scripts(path: &str) -> Fault {
    Fault::wrong(format!("secret backend '{path}' is a shell script, which this version of keywright does not run"))
        .hint("choose one of sops, vals, noop")
}

/// The line is a fast yes. A file without one is parsed, since formatters fold lines and an encrypted file must never pass
/// for a plain one.
fn is_of_sops(bytes: &[u8]) -> bool {
    if bytes.split(|byte| *byte == b'\n').any(has_mac) {
        return true;
    }
    if !contains(bytes, b"sops") && !contains(bytes, ENVELOPE) {
        return false;
    }
    let options = ReadOptions { repeated_keys: RepeatedKeys::Keep, ..ReadOptions::default() };
    match document::read(bytes, Format::Yaml, &options) {
        Ok(document) => document.branches.iter().any(|branch| {
            let block = branch.value("sops").and_then(Node::as_branch);
            block.is_some_and(|block| block.value("mac").is_some()) || has_envelope(branch)
        }),
        Err(_) => false,
    }
}

fn has_mac(line: &[u8]) -> bool {
    let mac = line.windows(3).position(|window| window == b"mac");
    mac.is_some_and(|at| contains(&line[at..], b",type:str]"))
}

fn has_envelope(branch: &Branch) -> bool {
    branch.items.iter().any(|item| matches!(item, Item::Entry(_, node) if is_envelope(node)))
}

fn is_envelope(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => node.as_str().is_some_and(|text| text.as_bytes().starts_with(ENVELOPE)),
        Node::Branch(branch) => has_envelope(branch),
        Node::List(elements) => {
            elements.iter().any(|element| matches!(element, Element::Node(node) if is_envelope(node)))
        }
    }
}

const ENVELOPE: &[u8] = b"ENC[AES256_GCM,";

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The format of an encrypted file, by how it looks.
fn type_of(bytes: &[u8]) -> Format {
    let has_line = |is_meant: fn(&[u8]) -> bool| bytes.split(|byte| *byte == b'\n').any(is_meant);
    if has_line(|line| line.trim_ascii_end() == b"sops:") {
        return Format::Yaml;
    }
    if contains(bytes, b"\"data\": \"ENC") {
        return Format::Binary;
    }
    if has_line(|line| line.starts_with(b"sops_mac=ENC")) {
        return Format::Dotenv;
    }
    if has_line(|line| line.trim_ascii() == b"[sops]") {
        return Format::Ini;
    }
    Format::Json
}

#[cfg(test)]
mod tests;
