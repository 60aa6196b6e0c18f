//! Opening a SealedSecret offline, with private keys from files: for disaster recovery and for checks without a cluster.
//! Specification: SS §9.11.

use std::path::PathBuf;

use api::SealedSecret;
use api::sealed_secret::names;
use base::encoding::Base64;
use base::{Fault, Timestamp};
use document::{Branch, Element, Item, Node, Scalar};
use plan::Target;
use seal::{KeySet, PrivateKey, SealingKey};

use super::{file, manifest};

/// Where people forget the quotes around `true` or a number.
const TEXTS: [&[&str]; 5] = [
    &["metadata", "labels"],
    &["metadata", "annotations"],
    &["spec", "template", "data"],
    &["spec", "template", "metadata", "labels"],
    &["spec", "template", "metadata", "annotations"],
];

/// All keys of the files.
///
/// # Errors
/// A file cannot be read, holds no key, or one that we cannot use; the message names it.
pub fn keys(files: &[PathBuf]) -> Result<KeySet, Fault> {
    let mut keys = KeySet::new();
    for path in files {
        let found =
            keys_of(&file::open(path)?).map_err(|fault| fault.within(format!("cannot use `{}`", path.display())))?;
        for (number, private) in found.into_iter().enumerate() {
            let name = format!("{} {number}", path.display());
            keys.register(SealingKey { name, private, certificate: None, ordered_at: Timestamp::UNIX_EPOCH });
        }
    }
    Ok(keys)
}

/// The keys of one text: a PEM block, or a backup of the controller's Secrets.
fn keys_of(text: &[u8]) -> Result<Vec<PrivateKey>, Fault> {
    // A line of its own: a backup may hold a key's text in one of its fields.
    if text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"-----BEGIN ")) {
        return Ok(vec![PrivateKey::parse(text)?]);
    }
    let no_key = |_| Fault::wrong("it holds neither a PEM key nor a backup of the controller's Secrets");
    let secrets = manifest::read_all(text, "Secret").map_err(no_key)?;
    secrets.iter().map(key_of).collect()
}

fn key_of(secret: &Branch) -> Result<PrivateKey, Fault> {
    let data = manifest::bytes(secret, "data")?;
    let pem = data.value("tls.key").ok_or_else(|| Fault::wrong("secret must contain a 'tls.data' key"))?;
    PrivateKey::parse(pem.expose())
}

/// The SealedSecret of a stream; `namespace` is used where the file names none.
///
/// # Errors
/// There is none, or it is not one.
pub fn read(text: &[u8], namespace: Option<&str>) -> Result<SealedSecret, Fault> {
    let branch = manifest::read_first(text, names::API_VERSION, names::KIND)?;
    let mut sealed = typed(&branch)?;
    if sealed.metadata.namespace.as_deref().unwrap_or_default().is_empty() {
        sealed.metadata.namespace = namespace.map(str::to_owned);
    }
    Ok(sealed)
}

/// The object as the API's type.
///
/// # Errors
/// A field has another type.
pub fn typed(branch: &Branch) -> Result<SealedSecret, Fault> {
    let mut branch = branch.clone();
    for path in TEXTS {
        manifest::make_texts(&mut branch, path);
    }
    // As the peer's types have it: what is not there is empty.
    for part in ["metadata", "spec"] {
        if manifest::mapping(&branch, part)?.is_none() {
            branch.items.retain(|item| !matches!(item, Item::Entry(key, _) if key.is(part)));
            branch.push(part, Node::Branch(Branch::default()));
        }
    }
    let json = manifest::to_json(&branch)?;
    serde_json::from_slice(&json).map_err(|error| {
        // serde_json's message quotes types and places, and what is sealed is public.
        Fault::wrong("cannot read the SealedSecret").because(error.to_string())
    })
}

/// The Secret as a manifest.
#[must_use]
pub fn manifest_of(target: &Target) -> Branch {
    let mut metadata = Branch::default();
    for (name, text) in [("name", &target.name), ("namespace", &target.namespace)] {
        if !text.is_empty() {
            metadata.push(name, Node::text(text.as_str()));
        }
    }
    push_texts(&mut metadata, "labels", target.labels.iter());
    push_texts(&mut metadata, "annotations", target.annotations.iter());
    if !target.owners.is_empty() {
        metadata.push(
            "ownerReferences",
            Node::List(target.owners.iter().map(|owner| Element::Node(reference(owner))).collect()),
        );
    }
    if !target.finalizers.is_empty() {
        let texts = target.finalizers.iter().map(|text| Element::Node(Node::text(text.as_str())));
        metadata.push("finalizers", Node::List(texts.collect()));
    }
    let mut secret = Branch::default();
    secret.push("kind", Node::text("Secret"));
    secret.push("apiVersion", Node::text("v1"));
    secret.push("metadata", Node::Branch(metadata));
    if let Some(immutable) = target.immutable {
        secret.push("immutable", Node::Leaf(Scalar::Bool(immutable)));
    }
    let mut data = Branch::default();
    for (name, value) in target.data.iter() {
        data.push(name, Node::text(Base64::Standard.encode(value.expose())));
    }
    if !target.data.is_empty() {
        secret.push("data", Node::Branch(data));
    }
    if !target.kind.is_empty() {
        secret.push("type", Node::text(target.kind.as_str()));
    }
    secret
}

fn reference(owner: &plan::present::OwnerRef) -> Node {
    let mut branch = Branch::default();
    for (name, text) in
        [("apiVersion", &owner.api_version), ("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)]
    {
        branch.push(name, Node::text(text.as_str()));
    }
    for (name, truth) in [("controller", owner.controller), ("blockOwnerDeletion", owner.block_owner_deletion)] {
        if let Some(truth) = truth {
            branch.push(name, Node::Leaf(Scalar::Bool(truth)));
        }
    }
    Node::Branch(branch)
}

fn push_texts<'a>(branch: &mut Branch, name: &str, texts: impl ExactSizeIterator<Item = (&'a String, &'a String)>) {
    if texts.len() > 0 {
        let mut entries = Branch::default();
        texts.for_each(|(key, text)| entries.push(key, Node::text(text.as_str())));
        branch.push(name, Node::Branch(entries));
    }
}
