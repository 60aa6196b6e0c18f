//! Manifests as they lie in folders and files, or come on stdin: encrypted files are decrypted, lists unfolded, and every object
//! gets the namespace that it does not name. What is damaged is told with its file and stops nothing else.
//! Not here: what becomes of an object (`kinds`, `world`). Specification: design §4.3.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base::{Fault, SecretBytes};
use document::json::{Compact, compact};
use document::{Dialect, Format, Node, Numbers, ReadOptions, yaml};
use serde_json::Value;

use super::Unrendered;
use super::kinds::{self, Role, Row};
use crate::verbs::sops;
use crate::{Call, Failure, files};

/// What was read.
#[derive(Default)]
pub struct Input {
    /// The objects, in the order in which they were read.
    pub objects: Vec<Object>,
    /// What could not be read.
    pub failures: Vec<Unrendered>,
    places: HashMap<Key, String>,
}

/// Which object: group, kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub group: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

/// One object.
pub struct Object {
    /// As it is written down, in the clear.
    pub value: Value,
    /// Which it is.
    pub key: Key,
    /// What is done with its kind; none where a render does not know it.
    pub row: Option<&'static Row>,
    /// Whether its file was encrypted.
    pub is_decrypted: bool,
}

/// What the API server sets, and nobody writes into a file.
const SERVER: &[&str] = &["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"];

impl Key {
    /// The key of an object of the API.
    pub fn of(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &value["metadata"];
        Self {
            group: kinds::group_of(value["apiVersion"].as_str().unwrap_or_default()).to_owned(),
            kind: text(&value["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
        }
    }

    /// As messages name it.
    pub fn object(&self) -> String {
        base::ObjectRef::new(self.kind.as_str(), self.namespace.as_str(), self.name.as_str()).to_string()
    }
}

impl Object {
    /// As messages name it.
    pub fn name(&self) -> String {
        self.key.object()
    }

    /// Whether it becomes a Secret by asking a secret manager.
    fn is_remote(&self) -> bool {
        matches!(self.row, Some(Row { role: Role::Source { is_remote: true, .. }, .. }))
    }
}

impl Input {
    /// Reads everything that was named.
    ///
    /// # Errors
    /// A path is not there; nothing is rendered then, since that is a slip of the hand.
    pub fn read(call: &mut Call, paths: &[String], namespace: &str) -> Result<Self, Failure> {
        let mut input = Self::default();
        for path in paths {
            if path == "-" {
                let bytes = call.ui.read_input()?;
                input.add(call, "stdin", Format::Yaml, &bytes, namespace);
                continue;
            }
            let mut files = Vec::new();
            let path = Path::new(path);
            if path.is_dir() {
                manifests_below(path, &mut files)?;
            } else {
                files.push(path.to_owned());
            }
            for file in files {
                let bytes = files::read(&file)?;
                let format =
                    if file.extension().is_some_and(|end| end == "json") { Format::Json } else { Format::Yaml };
                input.add(call, &file.display().to_string(), format, &bytes, namespace);
            }
        }
        Ok(input)
    }

    /// Takes the objects out that only a secret manager can make Secrets of.
    pub fn take_remote(&mut self) -> Vec<Object> {
        self.objects.extract_if(.., |object| object.is_remote()).collect()
    }

    fn add(&mut self, call: &mut Call, from: &str, format: Format, bytes: &[u8], namespace: &str) {
        let within = |fault: Fault| fault.within(format!("cannot read `{from}`"));
        match opened(call, format, bytes) {
            Ok((documents, is_decrypted)) => {
                for (place, document) in documents.into_iter().enumerate() {
                    let place = format!("document {} of `{from}`", place + 1);
                    self.unfold(document, &place, is_decrypted, namespace);
                }
            }
            Err(fault) => self.failures.push(Unrendered::from(&within(fault))),
        }
    }

    fn unfold(&mut self, mut value: Value, place: &str, is_decrypted: bool, namespace: &str) {
        if value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && value["items"].is_array() {
            let items = value["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
            for (number, item) in items.into_iter().enumerate() {
                self.unfold(item, &format!("item {} of {place}", number + 1), is_decrypted, namespace);
            }
            return;
        }
        if let Err(fault) = self.take(value, place, is_decrypted, namespace) {
            self.failures.push(Unrendered::from(&fault));
        }
    }

    fn take(&mut self, mut value: Value, place: &str, is_decrypted: bool, namespace: &str) -> Result<(), Fault> {
        for field in ["apiVersion", "kind"] {
            if value[field].as_str().is_none_or(str::is_empty) {
                return Err(Fault::wrong(format!("{place} is no manifest: it has no `{field}`")));
            }
        }
        if !value["metadata"].is_object() {
            return Err(Fault::wrong(format!("{place} is no manifest: it has no `metadata`")));
        }
        // A file that was got from a cluster.
        forget_server(&mut value);
        let row =
            kinds::of(value["apiVersion"].as_str().unwrap_or_default(), value["kind"].as_str().unwrap_or_default());
        if let Some(row) = row {
            let metadata = &mut value["metadata"];
            if row.is_namespaced && metadata["namespace"].as_str().unwrap_or_default().is_empty() {
                metadata["namespace"] = Value::from(namespace);
            }
        }
        let key = Key::of(&value);
        let name = key.object();
        if !key.name.is_empty()
            && let Some(other) = self.places.insert(key.clone(), place.to_owned())
        {
            return Err(Fault::wrong(format!("{name} is there twice: {other}, and {place}")));
        }
        if let Some(row) = row {
            if key.name.is_empty() {
                return Err(Fault::wrong(format!("{place} has no name")));
            }
            (row.check)(&value).map_err(|fault| fault.within(format!("cannot render {name} ({place})")))?;
            if let Role::Operators(why) = row.role {
                return Err(Fault::wrong(format!("cannot render {name} ({place}): {why}")));
            }
        }
        self.objects.push(Object { value, key, row, is_decrypted });
        Ok(())
    }
}

/// Takes out what an API server sets, and the status.
pub fn forget_server(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        SERVER.iter().for_each(|field| drop(metadata.remove(*field)));
    }
}

/// The files of a folder and its folders that are called like manifests, sorted; what begins with a dot is somebody else's.
fn manifests_below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let failed = |error| Fault::unreachable(format!("cannot list `{}`", folder.display())).because(error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link to a folder may lead back to this one; a link to a file is as good as the file.
        paths.push((entry.path(), entry.file_type().map_err(failed)?.is_dir()));
    }
    paths.sort();
    for (path, is_folder) in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let end = path.extension().and_then(|end| end.to_str());
        if is_hidden {
            continue;
        }
        if is_folder {
            manifests_below(&path, files)?;
        } else if matches!(end, Some("yaml" | "yml" | "json")) && !path.is_dir() {
            files.push(path);
        }
    }
    Ok(())
}

/// The documents of a file in the clear, and whether it was encrypted.
fn opened(call: &mut Call, format: Format, bytes: &[u8]) -> Result<(Vec<Value>, bool), Fault> {
    let documents = parsed(bytes)?;
    let is_encrypted = |document: &Value| document["sops"]["mac"].is_string();
    if !documents.iter().any(is_encrypted) {
        return Ok((documents, false));
    }
    let plain = sops::decrypt(bytes, format, &[], &call.environment, &mut call.ui);
    let plain: SecretBytes = plain.map_err(Failure::into_fault)?;
    Ok((parsed(plain.expose())?, true))
}

/// The documents of a text: JSON objects one after another, or YAML as the API server's clients read it.
fn parsed(bytes: &[u8]) -> Result<Vec<Value>, Fault> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        let objects: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
        // A mapping in braces may be YAML.
        if let Ok(objects) = objects {
            return Ok(objects);
        }
    }
    let options = ReadOptions { dialect: Dialect::Go2, numbers: Numbers::Verbatim, ..ReadOptions::default() };
    let style = Compact { is_sorted: false, escapes_html: false, is_lossy: false };
    let mut documents = Vec::new();
    for node in yaml::read_values(bytes, &options)? {
        match &node {
            Node::Leaf(document::Scalar::Null) => {}
            Node::Branch(branch) if branch.entries().next().is_none() => {}
            _ => {
                let json = compact(&node, &style)?;
                let value = serde_json::from_slice(&json);
                documents.push(value.map_err(|error| Fault::wrong("it is no object of the API").because(error))?);
            }
        }
    }
    Ok(documents)
}
