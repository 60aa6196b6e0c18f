//! The certificate controller: makes the webhook's certificate, renews it, and tells the API server whom to trust – in the webhook
//! configurations, and in CRDs that ask for a conversion webhook. Beside no queue: there is one thing to look after, and it is looked
//! at often enough that an upgrade of the chart does not block anybody. Specification: ESO §6.14.

use std::time::Duration;

use base::encoding::Base64;
use base::{Fault, Timestamp};
use http::Method;
use plan::Address;
use plan::write::Resource;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::serving_certificate::{self as certificate, Issued};
use crate::cluster::{Call, Cluster, JSON, collection_path, object_path, parse};
use crate::heavy;
use crate::shared::Clock;

/// What is looked after.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The webhook's Service.
    pub service: Place,
    /// The Secret that holds its certificate.
    pub secret: Place,
    /// CRDs that may ask for a conversion webhook.
    pub crds: Vec<String>,
    /// How often CRDs are looked at; they are large.
    pub crd_interval: Duration,
}

/// A namespaced object.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// How often the Secret and the webhook configurations are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// How long a certificate must still hold: 90 days.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(90 * 24);
/// The label of what belongs to the webhook.
const COMPONENT: &str = "external-secrets.io%2Fcomponent%3Dwebhook";

/// Looks after the webhook until the process ends, while it leads; `ready` tells whether the webhook can be asked.
pub async fn keep(
    cluster: Cluster,
    clock: Clock,
    webhook: Webhook,
    mut leads: watch::Receiver<bool>,
    ready: watch::Sender<bool>,
) {
    let mut looked: Option<tokio::time::Instant> = None;
    let mut told = String::new();
    loop {
        if !*leads.borrow() {
            // Who waits for the lease has nothing to do: a rollout must not wait for it, or neither would end.
            ready.send_replace(true);
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            ready.send_replace(false);
            looked = None;
        }
        let with_crds = looked.is_none_or(|at| at.elapsed() >= webhook.crd_interval);
        match look(&cluster, &clock, &webhook, with_crds).await {
            Ok(is_served) => {
                if with_crds {
                    looked = Some(tokio::time::Instant::now());
                }
                told.clear();
                ready.send_replace(is_served && looked.is_some());
            }
            Err(fault) => {
                let text = fault.chain();
                // Once a sentence, or the log would be full of it.
                if text != told {
                    tracing::error!(error = text, "could not look after the webhook's certificate");
                    told = text;
                }
                ready.send_replace(false);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// One look; whether somebody serves the webhook.
///
/// # Errors
/// The first thing that could not be done; the others are done all the same.
pub async fn look(cluster: &Cluster, clock: &Clock, webhook: &Webhook, with_crds: bool) -> Result<bool, Fault> {
    let authority = certified(cluster, webhook, clock.now()).await?;
    let mut done = trust(cluster, webhook, &authority).await;
    if with_crds {
        for name in &webhook.crds {
            done = done.and(trust_in_crd(cluster, webhook, name, &authority).await);
        }
    }
    done?;
    is_served(cluster, &webhook.service).await
}

#[derive(Deserialize)]
struct Kept {
    metadata: KeptMeta,
    #[serde(default)]
    data: Option<Parts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptMeta {
    resource_version: String,
}

#[derive(Default, Deserialize)]
struct Parts {
    #[serde(default, rename = "ca.crt")]
    authority: String,
    #[serde(default, rename = "tls.crt")]
    certificate: String,
    #[serde(default, rename = "tls.key")]
    key: String,
}

/// The authority of a certificate that is good for the next 90 days, in base64: the one that is kept, or a new one.
async fn certified(cluster: &Cluster, webhook: &Webhook, now: Timestamp) -> Result<String, Fault> {
    let Place { namespace, name } = &webhook.service;
    let server = format!("{name}.{namespace}.svc");
    let at = Address::secret(webhook.secret.namespace.clone(), webhook.secret.name.clone());
    let kept: Option<Kept> = cluster.read_as(&at).await?;
    let version = kept.as_ref().map(|kept| kept.metadata.resource_version.clone());
    if let Some(parts) = kept.and_then(|kept| kept.data)
        && is_good(&parts, &server, now)
    {
        return Ok(parts.authority);
    }
    let issued = heavy::compute(move || certificate::issue(&server, now)).await??;
    store(cluster, &at, version, &issued).await?;
    tracing::info!(secret = %at.object(), "made the webhook's certificate");
    Ok(Base64::Standard.encode(issued.authority.as_bytes()))
}

fn is_good(parts: &Parts, server: &str, now: Timestamp) -> bool {
    let decoded = |text: &str| Base64::Standard.decode(text.as_bytes());
    let (Some(authority), Some(chain), Some(key)) =
        (decoded(&parts.authority), decoded(&parts.certificate), decoded(&parts.key))
    else {
        return false;
    };
    let holds = |at| certificate::vouched(authority.expose(), chain.expose(), server, at).is_ok();
    certificate::belong_together(chain.expose(), key.expose())
        && holds(now)
        && holds(now.saturating_add(AHEAD).unwrap_or(now))
}

/// Stores a certificate over the version that was read; the chart's Secret stands there empty.
async fn store(cluster: &Cluster, at: &Address, version: Option<String>, issued: &Issued) -> Result<(), Fault> {
    let encoded = |bytes: &[u8]| Base64::Standard.encode(bytes);
    let mut body = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": at.name, "namespace": at.namespace},
        "data": {
            "ca.crt": encoded(issued.authority.as_bytes()),
            "ca.key": encoded(issued.authority_key.expose()),
            "tls.crt": encoded(issued.certificate.as_bytes()),
            "tls.key": encoded(issued.key.expose()),
        },
    });
    let call = match version {
        Some(version) => {
            body["metadata"]["resourceVersion"] = json!(version);
            let media = "application/merge-patch+json";
            Call { method: Method::PATCH, path: object_path(at, None), media, body: body.to_string().into_bytes() }
        }
        None => {
            let path = collection_path(&at.resource, &at.namespace);
            Call { method: Method::POST, path, media: JSON, body: body.to_string().into_bytes() }
        }
    };
    let stored = cluster.call(call).await;
    stored.map(drop).map_err(|fault| fault.within("cannot store the webhook's certificate").about(at.object()))
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Value>,
}

/// Puts the authority into the webhook configurations.
async fn trust(cluster: &Cluster, webhook: &Webhook, authority: &str) -> Result<(), Fault> {
    let resource = Resource::new(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    );
    let path = format!("{}?labelSelector={COMPONENT}", collection_path(&resource, ""));
    let answer = cluster.call(Call { method: Method::GET, path, media: JSON, body: Vec::new() }).await?;
    let mut done = Ok(());
    for mut configuration in parse::<List>(&answer, "list of webhook configurations")?.items {
        let mut changes = false;
        for hook in configuration["webhooks"].as_array_mut().into_iter().flatten() {
            if hook["name"].as_str().is_some_and(|name| name.ends_with("external-secrets.io")) {
                changes |= point(&mut hook["clientConfig"], webhook, authority);
            }
        }
        if changes {
            let name = configuration["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            // One that we may not write holds no other up.
            done = done.and(write(cluster, &Address::new(resource.clone(), "", name), &configuration).await);
        }
    }
    done
}

/// The same in a CRD whose conversion is a webhook's. Ours need none.
async fn trust_in_crd(cluster: &Cluster, webhook: &Webhook, name: &str, authority: &str) -> Result<(), Fault> {
    let resource = Resource::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    let at = Address::new(resource, "", name);
    let found: Option<Value> = cluster.read_as(&at).await?;
    let mut definition = found.ok_or_else(|| Fault::wrong(format!("there is no CRD {name}")))?;
    let conversion = &mut definition["spec"]["conversion"];
    if conversion["strategy"] == "Webhook" && point(&mut conversion["webhook"]["clientConfig"], webhook, authority) {
        write(cluster, &at, &definition).await?;
    }
    Ok(())
}

/// Points a client's settings at the Service, with the authority; whether that changes them.
fn point(client: &mut Value, webhook: &Webhook, authority: &str) -> bool {
    let before = client.clone();
    let Place { namespace, name } = &webhook.service;
    if !client.is_object() {
        *client = Value::Object(Map::new());
    }
    client["caBundle"] = json!(authority);
    client["service"]["name"] = json!(name);
    client["service"]["namespace"] = json!(namespace);
    if let Some(fields) = client.as_object_mut() {
        fields.remove("url");
    }
    *client != before
}

/// Writes an object over the version that was read.
async fn write(cluster: &Cluster, at: &Address, object: &Value) -> Result<(), Fault> {
    let call =
        Call { method: Method::PUT, path: object_path(at, None), media: JSON, body: object.to_string().into_bytes() };
    cluster.call(call).await.map_err(|fault| fault.about(at.object()))?;
    tracing::info!(object = %at.object(), "told the API server the webhook's authority");
    Ok(())
}

/// Whether a ready endpoint stands behind the Service.
async fn is_served(cluster: &Cluster, service: &Place) -> Result<bool, Fault> {
    let resource = Resource::new("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices");
    let collection = collection_path(&resource, &service.namespace);
    let path = format!("{collection}?labelSelector=kubernetes.io%2Fservice-name%3D{}", service.name);
    let answer = cluster.call(Call { method: Method::GET, path, media: JSON, body: Vec::new() }).await?;
    let slices = parse::<List>(&answer, "list of endpoints")?.items;
    let endpoints = slices.iter().flat_map(|slice| slice["endpoints"].as_array()).flatten();
    // A condition that is not there means ready.
    Ok(endpoints.into_iter().any(|endpoint| endpoint["conditions"]["ready"] != json!(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_pointed_once() {
        let place = |name: &str| Place { namespace: "demo".to_owned(), name: name.to_owned() };
        let webhook =
            Webhook { service: place("hook"), secret: place("cert"), crds: Vec::new(), crd_interval: Duration::ZERO };
        let mut client = json!({"service": {"name": "old", "namespace": "demo", "path": "/validate", "port": 443}});
        assert!(point(&mut client, &webhook, "Y2E="));
        let expected = json!({"caBundle": "Y2E=",
            "service": {"name": "hook", "namespace": "demo", "path": "/validate", "port": 443}});
        assert_eq!(client, expected);
        assert!(!point(&mut client, &webhook, "Y2E="), "a second look changes nothing");
        let mut client = json!({"url": "https://127.0.0.1"});
        assert!(point(&mut client, &webhook, "Y2E="));
        assert_eq!(client, json!({"caBundle": "Y2E=", "service": {"name": "hook", "namespace": "demo"}}));
    }
}
