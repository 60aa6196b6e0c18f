//! What a render writes: Secrets that were made, what was decrypted, workloads that carry new marks – and with `--all` everything
//! else, but for the objects that became Secrets and the settings that only an operator reads. Nothing in it tells when or where it
//! was rendered, so the same input gives the same bytes. Specification: design §4.3, §12.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::{external_secrets, hashicorp};
use base::Fault;
use document::{Dialect, EmitOptions, Numbers, json, yaml};
use serde_json::Value;

use super::input::{Input, Key, Object, forget_server};
use super::kinds::{Role, Row};
use super::world::World;
use crate::files;

/// The objects, in the order in which they may be applied. The number tells those apart that have no name (`generateName`).
pub struct Rendered(BTreeMap<(u8, Key, usize), Value>);

impl Rendered {
    /// What is written of a render.
    pub fn new(input: Input, left: Vec<Object>, world: World, writes_all: bool) -> Self {
        let mut rendered = Self(BTreeMap::new());
        for object in left {
            rendered.put(object.key, object.value);
        }
        for object in input.objects {
            let is_consumed = matches!(object.row, Some(Row { role: Role::Source { .. } | Role::Setting, .. }));
            if !is_consumed && (writes_all || object.is_decrypted) {
                rendered.put(object.key, object.value);
            }
        }
        for (key, mut value) in world.after {
            let before = world.before.get(&key);
            if before == Some(&value) {
                continue;
            }
            // The sandbox makes the namespaces that nobody wrote down.
            if before.is_none() && key.kind == "Namespace" {
                continue;
            }
            forget_server(&mut value);
            forget_owner(&mut value, before);
            let mut unchanged = before.cloned().unwrap_or_default();
            forget_server(&mut unchanged);
            if value != unchanged {
                rendered.put(key, value);
            }
        }
        rendered
    }

    /// All of them as YAML documents.
    ///
    /// # Errors
    /// A bug of ours: an object cannot be laid out.
    pub fn text(&self) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        for value in self.0.values() {
            text.extend(b"---\n");
            text.extend(laid_out(value)?);
        }
        Ok(text)
    }

    /// A file for each, called by namespace, kind and name. Files of earlier renders are replaced, none is deleted.
    ///
    /// # Errors
    /// A name is no file name, or a file cannot be written; it is then as it was.
    pub fn write_files(&self, folder: &Path) -> Result<(), Fault> {
        let mut files = Vec::new();
        for ((_, key, _), value) in &self.0 {
            files.push((folder.join(path_of(key)?), laid_out(value)?));
        }
        for (path, bytes) in files {
            let folder = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(folder)
                .map_err(|error| Fault::unreachable(format!("cannot make `{}`", folder.display())).because(error))?;
            files::replace_private(&path, &bytes)?;
        }
        Ok(())
    }

    fn put(&mut self, key: Key, value: Value) {
        let rank = match key.kind.as_str() {
            "Namespace" => 0,
            "CustomResourceDefinition" => 1,
            "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" | "Rollout" | "Pod" => 3,
            _ => 2,
        };
        let number = if key.name.is_empty() { self.0.len() } else { 0 };
        self.0.insert((rank, key, number), value);
    }
}

/// Takes out by what an operator knows its Secrets again, unless it stood there before: the owner does not exist where this is
/// applied, so Kubernetes or an operator might collect the Secret as an orphan.
fn forget_owner(value: &mut Value, before: Option<&Value>) {
    let metadata = &mut value["metadata"];
    let labels = [external_secrets::names::MANAGED, external_secrets::names::CREATED_BY, hashicorp::names::OWNER_UID];
    let labels = labels.into_iter().chain(hashicorp::names::OWNER_LABELS.iter().map(|(name, _)| *name));
    forget(metadata, "labels", labels, before);
    forget(metadata, "annotations", [external_secrets::names::DATA_HASH].into_iter(), before);
    if before.is_none_or(|before| before["metadata"]["ownerReferences"].is_null())
        && let Some(metadata) = metadata.as_object_mut()
    {
        metadata.remove("ownerReferences");
    }
}

fn forget(metadata: &mut Value, field: &str, names: impl Iterator<Item = &'static str>, before: Option<&Value>) {
    let Some(entries) = metadata.get_mut(field).and_then(Value::as_object_mut) else { return };
    let stood = before.and_then(|before| before["metadata"][field].as_object());
    for name in names.filter(|name| stood.is_none_or(|stood| !stood.contains_key(*name))) {
        entries.remove(name);
    }
    if entries.is_empty()
        && let Some(metadata) = metadata.as_object_mut()
    {
        metadata.remove(field);
    }
}

fn laid_out(value: &Value) -> Result<Vec<u8>, Fault> {
    // serde_json's maps are sorted, so equal objects are equal texts.
    let node = json::parse(value.to_string().as_bytes(), Numbers::Verbatim)?;
    yaml::emit_values(&[node], &EmitOptions { dialect: Dialect::Go2, indent: None })
}

fn path_of(key: &Key) -> Result<PathBuf, Fault> {
    let namespace = if key.namespace.is_empty() { "_cluster" } else { &key.namespace };
    let kind = key.kind.to_lowercase();
    let kind = if key.group.is_empty() { kind } else { format!("{kind}.{}", key.group) };
    for part in [namespace, &kind, &key.name] {
        if part.is_empty() || part.starts_with('.') || part.contains(['/', '\0']) {
            return Err(Fault::wrong(format!("cannot write {}: `{part}` is no name of a file", key.object())));
        }
    }
    Ok([namespace, &kind, &format!("{}.yaml", key.name)].iter().collect())
}
