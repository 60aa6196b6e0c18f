//! The key of VSO's keyed digest: it lies in a Secret of the operator's namespace, is the peer's where one is there, and is made
//! where none is. Another key would make every object sync again. Specification: VSO §10.3.

use api::hashicorp::names;
use base::{Fault, Kind, SecretBytes};
use plan::{Target, Write};
use rand::Rng as _;
use tokio::sync::OnceCell;

use super::Settings;
use crate::World;

/// The key, once it was read.
#[derive(Default)]
pub struct MacKey(OnceCell<SecretBytes>);

/// How long the key is.
const BYTES: usize = 16;

/// The key of this cluster.
///
/// # Errors
/// It cannot be read or made, or what lies there is no key.
pub async fn mac_key(w: &World, settings: &Settings) -> Result<SecretBytes, Fault> {
    let known = w.memory::<MacKey>();
    known.0.get_or_try_init(|| read_or_make(w, settings)).await.cloned()
}

async fn read_or_make(w: &World, settings: &Settings) -> Result<SecretBytes, Fault> {
    if let Some(key) = read(w, settings).await? {
        return Ok(key);
    }
    let mut bytes = vec![0; BYTES];
    w.rng().fill_bytes(&mut bytes);
    let key = SecretBytes::new(bytes);
    let mut target = Target::new(settings.namespace.clone(), names::MAC_KEY_SECRET);
    target.kind = "Opaque".to_owned();
    target.labels = names::MAC_KEY_LABELS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    target.immutable = Some(true);
    target.data.insert(names::MAC_KEY, key.clone());
    match w.act(Write::CreateSecret { target, manager: names::MANAGER.to_owned() }).await {
        Ok(_) => Ok(key),
        // Another process was faster, or the cache was behind.
        Err(fault) if fault.kind() == Kind::Conflict => read(w, settings).await?.ok_or(fault),
        Err(fault) => Err(fault),
    }
}

async fn read(w: &World, settings: &Settings) -> Result<Option<SecretBytes>, Fault> {
    let at = plan::Address::secret(settings.namespace.as_str(), names::MAC_KEY_SECRET);
    let Some(secret) = crate::effects::write::read_secret(w.cluster(), &at).await? else { return Ok(None) };
    match secret.data.value(names::MAC_KEY) {
        Some(key) if key.len() == BYTES => Ok(Some(key.clone())),
        _ => Err(Fault::wrong(format!("{} holds no key of {BYTES} bytes under `{}`", at.object(), names::MAC_KEY))
            .about(at.object())
            .hint("restore it from a backup; a new key makes every object sync again")),
    }
}
