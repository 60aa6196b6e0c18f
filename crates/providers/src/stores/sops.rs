//! The scheme `sops`: the value is an encrypted file, or the text of one in the reference itself, decrypted. Who unwraps its data
//! key is `Reach`'s to say. The plain file is written in its own format; a fragment walks through its document.
//! Specification: VALS §10.5.

use std::sync::Arc;

use base::encoding::Base64;
use base::{Fault, Opening, SecretMap, SecretValue};
use document::{Document, EmitOptions, Format, Node, ReadOptions};
use sops::{DecryptionOrder, KeyService, MacCheck};
use source::{Locator, Payload, SecretsClient};
use wire::environment::ReadFile;

use crate::reach::Reach;
use crate::row::{Asked, Client, Row, TextDoor};
use crate::stores::file;
use crate::{json, yaml};

/// The row.
pub const ROW: Row = Row::of_references(
    "sops",
    &[TextDoor {
        scheme: "sops",
        options: &["key_type", "format", "region", "profile", "role_arn"],
        is_local: true,
        open,
        locate,
        text: yaml::text,
        tree,
    }],
);

struct SopsClient {
    /// Whether the path is the encrypted text itself.
    is_inline: bool,
    read_file: ReadFile,
    keys: Arc<dyn KeyService>,
}

fn open<'a>(asked: &'a Asked<'a>, reach: &'a Reach) -> Opening<'a, Client> {
    Box::pin(async move {
        let is_inline = match asked.option("key_type") {
            None | Some("filepath") => false,
            Some("base64") => true,
            Some(other) => {
                return Err(Fault::wrong(format!(
                    "unsupported key type {other:?}. It must be one \"base64\" or \"filepath\""
                )));
            }
        };
        let read_file = Arc::clone(&reach.surroundings.read_file);
        Ok(Arc::new(SopsClient { is_inline, read_file, keys: Arc::clone(&reach.keys) }) as Client)
    })
}

/// The file, and as its version the format in which it is read: a text of unknown format is binary, but a fragment can only
/// lead through YAML then.
fn locate(asked: &Asked<'_>) -> Result<Locator, Fault> {
    let place = asked.reference.place();
    let of_name = Format::of_file(&place);
    let format = match asked.option("format") {
        Some(name) => Format::from_name(name)
            .ok_or_else(|| Fault::wrong(format!("the scheme `sops` knows no format `{name}`")))?,
        None if of_name == Format::Binary && !asked.reference.fragment.is_empty() => Format::Yaml,
        None => of_name,
    };
    Ok(Locator { version: Some(format.name().to_owned()), ..Locator::of(place) })
}

fn tree(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let text = yaml::bytes(payload)?;
    match format_of(&locate(asked)?) {
        Format::Yaml | Format::Binary => yaml::parsed(text),
        format => {
            let read = document::read(text.expose(), format, &ReadOptions::default())?;
            Ok(read.branches.into_iter().next().map(Node::Branch).unwrap_or(Node::Branch(document::Branch::default())))
        }
    }
}

fn format_of(at: &Locator) -> Format {
    at.version.as_deref().and_then(Format::from_name).expect("the version of a place of sops is its format")
}

impl SopsClient {
    fn encrypted(&self, at: &Locator) -> Result<base::SecretBytes, Fault> {
        if self.is_inline {
            let decoded = Base64::Url.decode_or_place(at.key.as_bytes());
            return decoded.map_err(|illegal| Fault::wrong("cannot decode the encrypted text").because(illegal));
        }
        (self.read_file)(&at.key)
            .map_err(|fault| file::as_go(&at.key, fault).within(format!("failed to read {:?}", at.key)))
    }

    async fn plain(&self, at: &Locator) -> Result<Document, Fault> {
        let bytes = self.encrypted(at)?;
        let order = DecryptionOrder::default();
        let services: [&dyn KeyService; 1] = [&*self.keys];
        let opening =
            sops::open::Opening { format: format_of(at), order: &order, services: &services, check: MacCheck::Verify };
        Ok(sops::open(bytes.expose(), &opening).await?.document)
    }
}

impl SecretsClient for SopsClient {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move {
            let document = self.plain(at).await?;
            document::emit(&document, format_of(at), &EmitOptions::default()).map(Payload::bytes)
        })
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        json::select(at, payload, property)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        json::entries(at, payload, property)
    }
}

#[cfg(test)]
mod tests;
