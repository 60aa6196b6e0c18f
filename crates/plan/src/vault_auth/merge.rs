//! How a VaultAuthGlobal fills what a VaultAuth leaves out: field by field, the VaultAuth wins; headers and parameters by the
//! strategy of the reference. Specification: VSO §5.3.

use api::hashicorp::vault_auth::{MergeMode, MergeStrategy, VaultAuthSpec};
use api::hashicorp::vault_auth_global::{GlobalMethod, VaultAuthGlobalSpec};
use api::hashicorp::{AuthMethod, VaultAuth, VaultAuthGlobal};
use api::meta::Filled as _;
use base::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Pairs;

/// What a method's block of a global says besides its fields.
#[derive(Default)]
struct Beside {
    namespace: Option<String>,
    mount: Option<String>,
    headers: Pairs,
    params: Pairs,
}

/// The spec as it counts.
pub fn merged(o: &VaultAuth, global: Option<&VaultAuthGlobal>) -> Result<VaultAuthSpec, Fault> {
    let own = &o.spec;
    let Some(global) = global.map(|global| &global.spec) else { return Ok(own.clone()) };
    let method = own.method.or(global.default_auth_method);
    let method =
        method.ok_or_else(|| Fault::wrong("auth method is empty").hint("set `method` or `defaultAuthMethod`"))?;
    let beside = beside(global, method);
    let first = |all: [&Option<String>; 3]| all.into_iter().find_map(|one| one.filled().map(str::to_owned));
    let mount = first([&own.mount, &beside.mount, &global.default_mount]);
    let mount = mount.ok_or_else(|| Fault::wrong("mount is empty").hint("set `mount` or `defaultMount`"))?;
    let MergeStrategy { headers, params } =
        o.global_ref().and_then(|reference| reference.merge_strategy).unwrap_or_default();
    let mut spec = VaultAuthSpec {
        method: Some(method),
        mount: Some(mount),
        namespace: first([&own.namespace, &beside.namespace, &global.default_vault_namespace]),
        headers: pairs(headers, [&global.headers, &beside.headers, &own.headers]),
        params: pairs(params, [&global.params, &beside.params, &own.params]),
        vault_connection_ref: first([&own.vault_connection_ref, &global.vault_connection_ref, &None]),
        ..own.clone()
    };
    match method {
        AuthMethod::Kubernetes => spec.kubernetes = block(own.kubernetes.as_ref(), global.kubernetes.as_ref())?,
        AuthMethod::Jwt => spec.jwt = block(own.jwt.as_ref(), global.jwt.as_ref())?,
        AuthMethod::AppRole => spec.app_role = block(own.app_role.as_ref(), global.app_role.as_ref())?,
        AuthMethod::Aws => spec.aws = block(own.aws.as_ref(), global.aws.as_ref())?,
        AuthMethod::Gcp => spec.gcp = block(own.gcp.as_ref(), global.gcp.as_ref())?,
    }
    Ok(spec)
}

fn beside(global: &VaultAuthGlobalSpec, method: AuthMethod) -> Beside {
    fn of<T>(method: Option<&GlobalMethod<T>>) -> Beside {
        method.map_or_else(Beside::default, |method| Beside {
            namespace: method.namespace.clone(),
            mount: method.mount.clone(),
            headers: method.headers.clone(),
            params: method.params.clone(),
        })
    }
    match method {
        AuthMethod::Kubernetes => of(global.kubernetes.as_ref()),
        AuthMethod::Jwt => of(global.jwt.as_ref()),
        AuthMethod::AppRole => of(global.app_role.as_ref()),
        AuthMethod::Aws => of(global.aws.as_ref()),
        AuthMethod::Gcp => of(global.gcp.as_ref()),
    }
}

/// Maps from the widest to the nearest.
fn pairs(mode: Option<MergeMode>, [global, method, own]: [&Pairs; 3]) -> Pairs {
    match mode.unwrap_or_default() {
        MergeMode::None => own.clone(),
        MergeMode::Replace => {
            [own, method, global].into_iter().find(|map| !map.is_empty()).cloned().unwrap_or_default()
        }
        MergeMode::Union => {
            global.iter().chain(method).chain(own).map(|(key, value)| (key.clone(), value.clone())).collect()
        }
    }
}

/// A method's block, field by field. The lists and texts that are left out are not in the JSON, so what is there wins.
fn block<T: Serialize + DeserializeOwned + Clone>(
    own: Option<&T>,
    global: Option<&GlobalMethod<T>>,
) -> Result<Option<T>, Fault> {
    let (own, global) = match (own, global) {
        (own, None) => return Ok(own.cloned()),
        (None, Some(global)) => return Ok(Some(global.block.clone())),
        (Some(own), Some(global)) => (own, &global.block),
    };
    let bug = |error: serde_json::Error| Fault::bug("cannot merge a method of a VaultAuthGlobal").because(error);
    let mut all = serde_json::to_value(global).map_err(bug)?;
    if let (Value::Object(all), Value::Object(own)) = (&mut all, serde_json::to_value(own).map_err(bug)?) {
        all.extend(own.into_iter().filter(|(_, value)| !matches!(value, Value::String(text) if text.is_empty())));
    }
    serde_json::from_value(all).map(Some).map_err(bug)
}
