//! The table of all kinds: a kind is one file and one line here. From it come the CRDs, with what only providers know –
//! the settings of each provider and generator – given in as schemas. Specification: ESO §3, §3.1; VSO §4; SS §3.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::crd::{Column, Definition, Older, drop_descriptions, structural};
use crate::external_secrets::names::{COMPONENT_LABEL, GENERATORS_GROUP, GROUP};
use crate::external_secrets::secret_store::PROVIDERS;
use crate::generators::{GENERATORS, GeneratorKind};
use crate::hashicorp::{self, CSISecrets, HCPAuth, HCPVaultSecretsApp};
use crate::meta::Condition;
use crate::{
    ClusterExternalSecret, ClusterGenerator, ClusterPushSecret, ClusterSecretStore, ExternalSecret, GeneratorState,
    PushSecret, SealedSecret, SecretStore, SecretTransformation, VaultAuth, VaultAuthGlobal, VaultConnection,
    VaultDynamicSecret, VaultPKISecret, VaultStaticSecret, shape,
};

/// What the rows of `providers` know of schemas. A provider or generator that is missing here stays open: its settings are
/// kept as they are, so that an object of the peer loses nothing before somebody builds its row.
#[derive(Clone, Debug, Default)]
pub struct Unions {
    /// By key of `spec.provider`: the settings.
    pub providers: BTreeMap<String, Schema>,
    /// By kind of generator: the spec.
    pub generators: BTreeMap<String, Schema>,
}

/// All custom resource definitions, in the order of the table, then the generators.
pub fn crds(unions: &Unions) -> Vec<CustomResourceDefinition> {
    let typed = table().into_iter().map(|definition| {
        let kind = definition.kind().to_owned();
        marked(definition.crd(|spec| close(&kind, spec, unions)))
    });
    typed.chain(GENERATORS.iter().map(|generator| generator_crd(*generator, unions))).collect()
}

fn table() -> Vec<Definition> {
    vec![
        Definition::of::<ExternalSecret>()
            .columns(EXTERNAL_SECRET)
            .older(EXTERNAL_SECRET_V1BETA1)
            .selectable(EXTERNAL_SECRET_FIELDS)
            .status_defaults(&[("status.binding.name", "")]),
        Definition::of::<ClusterExternalSecret>()
            .columns(CLUSTER_EXTERNAL_SECRET)
            .older(CLUSTER_EXTERNAL_SECRET_V1BETA1),
        Definition::of::<SecretStore>().columns(STORE).older(STORE_V1BETA1),
        Definition::of::<ClusterSecretStore>().columns(STORE).older(STORE_V1BETA1),
        Definition::of::<PushSecret>().columns(PUSH_SECRET),
        Definition::of::<ClusterPushSecret>().columns(CLUSTER_PUSH_SECRET),
        Definition::without_status::<ClusterGenerator>().status_subresource(),
        Definition::without_status::<GeneratorState>().columns(GENERATOR_STATE).status_schema::<UnwrittenStatus>(),
        Definition::of::<SealedSecret>().columns(SEALED_SECRET),
        Definition::of::<VaultConnection>().columns(VAULT_SETTING),
        Definition::of::<VaultAuth>().columns(VAULT_SETTING),
        Definition::of::<VaultAuthGlobal>(),
        Definition::of::<VaultStaticSecret>().columns(VAULT_SECRET),
        Definition::of::<VaultDynamicSecret>().columns(VAULT_SECRET),
        Definition::of::<VaultPKISecret>().columns(VAULT_SECRET),
        Definition::of::<SecretTransformation>().columns(VAULT_SETTING),
        Definition::of::<CSISecrets>(),
        Definition::of::<HCPAuth>().deprecated(ENDED),
        Definition::of::<HCPVaultSecretsApp>().deprecated(ENDED),
    ]
}

const ENDED: &str = "HCP Vault Secrets has ended; this object has no effect";

/// The status that a GeneratorState declares and nobody writes.
#[derive(JsonSchema)]
struct UnwrittenStatus {
    #[expect(dead_code, reason = "only its schema is read")]
    #[schemars(with = "Option<Vec<shape::StoreCondition>>")]
    conditions: Vec<Condition>,
}

const READY_REASON: &str = r#".status.conditions[?(@.type=="Ready")].reason"#;
const READY_STATUS: &str = r#".status.conditions[?(@.type=="Ready")].status"#;
const CREATED: &str = ".metadata.creationTimestamp";

const EXTERNAL_SECRET: &[Column] = &[
    ("StoreType", "string", ".spec.secretStoreRef.kind"),
    ("Store", "string", ".spec.secretStoreRef.name"),
    ("Refresh Interval", "string", ".spec.refreshInterval"),
    ("Status", "string", READY_REASON),
    ("Ready", "string", READY_STATUS),
    ("Last Sync", "date", ".status.refreshTime"),
];
const EXTERNAL_SECRET_FIELDS: &[&str] =
    &[".spec.secretStoreRef.name", ".spec.secretStoreRef.kind", ".spec.target.name", ".spec.refreshInterval"];
const CLUSTER_EXTERNAL_SECRET: &[Column] = &[
    ("Store", "string", ".spec.externalSecretSpec.secretStoreRef.name"),
    ("Refresh Interval", "string", ".spec.refreshTime"),
    ("Ready", "string", READY_STATUS),
];
const STORE: &[Column] = &[
    ("AGE", "date", CREATED),
    ("Status", "string", READY_REASON),
    ("Capabilities", "string", ".status.capabilities"),
    ("Ready", "string", READY_STATUS),
];
const PUSH_SECRET: &[Column] =
    &[("AGE", "date", CREATED), ("Status", "string", READY_REASON), ("Last Sync", "date", ".status.refreshTime")];
const CLUSTER_PUSH_SECRET: &[Column] = &[("AGE", "date", CREATED), ("Status", "string", READY_REASON)];
const GENERATOR_STATE: &[Column] =
    &[("GC Deadline", "string", ".spec.garbageCollectionDeadline"), ("Age", "date", CREATED)];
const SEALED_SECRET: &[Column] = &[
    ("Status", "string", ".status.conditions[0].message"),
    ("Synced", "string", ".status.conditions[0].status"),
    ("Age", "date", CREATED),
];
const VAULT_HEALTHY: &str = r#".status.conditions[?(@.type == "Healthy")].status"#;
const VAULT_READY: &str = r#".status.conditions[?(@.type == "Ready")].status"#;
const VAULT_SETTING: &[Column] =
    &[("Healthy", "string", VAULT_HEALTHY), ("Ready", "string", VAULT_READY), ("Age", "date", CREATED)];
const VAULT_SECRET: &[Column] = &[
    ("Synced", "string", r#".status.conditions[?(@.type == "SecretSynced")].status"#),
    ("Healthy", "string", VAULT_HEALTHY),
    ("Ready", "string", VAULT_READY),
    ("Age", "date", CREATED),
];

/// What v1beta1 still defaults and v1 does not (ESO §3.1).
const EXTERNAL_SECRET_V1BETA1: &[Older] = &[Older {
    version: "v1beta1",
    defaults: &[
        ("spec.data[].remoteRef.conversionStrategy", "Default"),
        ("spec.data[].remoteRef.decodingStrategy", "None"),
        ("spec.data[].remoteRef.metadataPolicy", "None"),
        ("spec.dataFrom[].extract.conversionStrategy", "Default"),
        ("spec.dataFrom[].extract.decodingStrategy", "None"),
        ("spec.dataFrom[].extract.metadataPolicy", "None"),
        ("spec.dataFrom[].find.conversionStrategy", "Default"),
        ("spec.dataFrom[].find.decodingStrategy", "None"),
    ],
}];
const CLUSTER_EXTERNAL_SECRET_V1BETA1: &[Older] = &[Older {
    version: "v1beta1",
    defaults: &[
        ("spec.externalSecretSpec.data[].remoteRef.conversionStrategy", "Default"),
        ("spec.externalSecretSpec.data[].remoteRef.decodingStrategy", "None"),
        ("spec.externalSecretSpec.data[].remoteRef.metadataPolicy", "None"),
        ("spec.externalSecretSpec.dataFrom[].extract.conversionStrategy", "Default"),
        ("spec.externalSecretSpec.dataFrom[].extract.decodingStrategy", "None"),
        ("spec.externalSecretSpec.dataFrom[].extract.metadataPolicy", "None"),
        ("spec.externalSecretSpec.dataFrom[].find.conversionStrategy", "Default"),
        ("spec.externalSecretSpec.dataFrom[].find.decodingStrategy", "None"),
    ],
}];
const STORE_V1BETA1: &[Older] = &[Older { version: "v1beta1", defaults: &[] }];

/// Closes the unions that Rust leaves open: exactly one of the keys that anybody knows.
fn close(kind: &str, spec: &mut Value, unions: &Unions) {
    match kind {
        "SecretStore" | "ClusterSecretStore" => {
            let known = PROVIDERS.iter().map(|key| ((*key).to_owned(), unions.providers.get(*key)));
            let new = unions.providers.iter().map(|(key, schema)| (key.clone(), Some(schema)));
            close_union(&mut spec["properties"]["provider"], known.chain(new));
        }
        "ClusterGenerator" => {
            let known = GENERATORS.iter().map(|row| (row.field.to_owned(), unions.generators.get(row.kind)));
            close_union(&mut spec["properties"]["generator"], known);
        }
        _ => {}
    }
}

/// One of these keys; what has no schema is kept as it is. Their settings are explained in the docs: with descriptions the
/// definition would be too large for `kubectl apply`.
fn close_union<'a>(union: &mut Value, members: impl Iterator<Item = (String, Option<&'a Schema>)>) {
    let properties: Map<String, Value> = members.map(|(key, schema)| (key, settings(schema, false))).collect();
    let description = union["description"].take();
    *union = json!({ "type": "object", "minProperties": 1, "maxProperties": 1, "properties": properties });
    if !description.is_null() {
        union["description"] = description;
    }
}

fn settings(schema: Option<&Schema>, is_explained: bool) -> Value {
    let Some(schema) = schema else {
        return json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    };
    let mut schema = structural(schema.clone().to_value());
    if !is_explained {
        drop_descriptions(&mut schema);
    }
    schema
}

/// The definition of a kind of generator, from its name and the schema of its spec.
pub fn generator_crd(generator: GeneratorKind, unions: &Unions) -> CustomResourceDefinition {
    let schema = json!({
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": settings(unions.generators.get(generator.kind), true),
        },
    });
    let plural = generator.plural();
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{GENERATORS_GROUP}") },
        "spec": {
            "group": GENERATORS_GROUP,
            "names": {
                "kind": generator.kind, "plural": plural, "singular": generator.kind.to_lowercase(),
                "categories": ["external-secrets", "external-secrets-generators"],
            },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema },
                "subresources": { "status": {} },
            }],
        },
    });
    marked(serde_json::from_value(crd).expect("a definition of our own is one"))
}

/// The marks that a peer's definitions carry: ESO finds its own by a label, and VSO's say which generator their form follows.
fn marked(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    if [GROUP, GENERATORS_GROUP].contains(&crd.spec.group.as_str()) {
        let labels = crd.metadata.labels.get_or_insert_default();
        labels.insert(COMPONENT_LABEL.to_owned(), "controller".to_owned());
    }
    if crd.spec.group == hashicorp::names::GROUP {
        let annotations = crd.metadata.annotations.get_or_insert_default();
        annotations.insert("controller-gen.kubebuilder.io/version".to_owned(), "v0.19.0".to_owned());
    }
    crd
}

#[cfg(test)]
mod tests;
