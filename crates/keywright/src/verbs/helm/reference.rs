//! Values references: a local path under the policy, or a URL that is fetched. What is missing is told or forgiven; what is
//! forbidden never is. Specification: HS §6.

use std::path::{Component, Path, PathBuf};

use base::Fault;
use http::StatusCode;
use wire::client::Settings as ClientSettings;
use wire::proxy::Proxy;
use wire::request::Redirects;
use wire::{Client, Request, Retry};

use super::pure::policy::Place;
use super::{Work, told};
use crate::{Failure, cluster, files};

/// What a reference led to.
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The local file they are of; nothing for what was fetched.
    pub path: Option<PathBuf>,
}

/// Follows a reference. `None` where it is missing and that is forgiven.
///
/// # Errors
/// It is missing, forbidden, or cannot be read.
pub fn open(work: &mut Work<'_>, reference: &str, is_optional: bool) -> Result<Option<Content>, Failure> {
    let is_forgiven = is_optional || work.settings.ignore_missing;
    let found = match reference.split_once("://") {
        Some(("http" | "https", _)) => fetched(work, reference, is_forgiven)?,
        Some(_) => {
            let fault = Fault::wrong(format!("cannot fetch '{reference}': only http and https references are fetched"));
            return Err(told(fault.hint("fetch the file first, and name it by its path")));
        }
        None => local(work, reference)?,
    };
    match found {
        None if !is_forgiven => Err(told(Fault::not_found(format!("File does not exist: {reference}")))),
        found => Ok(found),
    }
}

fn local(work: &mut Work<'_>, reference: &str) -> Result<Option<Content>, Failure> {
    if work.settings.policy.forbids()
        && let Some(refusal) = work.settings.policy.refusal(reference, place(Path::new(reference)))
    {
        work.complain(&refusal);
        return Err(told(Fault::denied(format!("File does not exist: {reference}"))));
    }
    let path = PathBuf::from(reference);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = files::read(&path).map_err(told)?;
    Ok(Some(Content { bytes, path: Some(path) }))
}

/// Where a path leads; one that leads nowhere is looked at no further.
fn place(path: &Path) -> Place {
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    let (Ok(here), Ok(real)) = (here, std::fs::canonicalize(path)) else { return Place::default() };
    let mut straight = here.clone();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(straight.pop()),
            part => straight.push(part),
        }
    }
    Place { is_linked: straight != real, is_outside: !real.starts_with(&here) }
}

fn fetched(work: &mut Work<'_>, reference: &str, is_forgiven: bool) -> Result<Option<Content>, Failure> {
    let url = if work.environment.value("HELM_SECRETS_URL_VARIABLE_EXPANSION") == Some("true") {
        expanded(work, reference).map_err(told)?
    } else {
        reference.to_owned()
    };
    let proxy = Proxy::of(&work.environment).map_err(told)?;
    match cluster::block_on(download(&url, proxy)) {
        Ok(bytes) => Ok(Some(Content { bytes, path: None })),
        Err(_) if is_forgiven => Ok(None),
        Err(fault) => {
            work.complain(&fault.chain());
            work.complain(&format!("Error while download url {}", without_userinfo(reference)));
            Ok(None)
        }
    }
}

async fn download(url: &str, proxy: Proxy) -> Result<Vec<u8>, Fault> {
    let client = Client::new(ClientSettings { proxy, ..ClientSettings::default() });
    let answer = client.send(&Request::get(url)?.redirects(Redirects::SameHost), &Retry::standard()).await?;
    if answer.status == StatusCode::OK {
        return Ok(answer.body.expose().to_vec());
    }
    Err(Fault::unreachable(format!("cannot fetch {}: {}", without_userinfo(url), answer.status)))
}

/// A URL as it may be shown.
fn without_userinfo(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", host.rsplit_once('@').map_or(host, |(_, host)| host))
        }
        None => url.to_owned(),
    }
}

/// `${NAME}` and nothing else; a variable that is not set is an error.
fn expanded(work: &Work<'_>, url: &str) -> Result<String, Fault> {
    let mut text = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((front, behind)) = rest.split_once("${") {
        let Some((name, behind)) = behind.split_once('}') else { break };
        text.push_str(front);
        text.push_str(
            work.environment
                .value(name)
                .ok_or_else(|| Fault::wrong(format!("the URL names the variable `{name}`, which is not set")))?,
        );
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}
