//! The lab's OpenBao, by its root: scenarios on real engines prepare mounts, policies and a login with it. Specification: VSO §17, §25.

use std::sync::Arc;

use serde_json::{Value, json};
use wire::vault::session::Keeping;
use wire::vault::{Auth, Call, Connection, Response, Session, variables};

use crate::stage::Stage;
use crate::vault_static_secret::object;

pub struct OpenBao {
    pub root: Arc<Session>,
    address: String,
}

impl OpenBao {
    /// `None`: there is no lab. A lab without it is a failure.
    pub fn find() -> Option<Self> {
        std::env::var_os(testkit::cluster::LAB)?;
        let variable = |name: &str| std::env::var(name).expect("a lab has OpenBao; `cargo xtask lab get` says why not");
        let (address, token) = (variable("KEYWRIGHT_LAB_VAULT"), variable("KEYWRIGHT_LAB_VAULT_TOKEN"));
        let surroundings = wire::Surroundings::none();
        let mut settings = variables::settings(&surroundings, variables::Flavour::Vault).expect("no variable is odd");
        settings.address.clone_from(&address);
        let http = wire::Client::new(wire::client::Settings::default());
        let connection = Connection::open(&http, settings).expect("the lab's address is one");
        let root = Session::open(connection, Auth::Token(wire::SecretSource::from(token.as_str())), Keeping::default());
        Some(Self { root, address })
    }

    pub async fn put(&self, path: &str, body: Value) -> Response {
        let call = Call::write_json(path, &body).expect("JSON");
        self.root.call(&call).await.unwrap_or_else(|fault| panic!("{path}: {}", fault.chain()))
    }

    pub fn data(response: &Response, key: &str) -> String {
        let data: Value = serde_json::from_slice(response.data().unwrap_or_default()).expect("JSON");
        data[key].as_str().unwrap_or_default().to_owned()
    }

    /// A login with this policy (what users have today: VSO §17.4), and the objects that lead to it.
    pub async fn let_in(&self, stage: &Stage, policy: &str) {
        let own = stage.namespace();
        self.put(&format!("sys/policies/acl/{own}"), json!({"policy": policy})).await;
        let login = format!("auth/approle-{own}");
        self.put(&format!("sys/{login}"), json!({"type": "approle"})).await;
        self.put(&format!("{login}/role/app"), json!({"token_policies": [own], "token_ttl": "1h"})).await;
        let role_id = self.root.call(&Call::read(&format!("{login}/role/app/role-id"))).await.expect("it is there");
        let secret_id = self.put(&format!("{login}/role/app/secret-id"), json!({})).await;
        let proof = base::encoding::Base64::Standard.encode(Self::data(&secret_id, "secret_id").as_bytes());
        stage
            .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "proof"}, "data": {"id": proof}}))
            .await;
        stage.apply(object("VaultConnection", "bao", json!({"address": self.address, "skipTLSVerify": false}))).await;
        let auth = json!({"vaultConnectionRef": "bao", "method": "appRole", "mount": format!("approle-{own}"),
            "appRole": {"roleId": Self::data(&role_id, "role_id"), "secretRef": "proof"}});
        stage.apply(object("VaultAuth", "app", auth)).await;
    }
}
