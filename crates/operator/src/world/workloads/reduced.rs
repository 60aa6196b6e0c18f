//! A workload of each kind as it comes over the wire – decoded only as far as rules, references and marks need – and as the cache
//! keeps it. Pure. Not here: what is watched and listed (`workloads`). Specification: RL §9, §11.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use api::reload::{ResourceKind, names};
use k8s_openapi::api::{apps, batch};
use kube::Resource;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use plan::Address;
use plan::reload::workload::{Marker, Times};
use plan::reload::{Container, Kind, Volume, Workload};
use serde::Deserialize;

use crate::cache::Kept;
use crate::subject::Subject;

/// Which kind of workload a type stands for.
pub trait Of: Send + Sync + std::fmt::Debug + Clone + 'static {
    /// The kind.
    const KIND: Kind;
    /// The row's name in logs and queue metrics.
    const ROW: &'static str;
    /// Group, version and plural.
    fn path() -> (&'static str, &'static str, &'static str);
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident, $path:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Of for $name {
            const KIND: Kind = Kind::$name;
            const ROW: &'static str = concat!("reload-", stringify!($name));

            fn path() -> (&'static str, &'static str, &'static str) {
                $path
            }
        }
    )*};
}

kinds! {
    /// apps/v1.
    Deployment, path_of::<apps::v1::Deployment>();
    /// apps/v1.
    DaemonSet, path_of::<apps::v1::DaemonSet>();
    /// apps/v1.
    StatefulSet, path_of::<apps::v1::StatefulSet>();
    /// batch/v1.
    CronJob, path_of::<batch::v1::CronJob>();
    /// batch/v1.
    Job, path_of::<batch::v1::Job>();
    /// Argo's.
    Rollout, ("argoproj.io", "v1alpha1", "rollouts");
    /// OpenShift's.
    DeploymentConfig, ("apps.openshift.io", "v1", "deploymentconfigs");
}

/// The path of a kind that the API itself has.
fn path_of<A: k8s_openapi::Resource>() -> (&'static str, &'static str, &'static str) {
    (A::GROUP, A::VERSION, A::URL_PATH_SEGMENT)
}

/// A workload in the cache.
#[derive(Clone, Debug)]
pub struct Reduced<K> {
    /// What rules, references and marks need.
    pub workload: Arc<Workload>,
    of: PhantomData<K>,
}

/// A workload as it comes over the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "")]
pub struct Wire<K> {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
    #[serde(skip)]
    of: PhantomData<K>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    paused: Option<bool>,
    #[serde(default)]
    template: Option<Template>,
    #[serde(default)]
    job_template: Option<JobTemplate>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct JobTemplate {
    #[serde(default)]
    spec: JobSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct JobSpec {
    #[serde(default)]
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    completion_time: Option<String>,
    #[serde(default)]
    conditions: Option<Vec<Condition>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Condition {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Template {
    #[serde(default)]
    metadata: Option<TemplateMeta>,
    #[serde(default)]
    spec: Option<PodSpec>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct TemplateMeta {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    #[serde(default)]
    containers: Option<Vec<PodContainer>>,
    #[serde(default)]
    init_containers: Option<Vec<PodContainer>>,
    #[serde(default)]
    volumes: Option<Vec<PodVolume>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodContainer {
    #[serde(default)]
    name: String,
    #[serde(default)]
    env: Option<Vec<EnvEntry>>,
    #[serde(default)]
    env_from: Option<Vec<EnvFrom>>,
    #[serde(default)]
    volume_mounts: Option<Vec<Named>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvEntry {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    value_from: Option<ValueFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom {
    #[serde(default)]
    secret_key_ref: Option<Named>,
    #[serde(default)]
    config_map_key_ref: Option<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvFrom {
    #[serde(default)]
    secret_ref: Option<Named>,
    #[serde(default)]
    config_map_ref: Option<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodVolume {
    #[serde(default)]
    name: String,
    #[serde(default)]
    config_map: Option<Named>,
    #[serde(default)]
    secret: Option<SecretVolume>,
    #[serde(default)]
    projected: Option<Projected>,
    #[serde(default)]
    csi: Option<Csi>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume {
    #[serde(default)]
    secret_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Projected {
    #[serde(default)]
    sources: Option<Vec<ProjectedSource>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectedSource {
    #[serde(default)]
    config_map: Option<Named>,
    #[serde(default)]
    secret: Option<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Csi {
    #[serde(default)]
    volume_attributes: Option<BTreeMap<String, String>>,
}

/// Longer annotations hold no rule of ours: a list of names may well be long.
const ANNOTATION_BYTES: usize = 16 * 1024;

/// Holds the whole object once more, and is of no use to a rule.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl<K: Of> Resource for Wire<K> {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.as_str().into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::path().0.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::path().1.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::path().2.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<K: Of> Reduced<K> {
    /// What is kept of a workload as it came.
    pub(super) fn of(wire: Wire<K>) -> Self {
        Self { workload: Arc::new(reduced(K::KIND, wire.metadata, wire.spec, &wire.status)), of: PhantomData }
    }
}

impl<K: Of> Kept for Reduced<K> {
    type Wire = Wire<K>;

    fn keep(wire: Wire<K>) -> Result<Self, String> {
        Ok(Self::of(wire))
    }

    fn resource_version(&self) -> &str {
        &self.workload.resource_version
    }
}

impl<K: Of> Subject for Reduced<K> {
    fn address(&self) -> Address {
        self.workload.address()
    }

    fn uid(&self) -> &str {
        &self.workload.uid
    }
}

fn reduced(kind: Kind, meta: ObjectMeta, spec: Spec, status: &Status) -> Workload {
    let template = spec.template.or(spec.job_template.map(|job| job.spec.template)).unwrap_or_default();
    let pod = template.spec.unwrap_or_default();
    let has_ended = status.completion_time.is_some()
        || status
            .conditions
            .iter()
            .flatten()
            .any(|condition| condition.r#type == "Failed" && condition.status == "True");
    let times = times(&meta);
    let by_cron_job = meta.owner_references.iter().flatten().any(|owner| owner.kind == "CronJob");
    Workload {
        kind,
        namespace: meta.namespace.unwrap_or_default(),
        name: meta.name.unwrap_or_default(),
        uid: meta.uid.unwrap_or_default(),
        resource_version: meta.resource_version.unwrap_or_default(),
        annotations: short(meta.annotations),
        template_annotations: short(template.metadata.unwrap_or_default().annotations),
        containers: pod.containers.into_iter().flatten().map(container).collect(),
        init_containers: pod.init_containers.into_iter().flatten().map(container).collect(),
        volumes: pod.volumes.into_iter().flatten().filter_map(volume).collect(),
        is_paused: spec.paused.unwrap_or(false),
        is_history: kind == Kind::Job && has_ended && by_cron_job,
        is_deleting: meta.deletion_timestamp.is_some(),
        times,
    }
}

fn times(meta: &ObjectMeta) -> Times {
    let mut times = Times { created: meta.creation_timestamp.as_ref().map(|time| time.0), ..Times::default() };
    for entry in meta.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none()) {
        let time = entry.time.as_ref().map(|time| time.0);
        let is_ours = entry.manager.as_deref() == Some(names::MANAGER);
        let known = if is_ours { &mut times.rolled } else { &mut times.edited };
        *known = (*known).max(time);
    }
    times
}

fn short(annotations: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut annotations = annotations.unwrap_or_default();
    annotations.retain(|key, value| value.len() <= ANNOTATION_BYTES && key != LAST_APPLIED);
    annotations
}

fn container(container: PodContainer) -> Container {
    let mut reduced = Container {
        name: container.name,
        mounts: container.volume_mounts.into_iter().flatten().map(|mount| mount.name).collect(),
        has_env: container.env.is_some(),
        ..Container::default()
    };
    for (place, entry) in container.env.into_iter().flatten().enumerate() {
        let from = entry.value_from.unwrap_or_default();
        push(&mut reduced.uses, ResourceKind::Secret, from.secret_key_ref);
        push(&mut reduced.uses, ResourceKind::ConfigMap, from.config_map_key_ref);
        if entry.name.starts_with(names::VARIABLE_PREFIX) {
            reduced.markers.push(Marker { variable: entry.name, hash: entry.value.unwrap_or_default(), place });
        }
    }
    for from in container.env_from.into_iter().flatten() {
        push(&mut reduced.uses, ResourceKind::Secret, from.secret_ref);
        push(&mut reduced.uses, ResourceKind::ConfigMap, from.config_map_ref);
    }
    reduced
}

fn volume(volume: PodVolume) -> Option<Volume> {
    let mut uses = Vec::new();
    push(&mut uses, ResourceKind::ConfigMap, volume.config_map);
    push(&mut uses, ResourceKind::Secret, volume.secret.map(|secret| Named { name: secret.secret_name }));
    for source in volume.projected.and_then(|projected| projected.sources).into_iter().flatten() {
        push(&mut uses, ResourceKind::ConfigMap, source.config_map);
        push(&mut uses, ResourceKind::Secret, source.secret);
    }
    let class = volume
        .csi
        .and_then(|csi| csi.volume_attributes)
        .and_then(|mut attributes| attributes.remove("secretProviderClass"));
    push(&mut uses, ResourceKind::SecretProviderClass, class.map(|name| Named { name }));
    (!uses.is_empty()).then_some(Volume { name: volume.name, uses })
}

fn push(uses: &mut Vec<(ResourceKind, String)>, kind: ResourceKind, named: Option<Named>) {
    if let Some(Named { name }) = named
        && !name.is_empty()
        && !uses.contains(&(kind, name.clone()))
    {
        uses.push((kind, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_list<K: Of>(body: &[u8]) -> Vec<Workload> {
        let mut list: serde_json::Value = serde_json::from_slice(body).expect("a test's own list");
        let wires: Vec<Wire<K>> = serde_json::from_value(list["items"].take()).expect("a test's own workloads");
        wires.into_iter().map(|wire| reduced(K::KIND, wire.metadata, wire.spec, &wire.status)).collect()
    }

    #[test]
    fn a_deployment_is_reduced_to_its_references_and_marks() {
        let body = br#"{"items":[{"metadata":{"name":"web","namespace":"prod","uid":"u","resourceVersion":"3",
            "annotations":{"reloader.stakater.com/auto":"true"}},
          "spec":{"paused":true,"replicas":3,"template":{"metadata":{"annotations":{"a":"b"}},"spec":{
            "containers":[{"name":"app","image":"x","env":[{"name":"A","value":"1"},
                {"name":"B","valueFrom":{"secretKeyRef":{"name":"db","key":"p"}}},
                {"name":"STAKATER_DB_SECRET","value":"h"}],
              "envFrom":[{"configMapRef":{"name":"conf"}}],"volumeMounts":[{"name":"v","mountPath":"/v"}]}],
            "initContainers":[{"name":"init"}],
            "volumes":[{"name":"v","projected":{"sources":[{"secret":{"name":"tls"}},{"serviceAccountToken":{"path":"t"}}]}},
              {"name":"e","emptyDir":{}},{"name":"c","csi":{"driver":"d","volumeAttributes":{"secretProviderClass":"spc"}}}]}}}}]}"#;
        let list = from_list::<Deployment>(body);
        let web = &list[0];
        assert!(web.is_paused && web.annotations.len() == 1 && web.template_annotations.len() == 1);
        let app = &web.containers[0];
        assert_eq!(app.uses, [(ResourceKind::Secret, "db".into()), (ResourceKind::ConfigMap, "conf".into())]);
        assert_eq!(app.markers, [Marker { variable: "STAKATER_DB_SECRET".into(), hash: "h".into(), place: 2 }]);
        assert_eq!(web.volumes.len(), 2);
        assert_eq!(web.referencing(ResourceKind::Secret, "tls"), Some(0));
    }

    #[test]
    fn times_are_told_apart_and_long_lists_are_kept() {
        let names = vec!["some-quite-long-name-of-a-secret"; 100].join(",");
        let body = format!(
            r#"{{"items":[{{"metadata":{{"name":"w","creationTimestamp":"2026-01-01T00:00:00Z",
            "annotations":{{"secret.reloader.stakater.com/reload":"{names}","{LAST_APPLIED}":"x","long":"{}"}},
            "managedFields":[{{"manager":"kubectl","operation":"Update","time":"2026-01-01T00:00:01Z"}},
                {{"manager":"Reloader","operation":"Update","time":"2026-01-01T00:00:02Z"}},
                {{"manager":"kcm","operation":"Update","subresource":"status","time":"2026-01-01T00:00:03Z"}}]}}}}]}}"#,
            "y".repeat(20_000)
        );
        let workload = &from_list::<Deployment>(body.as_bytes())[0];
        assert_eq!(workload.annotations.values().collect::<Vec<_>>(), [&names]);
        let at = |second: u8| format!("2026-01-01T00:00:0{second}Z").parse().ok();
        assert_eq!(workload.times, Times { created: at(0), rolled: at(2), edited: at(1) });
    }

    #[test]
    fn a_cron_job_is_read_through_its_job_template_and_an_ended_child_is_history() {
        let body =
            br#"{"items":[{"metadata":{"name":"c"},"spec":{"schedule":"* * * * *","jobTemplate":{"spec":{"template":{
            "spec":{"containers":[{"name":"app","envFrom":[{"secretRef":{"name":"s"}}]}]}}}}}}]}"#;
        assert_eq!(from_list::<CronJob>(body)[0].referencing(ResourceKind::Secret, "s"), Some(0));
        let body = br#"{"items":[{"metadata":{"name":"j","ownerReferences":[{"apiVersion":"batch/v1","kind":"CronJob","name":"c",
            "uid":"u"}]},"spec":{},"status":{"completionTime":"2026-01-01T00:00:00Z"}}]}"#;
        assert!(from_list::<Job>(body)[0].is_history);
    }
}
