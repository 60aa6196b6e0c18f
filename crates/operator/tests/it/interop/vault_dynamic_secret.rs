//! VaultDynamicSecret on real parts: OpenBao makes users of a real PostgreSQL, and the operator writes, renews and revokes them.
//! Specification: VSO §7.4, §17, §23.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use wire::vault::Call;

use super::openbao::OpenBao;
use crate::stage::Stage;
use crate::vault_static_secret::{V1, object, start};

const KIND: &str = "VaultDynamicSecret";

/// The lab's OpenBao, and where PostgreSQL is.
struct Lab {
    bao: OpenBao,
    postgres: String,
}

impl Lab {
    fn find() -> Option<Self> {
        let postgres = std::env::var("KEYWRIGHT_LAB_POSTGRES");
        Some(Self {
            bao: OpenBao::find()?,
            postgres: postgres.expect("a lab has PostgreSQL; `cargo xtask lab get` says why not"),
        })
    }

    /// Mounts the engine with a role.
    async fn prepare(&self, own: &str) {
        self.bao.put(&format!("sys/mounts/db-{own}"), json!({"type": "database"})).await;
        let url = format!("postgresql://{{{{username}}}}:{{{{password}}}}@{}/postgres?sslmode=disable", self.postgres);
        let config = json!({"plugin_name": "postgresql-database-plugin", "allowed_roles": ["app", "fixed"],
            "connection_url": url, "username": "postgres", "password": "postgres"});
        self.bao.put(&format!("db-{own}/config/pg"), config).await;
        let create = r#"CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"#;
        let role = json!({"db_name": "pg", "creation_statements": [create], "default_ttl": "30s", "max_ttl": "24h"});
        self.bao.put(&format!("db-{own}/roles/app"), role).await;
    }

    /// What psql says to a statement of this user.
    async fn psql(&self, user: &str, password: &str, statement: &str) -> Result<String, String> {
        let (host, port) = self.postgres.split_once(':').expect("host and port");
        let mut command = tokio::process::Command::new("psql");
        command.args(["-h", host, "-p", port, "-U", user, "-d", "postgres", "-w", "-tAc", statement]);
        let done = command.env("PGPASSWORD", password).output().await.expect("psql runs where PostgreSQL does");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }
}

async fn comes(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !is_so().await {
        assert!(Instant::now() < until, "{what} does not come");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn set(name: &str) -> Option<(Stage, Lab)> {
    let lab = Lab::find()?;
    let mut stage = Stage::new("vault-secrets", name).await;
    let own = stage.namespace().to_owned();
    lab.prepare(&own).await;
    start(&mut stage).await;
    let policy = format!(
        "path \"db-{own}/creds/app\" {{ capabilities = [\"read\"] }}\npath \"db-{own}/static-creds/fixed\" {{ capabilities = [\"read\"] }}\n\
         path \"sys/leases/renew\" {{ capabilities = [\"update\"] }}\npath \"sys/leases/revoke\" {{ capabilities = [\"update\"] }}"
    );
    lab.bao.let_in(&stage, &policy).await;
    Some((stage, lab))
}

fn dynamic(stage: &Stage, path: &str, more: (&str, Value)) -> Value {
    let mut spec = json!({"vaultAuthRef": "app", "mount": format!("db-{}", stage.namespace()), "path": path, "renewalPercent": 0,
        "destination": {"name": "creds", "create": true, "overwrite": false, "transformation": {"excludeRaw": true}}});
    spec[more.0] = more.1;
    object(KIND, "creds", spec)
}

/// User and password as the Secret holds them.
async fn standing(stage: &Stage) -> (String, String) {
    let data = stage.secret("creds").await.unwrap_or_default();
    let value = |key: &str| {
        let found = data.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    (value("username"), value("password"))
}

#[tokio::test]
async fn a_user_of_postgres_lives_as_long_as_its_object() {
    let Some((stage, lab)) = set("postgres-leased").await else { return };
    let wanted = dynamic(&stage, "creds/app", ("revoke", json!(true)));
    stage.apply(wanted.clone()).await;
    let (user, password) = standing(&stage).await;
    assert_eq!(lab.psql(&user, &password, "select current_user").await, Ok(user.clone()));
    let condition = async |name: &str| stage.condition(V1, KIND, "creds", name).await;
    comes("a renewal", async || condition("LeaseRenewal").await.starts_with("True SecretLeaseRenewal:")).await;
    assert_eq!(standing(&stage).await, (user.clone(), password.clone()), "renewed, not replaced");
    let lease = stage.object(V1, KIND, "creds").await.unwrap_or_default()["status"]["secretLease"]["id"].clone();
    let lookup = Call::write_json("sys/leases/lookup", &json!({"lease_id": lease})).expect("JSON");
    assert!(lab.bao.root.call(&lookup).await.is_ok());
    stage.remove(&wanted).await;
    comes("the deletion", async || stage.object(V1, KIND, "creds").await.is_none()).await;
    assert!(lab.bao.root.call(&lookup).await.is_err(), "the lease is revoked");
    comes("the end of the user", async || lab.psql(&user, &password, "select 1").await.is_err()).await;
}

#[tokio::test]
async fn a_rotated_user_of_postgres_reaches_the_secret() {
    let Some((stage, lab)) = set("postgres-static").await else { return };
    let own = stage.namespace().to_owned();
    let user = format!("fixed-{own}");
    lab.psql("postgres", "postgres", &format!("create role \"{user}\" login password 'first'"))
        .await
        .expect("it is made");
    let role = json!({"db_name": "pg", "username": user, "rotation_period": 3600});
    lab.bao.put(&format!("db-{own}/static-roles/fixed"), role).await;
    stage.apply(dynamic(&stage, "static-creds/fixed", ("allowStaticCreds", json!(true)))).await;
    let (name, first) = standing(&stage).await;
    assert_eq!(lab.psql(&name, &first, "select current_user").await.as_ref(), Ok(&user));
    lab.bao.put(&format!("db-{own}/rotate-role/fixed"), json!({})).await;
    let named = dynamic(&stage, "static-creds/fixed", ("allowStaticCreds", json!(true)));
    stage.patch(&named, json!({"metadata": {"annotations": {"read": "again"}}})).await;
    let (_, second) = standing(&stage).await;
    assert_ne!(first, second);
    assert_eq!(lab.psql(&name, &second, "select current_user").await, Ok(user));
}
