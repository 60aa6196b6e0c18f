//! Writes that meet somebody else's. Specification: design §11.3.

use api::PushSecret;
use sandbox::Sandbox;
use serde_json::json;

use super::*;

fn pushed(spec: &Value) -> Value {
    json!({"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"namespace": "n", "name": "out"}, "spec": spec})
}

/// An object that was deleted and made again while a pass ran: the pass's status is not that of the new one.
#[tokio::test]
async fn a_status_is_not_written_on_another_object_of_the_name() {
    let sandbox = Sandbox::new();
    for crd in api::kinds::crds(&api::kinds::Unions::default()) {
        sandbox.register(&crd).expect("a definition");
    }
    let api = kube::Api::<PushSecret>::namespaced(sandbox.client(), "n");
    let made = async |name: &str| {
        let object: PushSecret = serde_json::from_value(pushed(
            &json!({"secretStoreRefs": [{"name": name}], "selector": {"secret": {"name": "src"}}}),
        ))
        .expect("a test's own object");
        api.create(&kube::api::PostParams::default(), &object).await.expect("it can be made")
    };
    let first = made("a").await;
    api.delete("out", &kube::api::DeleteParams::default()).await.expect("it can be deleted");
    let second = made("b").await;
    let cluster = Cluster::new(sandbox.client());
    let status = || Status { value: json!({"syncedResourceVersion": "1-x"}), form: plan::finish::StatusForm::Put };
    let write = async |o: &PushSecret| {
        let version = first.metadata.resource_version.clone().unwrap_or_default();
        let (at, is_same) = (o.address(), |_: &[u8]| true);
        let decided = Decided { at: &at, uid: o.uid(), resource_version: version, is_same: &is_same };
        write_status(&cluster, decided, status(), "external-secrets").await.map(drop)
    };
    let fault = write(&first).await.expect_err("the first one is gone");
    assert_eq!(fault.kind(), Kind::NotFound, "{}", fault.chain());
    let standing = async || api.get("out").await.expect("it stands").status;
    assert_eq!(standing().await, None);
    write(&second).await.expect("an old version is read again");
    assert!(standing().await.is_some());
}
