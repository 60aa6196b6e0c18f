//! Checks of `metadata` that hold for every kind, for new objects and for updates.
//! Specification: Kubernetes' object metadata; VSO §21 (finalizers while deleting).

use serde_json::Value;

use super::name;
use crate::kinds::Kind;
use crate::refusal::Cause;
use crate::store::Fields;

/// All annotations of one object together.
const ANNOTATIONS_BYTES: usize = 256 * 1024;

pub fn check(kind: &Kind, new: &Fields, old: Option<&Fields>) -> Vec<Cause> {
    let meta = &new["metadata"];
    let mut causes = Vec::new();
    if old.is_none() {
        causes.extend(check_name(kind, meta));
    }
    causes.extend(check_labels(meta));
    causes.extend(check_annotations(meta));
    causes.extend(check_owners(meta));
    causes.extend(check_finalizer_names(kind, meta));
    causes.extend(old.and_then(|old| check_finalizers(meta, &old["metadata"])));
    causes
}

fn check_name(kind: &Kind, meta: &Value) -> Vec<Cause> {
    let text = meta["name"].as_str().unwrap_or_default();
    if text.is_empty() {
        return vec![Cause::required("metadata.name", "name or generateName is required")];
    }
    let wrong = match (kind.group.as_str(), kind.plural.as_str()) {
        ("", "namespaces" | "services") => name::label(text),
        ("rbac.authorization.k8s.io", _) => Vec::new(),
        _ => name::subdomain(text),
    };
    wrong.iter().map(|why| Cause::invalid("metadata.name", text, why)).collect()
}

fn check_labels(meta: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in meta["labels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        causes.extend(name::qualified(key).iter().map(|why| Cause::invalid("metadata.labels", key, why)));
        causes.extend(name::label_value(value).iter().map(|why| Cause::invalid("metadata.labels", value, why)));
    }
    causes
}

fn check_annotations(meta: &Value) -> Vec<Cause> {
    let (mut causes, mut bytes) = (Vec::new(), 0);
    for (key, value) in meta["annotations"].as_object().into_iter().flatten() {
        let wrong = name::qualified(&key.to_lowercase());
        causes.extend(wrong.iter().map(|why| Cause::invalid("metadata.annotations", key, why)));
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS_BYTES {
        causes.push(Cause::too_long("metadata.annotations", ANNOTATIONS_BYTES));
    }
    causes
}

fn check_owners(meta: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let owners = meta["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice);
    for owner in owners {
        for (key, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if owner[key].as_str().is_none_or(str::is_empty) {
                causes.push(Cause::invalid(format!("metadata.ownerReferences.{key}"), "", why));
            }
        }
    }
    if owners.iter().filter(|owner| owner["controller"] == true).count() > 1 {
        let why = "Only one reference can have Controller set to true";
        causes.push(Cause::invalid("metadata.ownerReferences", "", why));
    }
    causes
}

/// Built-in kinds take finalizers with a domain, and the server's own.
fn check_finalizer_names(kind: &Kind, meta: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let names = meta["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).enumerate();
    for (at, text) in names {
        let field = format!("metadata.finalizers[{at}]");
        causes.extend(name::qualified(text).iter().map(|why| Cause::invalid(field.clone(), text, why)));
        let is_standard = matches!(text, "kubernetes" | "orphan" | "foregroundDeletion");
        if kind.builtin && !is_standard && !text.contains('/') {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(field, text, why));
        }
    }
    causes
}

/// An object that is being deleted may lose finalizers, and gain none.
fn check_finalizers(new: &Value, old: &Value) -> Option<Cause> {
    old.get("deletionTimestamp")?;
    let before = old["finalizers"].as_array().map_or(&[][..], Vec::as_slice);
    let fresh: Vec<String> = new["finalizers"]
        .as_array()?
        .iter()
        .filter(|one| !before.contains(one))
        .filter_map(Value::as_str)
        .map(|one| format!("{one:?}"))
        .collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        fresh.join(", ")
    );
    (!fresh.is_empty()).then(|| Cause::forbidden("metadata.finalizers", &why))
}
