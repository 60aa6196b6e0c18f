//! Generators as an object names them: read when they are asked, since nothing watches them. Making is an effect
//! (`effects/generate`). Specification: ESO §6.3, §6.7, §11.

use api::ClusterGenerator;
use api::external_secrets::GeneratorRef;
use api::external_secrets::names::GENERATORS_GROUP;
use api::generators::{GENERATORS, GeneratorKind};
use base::{Fault, ObjectRef};
use plan::write::Resource;
use plan::{Address, Generate};
use providers::registry;
use serde::Deserialize;
use serde_json::Value;

use crate::World;
use crate::store_rules::{ClusterStores, StoreRules};

/// A generator as the API has it.
#[derive(Deserialize)]
struct Object<S> {
    metadata: Meta,
    spec: S,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    uid: String,
    #[serde(default)]
    generation: i64,
}

impl World {
    /// What is to be done to make values with a generator, for an object; none where another controller class serves it.
    ///
    /// # Errors
    /// There is no such generator, or its kind is not built.
    pub async fn generator(
        &self,
        of: &ObjectRef,
        wanted: &GeneratorRef,
        class: &str,
    ) -> Result<Option<Generate>, Fault> {
        let generate = if wanted.kind == CLUSTER {
            if self.memory::<StoreRules>().cluster_stores == ClusterStores::Refused {
                return Err(Fault::wrong(format!("could not get ClusterGenerator \"{}\"", wanted.name))
                    .because("this process is confined to a namespace and reads no cluster-scoped resource")
                    .hint("use a generator of the namespace"));
            }
            let at = address(CLUSTER, "clustergenerators", "", &wanted.name);
            let found: Option<ClusterGenerator> = self.cluster().read_as(&at).await?;
            let found = found.ok_or_else(|| missing(&at))?;
            let (kind, spec) = found.generator()?;
            let meta = &found.metadata;
            Generate {
                of: of.clone(),
                generator: at.object(),
                kind,
                spec: spec.clone(),
                uid: meta.uid.clone().unwrap_or_default(),
                generation: meta.generation.unwrap_or_default(),
            }
        } else {
            let row = GENERATORS.into_iter().find(|row| row.kind == wanted.kind);
            let row: GeneratorKind =
                row.ok_or_else(|| Fault::wrong(format!("there is no generator kind {}", wanted.kind)))?;
            let at = address(row.kind, &row.plural(), &of.namespace, &wanted.name);
            let found: Option<Object<Value>> = self.cluster().read_as(&at).await?;
            let found = found.ok_or_else(|| missing(&at))?;
            let (uid, generation) = (found.metadata.uid, found.metadata.generation);
            Generate { of: of.clone(), generator: at.object(), kind: row.kind, spec: found.spec, uid, generation }
        };
        if registry::generator(generate.kind).is_none() {
            let kind = generate.kind;
            return Err(Fault::wrong(format!("generators of kind {kind} are not built yet")).about(generate.generator));
        }
        let other = generate
            .spec
            .get("controller")
            .and_then(Value::as_str)
            .is_some_and(|other| !other.is_empty() && other != class);
        Ok((!other).then_some(generate))
    }
}

/// The generator that is meant from a namespace.
pub(crate) fn object_of(namespace: &str, wanted: &GeneratorRef) -> ObjectRef {
    let home = if wanted.kind == CLUSTER { "" } else { namespace };
    ObjectRef::new(wanted.kind.clone(), home, wanted.name.clone())
}

const CLUSTER: &str = "ClusterGenerator";

fn address(kind: &str, plural: &str, namespace: &str, name: &str) -> Address {
    Address::new(Resource::new(GENERATORS_GROUP, "v1alpha1", kind, plural), namespace, name)
}

fn missing(at: &Address) -> Fault {
    let object = at.object();
    Fault::wrong(format!("cannot find {object}")).about(object)
}
