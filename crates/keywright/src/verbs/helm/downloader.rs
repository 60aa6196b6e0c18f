//! Helm's getter: `secrets://…` in, plain bytes out on stdout, without a child process. What a URL may reach is decided in
//! `pure/policy`. Specification: HS §9.

use base::{Fault, SecretBytes};

use super::backend::{Backend, Selection, Type};
use super::pure::url::{self, Key, Scheme, Url};
use super::{Work, key, reference, told};
use crate::{Exit, Failure};

/// Answers a URL: the words are certificate, key, CA and URL, of which only the last one counts.
///
/// # Errors
/// The URL is none of ours or wrong, or its file cannot be had; stdout then stays empty.
pub fn run(work: &mut Work<'_>, words: &[String]) -> Result<Exit, Failure> {
    let Some(text) = words.get(3) else {
        let fault = Fault::wrong("downloader needs four words: certificate, key, CA and URL");
        return Err(told(fault.hint("Helm calls it for values files such as `secrets://values.yaml`")));
    };
    let Some((scheme, rest)) = url::scheme(text) else {
        return Err(told(Fault::wrong(format!("Unknown protocol '{text}'!"))));
    };
    if let Scheme::Key(key) = scheme
        && work.environment.value(key.variable()).is_some_and(|allowed| allowed != "true")
    {
        return Err(told(Fault::denied(format!("{}:// is not allowed in this context!", scheme.name()))));
    }
    let url = url::read(scheme, rest).map_err(|text| told(Fault::wrong(text)))?;
    let backend = backend(work, &url)?;
    let plain = match scheme {
        Scheme::Literal => literal(work, backend, url.reference)?,
        Scheme::Plain => file(work, backend, &url, None)?,
        Scheme::Key(key) => {
            key::check_place(work, key, url.key)?;
            file(work, backend, &url, Some(key))?
        }
    };
    work.ui.data(plain.expose()).map_err(told)?;
    Ok(Exit::SUCCESS)
}

/// In a URL what stands in front of the `!` is always a backend; nothing is the escape for names with a `!`.
fn backend(work: &Work<'_>, url: &Url<'_>) -> Result<Backend, Failure> {
    let Some(name) = url.backend.filter(|name| !name.is_empty()) else { return Ok(work.settings.backend) };
    match work.settings.select(name)? {
        Selection::Known(backend) => Ok(backend),
        Selection::Script => Err(told(super::backend::no_scripts(name))),
        Selection::Unknown => Err(told(Fault::wrong(format!("Can't find secret backend: {name}")))),
    }
}

fn literal(work: &mut Work<'_>, backend: Backend, literal: &str) -> Result<SecretBytes, Failure> {
    let plain = backend.decrypt_literal(work, literal)?;
    Ok(plain.unwrap_or_else(|| literal.to_owned()).into())
}

/// The key of the URL is fetched only for a file that is encrypted.
fn file(work: &mut Work<'_>, backend: Backend, url: &Url<'_>, key: Option<Key>) -> Result<SecretBytes, Failure> {
    let Some(content) = reference::open(work, url.reference, url.is_optional)? else {
        return Ok(SecretBytes::default());
    };
    if !backend.is_encrypted(&content.bytes) {
        return Ok(content.bytes.into());
    }
    let home = key.map(|key| key::import(work, key, url.key)).transpose()?;
    let plain = backend.decrypt(work, &content.bytes, Type::Auto, url.reference);
    drop(home);
    plain
}
