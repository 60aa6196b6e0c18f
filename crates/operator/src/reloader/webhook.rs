//! Webhook mode: a change is posted to one address and no workload is looked at. Any answer will do; without one the pass is tried
//! again. The body keeps the peer's key and says beside it what has changed. Specification: RL §15.5.

use std::time::Duration;

use api::reload::ResourceKind;
use base::{Fault, SecretText, Timestamp};
use plan::{Describe, Line};
use serde_json::{Value, json};
use wire::{Request, Retry};

use crate::effects::Effect;
use crate::shared::Shared;

/// How long the other side may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where changes are posted.
#[derive(Clone)]
pub struct Webhook {
    client: wire::Client,
    url: SecretText,
}

impl Webhook {
    /// A web hook at this address, which may hold a token.
    #[must_use]
    pub fn new(client: wire::Client, url: SecretText) -> Self {
        Self { client, url }
    }
}

/// One post.
pub(super) struct Post {
    pub webhook: Webhook,
    pub body: Value,
}

/// What is said of a change: `created`, `updated` or `deleted`.
pub(super) fn body(kind: ResourceKind, namespace: &str, name: &str, happened: &str, now: Timestamp) -> Value {
    let resource = match kind {
        ResourceKind::ConfigMap => "configmap",
        ResourceKind::Secret => "secret",
        ResourceKind::SecretProviderClass => "secretproviderclass",
    };
    json!({
        "webhook": "update successful",
        "kind": resource,
        "namespace": namespace,
        "resourceName": name,
        "resourceType": kind.token(),
        "action": happened,
        "timestamp": plan::conditions::rfc3339(now),
    })
}

impl Describe for Post {
    fn describe(&self) -> Vec<Line> {
        let text = |field: &str| self.body[field].as_str().unwrap_or_default();
        vec![Line::note(format!(
            "post to the web hook that {} `{}` was {}",
            text("kind"),
            text("resourceName"),
            text("action")
        ))]
    }
}

impl Effect for Post {
    type Answer = ();

    async fn perform(self, _shared: &Shared) -> Result<(), Fault> {
        let request = Request::post(self.webhook.url.expose())?.json(&self.body).timeout(TIMEOUT);
        let answer = self.webhook.client.send(&request, &Retry::never()).await?;
        // The answer's body is not logged: nothing says what an address of the user's choice puts into it.
        tracing::info!(status = answer.status.as_u16(), "the web hook answered");
        Ok(())
    }

    fn assumed(&self) -> Option<()> {
        Some(())
    }
}
