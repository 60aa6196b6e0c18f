//! The rows of ExternalSecrets on OpenBao: one created on an idle operator, two hundred on one remote secret at once, their rounds
//! without and with a change, and a restart with them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::audit::{Audit, Request, milliseconds, seconds_between};
use crate::figure::{Figure, Report};
use crate::lab::{Lab, PATIENCE};
use crate::one_process::median;
use crate::running::Running;
use crate::vault::{Vault, logins, reads};

/// Enough for a median.
const SINGLE: usize = 21;
const MANY: usize = 200;
/// How often each of the many is refreshed.
const INTERVAL: Duration = Duration::from_secs(20);
/// So long the operator must have asked nothing to be at rest.
const QUIET: Duration = Duration::from_millis(1500);

const API: &str = "external-secrets.io/v1";

struct Stage<'a> {
    lab: &'a Lab,
    vault: Vault,
    namespace: String,
    /// One API write alone and among many, in milliseconds.
    write: (f64, f64),
}

pub async fn measure(lab: &Lab, report: &mut Report) -> Result<(), String> {
    let stage = Stage {
        lab,
        vault: Vault::start().await?,
        namespace: lab.namespace("external").await,
        write: lab.write_floor().await?,
    };
    stage.vault.put("one").await?;
    let operator = lab.operator().await?;
    stage.store().await?;
    stage.one_by_one(report).await?;
    lab.clear("externalsecrets", &stage.namespace)?;
    // Another store, so that its login counts.
    lab.clear("secretstores", &stage.namespace)?;
    sleep(QUIET).await;
    stage.vault.take();
    stage.store().await?;
    let created = stage.at_once(report).await?;
    stage.round_without_change(report, created).await?;
    stage.round_with_change(report).await?;
    stage.restart(report, operator).await?;
    lab.clear("externalsecrets", &stage.namespace)
}

impl Stage<'_> {
    /// A store that logs in by role, ready.
    async fn store(&self) -> Result<(), String> {
        let (id, secret) = self.vault.role().await?;
        let login = json!({"path": "approle", "roleId": id, "secretRef": {"name": "login", "key": "id"}});
        let provider = json!({"vault": {"server": self.vault.address, "path": "secret", "version": "v2",
            "auth": {"appRole": login}}});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": self.namespace},
            "stringData": {"id": secret}});
        let store = json!({"apiVersion": API, "kind": "SecretStore", "metadata": {"name": "bao", "namespace": self.namespace},
            "spec": {"provider": provider}});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [secret, store]});
        self.lab.kubectl(&["apply", "-f", "-"], list.to_string().as_bytes())?;
        let words =
            ["wait", "secretstore/bao", "--for=condition=ready", "--timeout=30s", "--namespace", &self.namespace];
        self.lab.kubectl(&words, b"").map(drop)
    }

    fn external_secret(&self, name: &str) -> Value {
        let interval = format!("{}s", INTERVAL.as_secs());
        json!({"apiVersion": API, "kind": "ExternalSecret", "metadata": {"name": name}, "spec": {
            "refreshInterval": interval, "secretStoreRef": {"name": "bao", "kind": "SecretStore"},
            "data": [{"secretKey": "password", "remoteRef": {"key": "bench", "property": "password"}}]}})
    }

    async fn one_by_one(&self, report: &mut Report) -> Result<(), String> {
        report.begin("ExternalSecret created → Secret written (idle operator, OpenBao on loopback)");
        let mut times = Vec::new();
        let mut all = self.lab.audit()?;
        for n in 0..SINGLE {
            let mut audit = self.lab.audit()?;
            let name = format!("one-{n}");
            self.lab.all(&[self.external_secret(&name)], Some(&self.namespace)).await?;
            let written = |request: &Request| request.is("create", "secrets") && request.code == 201;
            let written = audit.until(&self.lab.user, 1, PATIENCE, written).await?;
            let created = audit.of(&self.lab.ours, |request| request.is("create", "externalsecrets"))?;
            times.extend(created.iter().zip(&written).map(|(from, to)| milliseconds(from.done, to.done)));
            // Beyond a tick, so that each reads for itself, and the operator is idle again.
            sleep(Duration::from_millis(250)).await;
        }
        let asked = objects(&mut all, &self.lab.user, &self.namespace)?;
        let time = Figure::new("created to written", median(times), "ms").goal(20.0).peer(41.0);
        report.tell(&time.floor(self.write.0, "one write of the Secret"));
        let each = Figure::new("requests an object", asked.len() as f64 / SINGLE as f64, "").goal(3.0).peer(8.6);
        report.tell(&each.floor(3.0, "Secret, status, event"));
        tell_kinds(&asked);
        Ok(())
    }

    async fn at_once(&self, report: &mut Report) -> Result<Instant, String> {
        report.begin("200 ExternalSecrets on one remote secret, created at once");
        let mut audit = self.lab.audit()?;
        let all: Vec<Value> = (0..MANY).map(|n| self.external_secret(&format!("many-{n}"))).collect();
        let begun = Instant::now();
        self.lab.all(&all, Some(&self.namespace)).await?;
        let written = |request: &Request| request.is("create", "secrets") && request.code == 201;
        let written = audit.until(&self.lab.user, MANY, PATIENCE, written).await?;
        let created = audit.of(&self.lab.ours, |request| request.is("create", "externalsecrets"))?;
        audit.quiet(&self.lab.user, QUIET, PATIENCE).await?;
        let (asked, vault) = (objects(&mut audit, &self.lab.user, &self.namespace)?, self.vault.take());
        let time = Figure::new("first created to last written", seconds_between(&created, &written), "s").goal(3.0);
        let floor = self.write.1 * 2.0 * MANY as f64 / 1e3;
        report.tell(&time.peer(20.9).floor(floor, "their creation and 200 writes at once"));
        report.tell(
            &Figure::new("reads at OpenBao", reads(&vault).len() as f64, "").goal(2.0).peer(292.0).floor(1.0, "one"),
        );
        report.tell(&Figure::new("logins", logins(&vault) as f64, "").goal(1.0).peer(294.0).floor(1.0, "one"));
        let each = Figure::new("requests an object", asked.len() as f64 / MANY as f64, "").goal(3.0).peer(9.8);
        report.tell(&each.floor(3.0, "Secret, status, event"));
        tell_kinds(&asked);
        Ok(begun)
    }

    async fn round_without_change(&self, report: &mut Report, created: Instant) -> Result<(), String> {
        report.begin("a round of these 200 without change");
        // Between two rounds: the first came an interval after their creation.
        let middle = created + INTERVAL + INTERVAL / 2;
        sleep_until(middle).await;
        self.vault.take();
        let mut audit = self.lab.audit()?;
        sleep_until(middle + INTERVAL).await;
        let asked = audit.work(&self.lab.user)?;
        let writes = asked.iter().filter(|request| request.is_write()).count();
        report.tell(&Figure::new("writes", writes as f64, "").goal(0.0).peer(211.0).floor(0.0, "nothing changes"));
        let round = self.vault.take();
        report.tell(
            &Figure::new("reads at OpenBao", reads(&round).len() as f64, "").goal(2.0).peer(212.0).floor(1.0, "one"),
        );
        tell_kinds(&asked);
        Ok(())
    }

    async fn round_with_change(&self, report: &mut Report) -> Result<(), String> {
        report.begin("a round of these 200 with a change");
        let mut audit = self.lab.audit()?;
        self.vault.put("two").await?;
        let updated = |request: &Request| request.is("update", "secrets") && request.code == 200;
        let updated = audit.until(&self.lab.user, MANY, PATIENCE, updated).await?;
        audit.quiet(&self.lab.user, QUIET, PATIENCE).await?;
        let (asked, vault) = (objects(&mut audit, &self.lab.user, &self.namespace)?, self.vault.take());
        let found = reads(&vault);
        let first = found.first().map(|read| read.at).ok_or("nothing was read")?;
        let last = updated.iter().map(|request| request.done).max().unwrap_or(first);
        let time = Figure::new("first read to last written", milliseconds(first, last) / 1e3, "s").goal(3.0).peer(20.4);
        report.tell(&time.floor(self.write.1 * MANY as f64 / 1e3, "200 writes at once"));
        report.tell(&Figure::new("reads at OpenBao", found.len() as f64, "").goal(2.0).peer(203.0).floor(1.0, "one"));
        let each = Figure::new("requests an object", asked.len() as f64 / MANY as f64, "").goal(3.0);
        report.tell(&each.floor(3.0, "Secret, status, event"));
        tell_kinds(&asked);
        Ok(())
    }

    async fn restart(&self, report: &mut Report, operator: Running) -> Result<(), String> {
        report.begin("restart with these 200, 30 s");
        drop(operator);
        let mut audit = self.lab.audit()?;
        let operator = self.lab.start(&["operator", "--listen-addr", "127.0.0.1:0"])?;
        sleep(Duration::from_secs(30)).await;
        let asked = audit.work(&self.lab.user)?;
        let writes = asked.iter().filter(|request| request.is_write()).count();
        report.tell(&Figure::new("writes", writes as f64, "").goal(0.0).peer(295.0).floor(0.0, "nothing changed"));
        tell_kinds(&asked);
        drop(operator);
        Ok(())
    }
}

/// What was asked for the objects of a namespace.
fn objects(audit: &mut Audit, user: &str, namespace: &str) -> Result<Vec<Request>, String> {
    Ok(audit.work(user)?.into_iter().filter(|request| request.namespace == namespace).collect())
}

/// Which requests these were, the most frequent first.
pub fn tell_kinds(asked: &[Request]) {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for request in asked {
        *counts.entry(format!("{} {} {}", request.verb, request.resource, request.code)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let words: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if !words.is_empty() {
        println!("    {}", words.join(", "));
    }
}
