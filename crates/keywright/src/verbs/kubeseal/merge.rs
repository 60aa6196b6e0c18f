//! Sealing into an existing SealedSecret: the file's name, namespace and scope are used, its other fields stay, and it is
//! written again in its own syntax. Pure. Specification: SS §9.8.

use std::path::Path;

use ::seal::{PublicKey, Scope};
use api::sealed_secret::names;
use base::Fault;
use document::{Branch, Item, Node, Scalar};

use super::secret::PlainSecret;
use super::{manifest, seal};

/// What is merged into what.
pub struct Merging<'a> {
    /// The file's name, for messages.
    pub file: &'a Path,
    /// The key to seal with.
    pub key: &'a PublicKey,
    /// `--scope`, where it was given.
    pub scope: Option<Scope>,
    /// `-n`: the namespace that the file must have, since its own is what is sealed for.
    pub namespace: Option<&'a str>,
    /// Whether Secrets without values are fine.
    pub allow_empty_data: bool,
}

impl Merging<'_> {
    /// The file with the values of all Secrets sealed into it.
    ///
    /// # Errors
    /// The file is not one SealedSecret, or a Secret cannot be sealed for it.
    pub fn merge(&self, before: &[u8], secrets: &[Branch]) -> Result<Branch, Fault> {
        let mut merged = self.target(before)?;
        let none = Branch::default();
        let metadata = manifest::mapping(&merged, "metadata")?.unwrap_or(&none);
        let annotations = manifest::open_texts(metadata, "annotations")?;
        let says = |mark: &str| annotations.get(mark).is_some_and(|value| value == "true");
        let scope = Scope::from_marks(says(names::CLUSTER_WIDE), says(names::NAMESPACE_WIDE));
        self.check_scope(scope)?;
        let name = manifest::text(metadata, "name")?.unwrap_or_default();
        let namespace = manifest::text(metadata, "namespace")?.unwrap_or_default();
        if namespace.is_empty() && scope != Scope::ClusterWide {
            return Err(Fault::wrong(format!(
                "the SealedSecret of `{}` must declare a namespace",
                self.file.display()
            )));
        }
        if scope != Scope::ClusterWide {
            seal::check_namespace(&namespace, self.namespace)?;
        }
        for secret in secrets {
            let mut secret = PlainSecret::read(secret)?;
            seal::check_values(&secret, self.allow_empty_data)?;
            (secret.name, secret.namespace) = (name.clone(), namespace.clone());
            secret.rescope(scope);
            take_over(&mut merged, &secret.seal(self.key)?);
        }
        Ok(merged)
    }

    /// The one SealedSecret of the file. A second document would be lost, since the file is written whole.
    fn target(&self, before: &[u8]) -> Result<Branch, Fault> {
        let within = |fault: Fault| fault.within(format!("cannot merge into `{}`", self.file.display()));
        if manifest::count(before).map_err(within)? > 1 {
            return Err(within(Fault::wrong("it holds more than one document")));
        }
        manifest::read_first(before, names::API_VERSION, names::KIND).map_err(within)
    }

    /// An item of another scope than the file's could never be opened.
    fn check_scope(&self, scope: Scope) -> Result<(), Fault> {
        match self.scope {
            Some(asked) if asked != scope && asked != Scope::Strict => Err(Fault::wrong(format!(
                "cannot merge a {asked} item into `{}`, which is {scope}: it could never be opened",
                self.file.display()
            ))
            .hint("leave out --scope, or seal the whole Secret again")),
            _ => Ok(()),
        }
    }
}

/// Lays sealed values, labels and annotations of the new object over the file's.
fn take_over(merged: &mut Branch, new: &Branch) {
    let Some(spec) = new.value("spec").and_then(Node::as_branch) else { return };
    let into = child(merged, "spec");
    if let Some(values) = spec.value("encryptedData").and_then(Node::as_branch) {
        lay_over(child(into, "encryptedData"), values);
    }
    let metadata = spec.value("template").and_then(Node::as_branch).and_then(|template| template.value("metadata"));
    let Some(metadata) = metadata.and_then(Node::as_branch) else { return };
    for name in ["labels", "annotations"] {
        if let Some(texts) = metadata.value(name).and_then(Node::as_branch) {
            lay_over(child(child(child(into, "template"), "metadata"), name), texts);
        }
    }
}

/// The mapping of that name, made where there is none.
fn child<'a>(branch: &'a mut Branch, name: &str) -> &'a mut Branch {
    let is_there = |item: &Item| matches!(item, Item::Entry(key, Node::Branch(_)) if key.is(name));
    if !branch.items.iter().any(is_there) {
        branch.items.retain(|item| !matches!(item, Item::Entry(key, Node::Leaf(Scalar::Null)) if key.is(name)));
        branch.push(name, Node::Branch(Branch::default()));
    }
    let found = branch.items.iter_mut().find_map(|item| match item {
        Item::Entry(key, Node::Branch(found)) if key.is(name) => Some(found),
        _ => None,
    });
    found.expect("the mapping was found or has just been added")
}

fn lay_over(below: &mut Branch, above: &Branch) {
    for (key, node) in above.entries() {
        below.items.retain(|item| !matches!(item, Item::Entry(old, _) if old.as_str() == key.as_str()));
        below.push(key.as_str(), node.clone());
    }
}
