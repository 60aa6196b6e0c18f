//! Values references: a local path under the policy, a URL that is fetched, or whatever Helm's other getters know. What is
//! missing is told or forgiven; what is forbidden never is. Specification: HS §6.

use std::path::{Component, Path, PathBuf};

use base::encoding::Base64;
use base::{Fault, Kind, SecretBytes, SecretText};
use wire::client::Settings as ClientSettings;
use wire::proxy::Proxy;
use wire::request::Redirects;
use wire::{Client, Program, Request, Retry};

use super::pure::policy::Place;
use super::pure::{netrc, set};
use super::{Work, accepted, told};
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
        Some((scheme, _)) => through_helm(work, scheme, reference, is_forgiven)?,
        None => local(work, reference)?,
    };
    match found {
        None if !is_forgiven => {
            Err(told(Fault::not_found(format!("File does not exist: {}", without_userinfo(reference)))))
        }
        found => Ok(found),
    }
}

/// Checks that a local file may be read.
///
/// # Errors
/// It may not.
pub fn check(work: &mut Work<'_>, reference: &str) -> Result<(), Failure> {
    if work.settings.policy.forbids()
        && let Some(refusal) = work.settings.policy.refusal(reference, place(Path::new(reference)))
    {
        work.complain(&refusal);
        return Err(told(Fault::denied(format!("File does not exist: {reference}"))));
    }
    Ok(())
}

fn local(work: &mut Work<'_>, reference: &str) -> Result<Option<Content>, Failure> {
    check(work, reference)?;
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
    let answer = match pinned(work, &url) {
        Some(answer) => answer,
        None => download(work, &url),
    };
    match answer {
        Ok(bytes) => Ok(Some(Content { bytes, path: None })),
        Err(_) if is_forgiven => Ok(None),
        Err(fault) => {
            work.complain(&fault.chain());
            work.complain(&format!("Error while download url {}", without_userinfo(reference)));
            Ok(None)
        }
    }
}

/// What a pinned curl or wget answers; nothing where none is pinned, or the pinned one is not there.
fn pinned(work: &Work<'_>, url: &str) -> Option<Result<Vec<u8>, Fault>> {
    let netrc = work.environment.value("NETRC").map(|netrc| ["--netrc-file".to_owned(), netrc.to_owned()]);
    let programs: [(&str, Vec<String>); 2] = [
        ("HELM_SECRETS_CURL_PATH", ["-sSfL".to_owned()].into_iter().chain(netrc.into_iter().flatten()).collect()),
        ("HELM_SECRETS_WGET_PATH", ["-q", "-O-"].map(str::to_owned).to_vec()),
    ];
    programs.into_iter().find_map(|(variable, words)| {
        let program = work.program(&[variable])?;
        match program.arguments(words).arguments([url]).run() {
            Ok(output) => {
                let shown = without_userinfo(url);
                let said = output.stderr.trim().replace(url, &shown);
                Some(accepted(output, &format!("cannot fetch {shown}"), said).map(SecretBytes::into_exposed))
            }
            Err(fault) if fault.kind() == Kind::NotFound => None,
            Err(fault) => Some(Err(fault)),
        }
    })
}

fn download(work: &Work<'_>, url: &str) -> Result<Vec<u8>, Fault> {
    let proxy = Proxy::of(&work.environment)?;
    let mut request = Request::get(url)?.redirects(Redirects::AnyHost);
    if let Some(path) = work.environment.value("NETRC") {
        let known = files::read(Path::new(path)).map_err(|fault| fault.within("cannot read the file of NETRC"))?;
        let host = url.parse::<http::Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default();
        if let Some((name, password)) = netrc::login(&String::from_utf8_lossy(&known), &host) {
            let mut pair = name;
            pair.push(':');
            pair.push_str(password.expose());
            let mut header = "Basic ".to_owned();
            header.push_str(&Base64::Standard.encode(SecretBytes::from(pair).expose()));
            request = request.secret_header("authorization", &SecretText::new(header));
        }
    }
    cluster::block_on(async {
        let client = Client::new(ClientSettings { proxy, ..ClientSettings::default() });
        let answer = client.send(&request, &Retry::standard()).await?;
        if answer.status.is_success() {
            return Ok(answer.body.expose().to_vec());
        }
        Err(Fault::unreachable(format!("cannot fetch {}: {}", without_userinfo(url), answer.status)))
    })
}

/// Whatever other getters Helm has: a chart of one line shows what they bring, encoded so that no byte is lost.
fn through_helm(
    work: &mut Work<'_>,
    scheme: &str,
    reference: &str,
    is_forgiven: bool,
) -> Result<Option<Content>, Failure> {
    if let Some(fault) = refused_scheme(scheme) {
        return Err(told(fault));
    }
    match rendered(work, reference) {
        Ok(bytes) => Ok(Some(Content { bytes, path: None })),
        Err(_) if is_forgiven => Ok(None),
        Err(fault) => {
            let shown = without_userinfo(reference);
            work.complain(&fault.chain().replace(reference, &shown));
            work.complain(&format!("helm template command errored on value '{shown}'"));
            Ok(None)
        }
    }
}

/// Schemes that would lead around the rules for local files or back to us, and those that the peer once had.
fn refused_scheme(scheme: &str) -> Option<Fault> {
    let last = scheme.rsplit('+').next().unwrap_or_default();
    match scheme {
        "sops" | "secret" => {
            let fault = Fault::wrong(format!("the scheme {scheme}:// is not known any more"));
            Some(fault.hint("write secrets://"))
        }
        _ if last == "file" || scheme.starts_with("secrets") => {
            let fault = Fault::denied(format!("{scheme}:// is not allowed inside of a reference"));
            Some(fault.hint("name a local file by its path"))
        }
        _ => None,
    }
}

fn rendered(work: &mut Work<'_>, reference: &str) -> Result<Vec<u8>, Fault> {
    let attempt = |error| Fault::unreachable("cannot make a chart to fetch with").because(error);
    let above = work.environment.value("TMPDIR").unwrap_or("/tmp");
    let folder = tempfile::Builder::new().prefix("helm-secrets-").tempdir_in(above).map_err(attempt)?;
    work.leavings.add(folder.path())?;
    let chart = folder.path();
    std::fs::create_dir(chart.join("templates")).map_err(attempt)?;
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: content\nversion: 0.1.0\n").map_err(attempt)?;
    std::fs::write(chart.join("templates/content.yaml"), "content: {{ .Values.content | b64enc | quote }}\n")
        .map_err(attempt)?;
    let mut helm = Program::new(work.helm());
    helm.environment.extend(work.exported.iter().map(|(name, value)| (name.into(), value.into())));
    // Helm's log must not stand between the lines.
    helm.environment.push(("HELM_DEBUG".into(), "false".into()));
    let chart = chart.display().to_string();
    let value = format!("content={}", set::escaped(reference));
    let output = helm.arguments(["template", "content", &chart, "--set-file", &value]).run()?;
    if !output.is_success() {
        return Err(Fault::wrong(output.stderr.trim().to_owned()));
    }
    let text = output.stdout.to_text().ok_or_else(|| Fault::wrong("helm printed no text"))?;
    let content = text.expose().lines().find_map(|line| line.strip_prefix("content: \"")?.strip_suffix('"'));
    let decoded = content.and_then(|content| Base64::Standard.decode(content.as_bytes()));
    decoded.map(SecretBytes::into_exposed).ok_or_else(|| Fault::wrong("helm did not print what was fetched"))
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
