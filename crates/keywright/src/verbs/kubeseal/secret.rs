//! The Secret that shall be sealed, read from a manifest, and the SealedSecret that it becomes.
//! Not here: how a value is sealed (`seal`), how a manifest is read and written (`manifest`, `output`).
//! Specification: SS §6, §9.4.

use std::collections::BTreeMap;

use api::sealed_secret::names;
use base::{Fault, SecretMap};
use document::{Branch, Element, Node, Scalar};
use seal::{PublicKey, Scope};

use super::manifest;

/// A Secret as it came in, without what only a server writes.
pub struct PlainSecret {
    /// Its name.
    pub name: String,
    /// Its namespace; empty where the manifest says none.
    pub namespace: String,
    /// Its annotations, which decide the scope.
    pub annotations: BTreeMap<String, String>,
    /// Its values; `stringData` wins over `data`.
    pub values: SecretMap,
    generate_name: Option<String>,
    labels: BTreeMap<String, String>,
    finalizers: Vec<String>,
    kind: Option<String>,
    immutable: Option<bool>,
}

impl PlainSecret {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Where a field has another type than a Secret's, or a value is no base64.
    pub fn read(manifest: &Branch) -> Result<Self, Fault> {
        let none = Branch::default();
        let metadata = manifest::mapping(manifest, "metadata")?.unwrap_or(&none);
        let mut values = manifest::bytes(manifest, "data")?;
        values.extend(manifest::texts(manifest, "stringData")?);
        let mut annotations = manifest::open_texts(metadata, "annotations")?;
        annotations.retain(|name, _| !names::LAST_APPLIED.contains(&name.as_str()));
        Ok(Self {
            name: manifest::text(metadata, "name")?.unwrap_or_default(),
            namespace: manifest::text(metadata, "namespace")?.unwrap_or_default(),
            annotations,
            values,
            generate_name: manifest::text(metadata, "generateName")?,
            labels: manifest::open_texts(metadata, "labels")?,
            finalizers: finalizers(metadata)?,
            kind: manifest::text(manifest, "type")?.filter(|kind| !kind.is_empty()),
            immutable: manifest::truth(manifest, "immutable")?,
        })
    }

    /// The scope that its annotations say.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let says = |mark: &str| self.annotations.get(mark).is_some_and(|value| value == "true");
        Scope::from_marks(says(names::CLUSTER_WIDE), says(names::NAMESPACE_WIDE))
    }

    /// Makes the annotations say that scope. Strict leaves them as they are: it cannot be told from "not given".
    pub fn widen(&mut self, scope: Scope) {
        let Some(mark) = scope_mark(scope) else { return };
        self.annotations.remove(names::CLUSTER_WIDE);
        self.annotations.remove(names::NAMESPACE_WIDE);
        self.annotations.insert(mark.to_owned(), "true".to_owned());
    }

    /// Makes the annotations say exactly that scope.
    pub fn rescope(&mut self, scope: Scope) {
        self.annotations.remove(names::CLUSTER_WIDE);
        self.annotations.remove(names::NAMESPACE_WIDE);
        self.widen(scope);
    }

    /// The SealedSecret: every value sealed for this name and namespace, everything else in its template.
    ///
    /// # Errors
    /// A fault only where the library fails.
    pub fn seal(&self, key: &PublicKey) -> Result<Branch, Fault> {
        let scope = self.scope();
        let label = scope.label(&self.namespace, &self.name);
        let mut encrypted = Branch::default();
        for (name, value) in self.values.iter() {
            encrypted.push(name, Node::text(key.seal(&label, value)?.to_text()));
        }
        let mut metadata = Branch::default();
        push_text(&mut metadata, "name", &self.name);
        push_text(&mut metadata, "namespace", &self.namespace);
        if let Some(mark) = scope_mark(scope) {
            push_texts(&mut metadata, "annotations", &BTreeMap::from([(mark.to_owned(), "true".to_owned())]));
        }
        let mut spec = Branch::default();
        spec.push("template", Node::Branch(self.template()));
        spec.push("encryptedData", Node::Branch(encrypted));
        let mut sealed = Branch::default();
        push_text(&mut sealed, "kind", names::KIND);
        push_text(&mut sealed, "apiVersion", names::API_VERSION);
        sealed.push("metadata", Node::Branch(metadata));
        sealed.push("spec", Node::Branch(spec));
        Ok(sealed)
    }

    fn template(&self) -> Branch {
        let mut metadata = Branch::default();
        push_text(&mut metadata, "name", &self.name);
        push_text(&mut metadata, "generateName", self.generate_name.as_deref().unwrap_or_default());
        push_text(&mut metadata, "namespace", &self.namespace);
        push_texts(&mut metadata, "labels", &self.labels);
        push_texts(&mut metadata, "annotations", &self.annotations);
        if !self.finalizers.is_empty() {
            let elements = self.finalizers.iter().map(|text| Element::Node(Node::text(text.as_str())));
            metadata.push("finalizers", Node::List(elements.collect()));
        }
        let mut template = Branch::default();
        template.push("metadata", Node::Branch(metadata));
        push_text(&mut template, "type", self.kind.as_deref().unwrap_or_default());
        if let Some(immutable) = self.immutable {
            template.push("immutable", Node::Leaf(Scalar::Bool(immutable)));
        }
        template
    }
}

/// The annotation that says a scope; strict has none.
fn scope_mark(scope: Scope) -> Option<&'static str> {
    match scope {
        Scope::Strict => None,
        Scope::NamespaceWide => Some(names::NAMESPACE_WIDE),
        Scope::ClusterWide => Some(names::CLUSTER_WIDE),
    }
}

fn finalizers(metadata: &Branch) -> Result<Vec<String>, Fault> {
    let text = |node: &Node| Some(String::from_utf8_lossy(manifest::as_text(node)?.expose()).into_owned());
    let texts = manifest::list(metadata, "finalizers")?.into_iter().map(text);
    texts.collect::<Option<_>>().ok_or_else(|| Fault::wrong("`metadata.finalizers` must be a list of texts"))
}

fn push_text(branch: &mut Branch, name: &str, text: &str) {
    if !text.is_empty() {
        branch.push(name, Node::text(text));
    }
}

fn push_texts(branch: &mut Branch, name: &str, texts: &BTreeMap<String, String>) {
    if !texts.is_empty() {
        let mut entries = Branch::default();
        texts.iter().for_each(|(name, text)| entries.push(name, Node::text(text.as_str())));
        branch.push(name, Node::Branch(entries));
    }
}
