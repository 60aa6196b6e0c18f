//! From types to custom resource definitions: the schema of a type made structural, as kube-apiserver demands it, and put
//! under names, versions and columns. It knows no kind; the table of them is `kinds`.
//! Specification: ESO §3, VSO §4, SS §3; Kubernetes' rules of structural schemas.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionVersion,
    CustomResourceSubresourceStatus, CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps,
    SelectableField,
};
use kube_core::CustomResourceExt;
use kube_core::object::{HasSpec, HasStatus};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// How deep schemas may nest; what a type that contains itself would be cut off at.
const DEPTH: usize = 32;

/// Everything about one kind that goes into its definition.
pub struct Definition {
    names: CustomResourceDefinition,
    spec: fn() -> Value,
    status: Option<fn() -> Value>,
    has_status_subresource: bool,
    older: &'static [Older],
    status_defaults: &'static [(&'static str, &'static str)],
    columns: &'static [Column],
    selectable: &'static [&'static str],
    deprecation: Option<&'static str>,
}

/// A column of `kubectl get`: name, type, path.
pub type Column = (&'static str, &'static str, &'static str);

/// A version that is served beside the stored one, with the same schema but for some defaults.
pub struct Older {
    /// Its name: `v1beta1`.
    pub version: &'static str,
    /// What it has besides: a path of property names (`[]` for the items of a list), and the default there.
    pub defaults: &'static [(&'static str, &'static str)],
}

impl Definition {
    /// The definition of a kind with a status.
    pub fn of<K>() -> Self
    where
        K: CustomResourceExt + HasSpec<Spec: JsonSchema> + HasStatus<Status: JsonSchema>,
    {
        Self {
            status: Some(schema_of::<<K as HasStatus>::Status>),
            has_status_subresource: true,
            ..Self::without_status::<K>()
        }
    }

    /// The definition of a kind without one.
    pub fn without_status<K: CustomResourceExt + HasSpec<Spec: JsonSchema>>() -> Self {
        Self {
            names: K::crd(),
            spec: schema_of::<<K as HasSpec>::Spec>,
            status: None,
            has_status_subresource: false,
            older: &[],
            status_defaults: &[],
            columns: &[],
            selectable: &[],
            deprecation: None,
        }
    }

    /// Its columns in `kubectl get`.
    pub fn columns(mut self, columns: &'static [Column]) -> Self {
        self.columns = columns;
        self
    }

    /// Versions that are served beside the stored one.
    pub fn older(mut self, older: &'static [Older]) -> Self {
        self.older = older;
        self
    }

    /// Defaults that its status has.
    pub fn status_defaults(mut self, defaults: &'static [(&'static str, &'static str)]) -> Self {
        self.status_defaults = defaults;
        self
    }

    /// Fields that lists can be filtered by.
    pub fn selectable(mut self, paths: &'static [&'static str]) -> Self {
        self.selectable = paths;
        self
    }

    /// A status that is declared although nothing writes it.
    pub fn status_schema<S: JsonSchema>(mut self) -> Self {
        self.status = Some(schema_of::<S>);
        self
    }

    /// A status subresource that nothing writes.
    pub fn status_subresource(mut self) -> Self {
        self.has_status_subresource = true;
        self
    }

    /// What whoever uses the kind is warned of.
    pub fn deprecated(mut self, warning: &'static str) -> Self {
        self.deprecation = Some(warning);
        self
    }

    /// Its kind, as in a manifest.
    pub fn kind(&self) -> &str {
        &self.names.spec.names.kind
    }

    /// The definition, with the schema of its spec after `edit`.
    pub fn crd(&self, edit: impl FnOnce(&mut Value)) -> CustomResourceDefinition {
        let mut spec = (self.spec)();
        edit(&mut spec);
        let mut root = json!({
            "type": "object",
            "description": spec["description"].take(),
            "required": ["spec"],
            "properties": {
                "apiVersion": { "type": "string" },
                "kind": { "type": "string" },
                "metadata": { "type": "object" },
                "spec": spec,
            },
        });
        if let Some(status) = self.status {
            let mut status = status();
            drop_defaults(&mut status);
            root["properties"]["status"] = status;
        }
        for (path, default) in self.status_defaults {
            set_default(&mut root, path, default);
        }
        let mut crd = self.names.clone();
        let stored = crd.spec.versions.swap_remove(0).name;
        let older = self.older.iter().map(|older| {
            let mut root = root.clone();
            for (path, default) in older.defaults {
                set_default(&mut root, path, default);
            }
            self.version(older.version, false, root)
        });
        crd.spec.versions = older.collect();
        crd.spec.versions.insert(0, self.version(&stored, true, root));
        crd
    }

    fn version(&self, name: &str, is_stored: bool, mut root: Value) -> CustomResourceDefinitionVersion {
        drop_nulls(&mut root);
        let schema: JSONSchemaProps = serde_json::from_value(root).expect("a structural schema is an API schema");
        let column = |(name, type_, path): &Column| CustomResourceColumnDefinition {
            name: (*name).to_owned(),
            type_: (*type_).to_owned(),
            json_path: (*path).to_owned(),
            ..CustomResourceColumnDefinition::default()
        };
        let field = |path: &&str| SelectableField { json_path: (*path).to_owned() };
        let subresource = || CustomResourceSubresources {
            status: Some(CustomResourceSubresourceStatus(json!({}))),
            ..CustomResourceSubresources::default()
        };
        CustomResourceDefinitionVersion {
            name: name.to_owned(),
            served: true,
            storage: is_stored,
            deprecated: (!is_stored || self.deprecation.is_some()).then_some(true),
            deprecation_warning: self.deprecation.map(str::to_owned),
            additional_printer_columns: filled(self.columns.iter().map(column)),
            // The API server refuses the same list on versions whose schemas differ.
            selectable_fields: filled(self.selectable.iter().filter(|_| is_stored).map(field)),
            subresources: self.has_status_subresource.then(subresource),
            schema: Some(CustomResourceValidation { open_api_v3_schema: Some(schema) }),
        }
    }
}

/// An empty list is left out.
fn filled<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.collect();
    (!items.is_empty()).then_some(items)
}

/// The structural schema of a type.
pub fn schema_of<T: JsonSchema>() -> Value {
    structural(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value())
}

/// Makes a JSON schema structural: no references, one type a place, and null only where `nullable` says so – the API server
/// takes a null elsewhere for an absent field, as the peers' Go types do.
pub fn structural(mut schema: Value) -> Value {
    let definitions = schema.as_object_mut().and_then(|root| root.remove("$defs")).unwrap_or_default();
    restructure(&mut schema, &definitions, DEPTH);
    schema
}

/// Takes away what `kubectl explain` would say, where the docs say it (design §9).
pub fn drop_descriptions(schema: &mut Value) {
    if let Value::Object(fields) = schema {
        fields.remove("description");
    }
    each_subschema(schema, &mut drop_descriptions);
}

fn restructure(schema: &mut Value, definitions: &Value, depth: usize) {
    if *schema == Value::Bool(true) || depth == 0 {
        *schema = json!({ "x-kubernetes-preserve-unknown-fields": true });
        return;
    }
    resolve(schema, definitions);
    let Value::Object(fields) = schema else { return };
    for unknown in ["$schema", "title", "examples", "readOnly", "writeOnly", "deprecated", "unevaluatedProperties"] {
        fields.remove(unknown);
    }
    unwrap_optional(fields);
    if fields.contains_key("$ref") {
        // It was an optional reference: what it points at is not restructured yet.
        return restructure(schema, definitions, depth - 1);
    }
    merge_constants(fields);
    tidy_keywords(fields);
    if !fields.contains_key("type") && !fields.contains_key("x-kubernetes-int-or-string") {
        fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
    }
    each_subschema(schema, &mut |inner| restructure(inner, definitions, depth - 1));
}

/// Puts a definition in place of a reference to it; what stands beside the reference wins.
fn resolve(schema: &mut Value, definitions: &Value) {
    let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/")) else {
        return;
    };
    let mut resolved = definitions.get(name).cloned().unwrap_or_else(|| json!({}));
    if let (Value::Object(target), Value::Object(own)) = (&mut resolved, &*schema) {
        let beside = own.iter().filter(|(key, _)| *key != "$ref");
        target.extend(beside.map(|(key, value)| (key.clone(), value.clone())));
    }
    *schema = resolved;
}

/// `type: [x, null]` and `anyOf: [x, null]` become x.
fn unwrap_optional(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|each| each != "null");
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            fields.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(branches)) = fields.get_mut("anyOf") else { return };
    let before = branches.len();
    branches.retain(|branch| branch["type"] != "null");
    if branches.len() == before || branches.len() != 1 {
        return;
    }
    let only = branches.remove(0);
    fields.remove("anyOf");
    if let Value::Object(only) = only {
        for (key, value) in only {
            fields.entry(key).or_insert(value);
        }
    }
}

/// `oneOf` of constants, as an enum with documented variants has it, becomes one enum.
fn merge_constants(fields: &mut Map<String, Value>) {
    if let Some(constant) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([constant]));
    }
    let Some(Value::Array(branches)) = fields.get("oneOf") else { return };
    let values = branches.iter().map(|branch| match (branch.get("const"), branch.get("enum")) {
        (Some(constant), _) => Some(vec![constant.clone()]),
        (None, Some(Value::Array(values))) => Some(values.clone()),
        _ => None,
    });
    if let Some(values) = values.collect::<Option<Vec<_>>>() {
        fields.remove("oneOf");
        fields.insert("type".to_owned(), json!("string"));
        fields.insert("enum".to_owned(), values.concat().into());
    }
}

/// Formats that only Rust has go, and so do defaults that say nothing and the refusal of unknown fields: the API server prunes.
fn tidy_keywords(fields: &mut Map<String, Value>) {
    if fields.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        fields.remove("format");
    }
    if fields.get("default") == Some(&Value::Null) {
        fields.remove("default");
    }
    if fields.get("additionalProperties").is_some_and(Value::is_boolean) {
        let is_open = fields.remove("additionalProperties") == Some(Value::Bool(true));
        if is_open {
            fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), Value::Bool(true));
        }
    }
}

/// Visits properties, items and additional properties.
fn each_subschema(schema: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(&mut *visit);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key).filter(|inner| inner.is_object() || **inner == Value::Bool(true)) {
            visit(inner);
        }
    }
}

/// A status is written whole by its controller; the defaults in its schema are Rust's, for objects of earlier releases.
fn drop_defaults(schema: &mut Value) {
    if let Value::Object(fields) = schema {
        fields.remove("default");
    }
    each_subschema(schema, &mut drop_defaults);
}

fn drop_nulls(root: &mut Value) {
    if let Value::Object(fields) = root {
        fields.retain(|_, value| !value.is_null());
    }
}

/// Sets a default at a path such as `spec.data[].remoteRef.decodingStrategy`.
fn set_default(root: &mut Value, path: &str, default: &str) {
    let place = path.split('.').try_fold(root, |place, step| {
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let place = place.get_mut("properties")?.get_mut(name)?;
        if is_list { place.get_mut("items") } else { Some(place) }
    });
    let place = place.unwrap_or_else(|| panic!("the schema has no `{path}`, so that nothing can be its default"));
    place["default"] = json!(default);
}

#[cfg(test)]
mod tests;
