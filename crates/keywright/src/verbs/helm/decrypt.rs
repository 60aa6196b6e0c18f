//! `helm secrets decrypt`: the plain bytes of a file, byte by byte, on stdout, in place, or for Terraform.
//! Specification: HS §4.2, §13.

use base::Fault;
use base::encoding::Base64;

use super::backend::{Backend, Type};
use super::pure::Marks;
use super::{Work, reference, told};
use crate::{Exit, Failure, files};

/// Decrypts a file.
///
/// # Errors
/// It is missing, not encrypted, or cannot be decrypted.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    let is_set = |flag: &str| words.iter().any(|word| word == flag);
    let (in_place, for_terraform) = (is_set("-i"), is_set("--terraform"));
    let Some(file) = words.iter().find(|word| !matches!(word.as_str(), "-i" | "--terraform")) else {
        return work.explain("decrypt", &[]);
    };
    // A mark counts only if it names a backend: file names may hold one.
    let marks = Marks::of(file);
    let (backend, shown) = match marks.backend.map(|name| work.settings.select(name)).transpose()? {
        Some(super::backend::Selection::Known(backend)) => (backend, marks.rest),
        _ => (work.settings.backend, file.as_str()),
    };
    let Some(content) = reference::open(work, shown, false)? else { return Ok(Exit::SUCCESS) };
    if !backend.is_encrypted(&content.bytes) {
        return Err(told(Fault::wrong(format!("File is not encrypted: {shown}"))));
    }
    if in_place && !for_terraform && backend == Backend::Vals {
        return Err(told(Fault::wrong("vals: inline decryption is not supported!")));
    }
    let plain = backend.decrypt(work, &content.bytes, Type::Auto, shown)?;
    if for_terraform {
        let encoded = Base64::Standard.encode(plain.expose());
        return work.print(&format!("{{\"content_base64\":\"{encoded}\"}}"));
    }
    match content.path.filter(|_| in_place) {
        Some(path) => {
            let locked = files::Locked::open(&path).map_err(told)?;
            if locked.before != content.bytes {
                return Err(told(Fault::conflict(format!("`{shown}` was changed by somebody else meanwhile"))));
            }
            locked.replace(plain.expose()).map_err(told)?;
        }
        None => work.ui.data(plain.expose()).map_err(told)?,
    }
    Ok(Exit::SUCCESS)
}
