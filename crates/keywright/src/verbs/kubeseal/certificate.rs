//! Where the certificate comes from: a file, a URL, or the controller. Its bytes are handed on as they are.
//! Specification: SS §9.5.

use std::path::Path;

use base::Fault;
use http::StatusCode;
use wire::client::Settings;
use wire::proxy::Proxy;
use wire::request::Redirects;
use wire::{Client, Environment, Request, Retry};

use super::connection::Connection;
use super::file;
use crate::cluster;

/// The certificate's bytes.
///
/// # Errors
/// The file is not there, the URL or the controller does not answer.
pub fn load(source: Option<&str>, connection: &Connection, environment: &Environment) -> Result<Vec<u8>, Fault> {
    match source {
        None => cluster::block_on(async { connection.open(environment).await?.certificate().await }),
        Some(text) => match text.strip_prefix("file:") {
            Some(rest) => file::open(Path::new(path_of(rest))),
            None if is_url(text) => cluster::block_on(download(text, environment)),
            None => file::open(Path::new(text)),
        },
    }
}

/// The path of a file's URL: the file is on this machine, whatever host the URL names.
fn path_of(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        Some(host) => host.find('/').map_or(host, |start| &host[start..]),
        None => rest,
    }
}

/// A text with a scheme; a scheme of one letter is a Windows drive.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
    })
}

async fn download(url: &str, environment: &Environment) -> Result<Vec<u8>, Fault> {
    let client = Client::new(Settings { proxy: Proxy::of(environment)?, ..Settings::default() });
    let answer = client.send(&Request::get(url)?.redirects(Redirects::SameHost), &Retry::standard()).await?;
    if answer.status == StatusCode::OK {
        return Ok(answer.body.expose().to_vec());
    }
    Err(Fault::unreachable(format!("cannot fetch \"{url}\": {}", answer.status)))
}
