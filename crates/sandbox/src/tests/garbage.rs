//! Finalizers, owner references, namespaces.

use kube::ResourceExt as _;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::json;

use super::{create, object, refusal, sandbox, secret, secrets, widget, widgets};

fn owned(name: &str, owners: &[&DynamicObject]) -> DynamicObject {
    let mut owned = secret(name, "x");
    let reference = |owner: &&DynamicObject| {
        serde_json::from_value(json!({
            "apiVersion": "example.com/v1", "kind": "Widget", "name": owner.name_any(), "uid": owner.uid(),
        }))
        .expect("a reference")
    };
    owned.metadata.owner_references = Some(owners.iter().map(reference).collect());
    owned
}

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_taken_away() {
    let sandbox = sandbox();
    let api = widgets(&sandbox.client());
    let mut held = widget("w", 1);
    held.metadata.finalizers = Some(vec!["example.com/one".to_owned()]);
    create(&api, &held).await;
    let marked = api.delete("w", &DeleteParams::default()).await.expect("it is taken").left().expect("it stands");
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(marked.metadata.generation, Some(2));
    let more = Patch::Merge(json!({ "metadata": { "finalizers": ["example.com/one", "example.com/two"] } }));
    let (code, _, text) = refusal(api.patch("w", &PatchParams::default(), &more).await);
    let expected = "Widget.example.com \"w\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if \
                    the object is being deleted, found new finalizers []string{\"example.com/two\"}";
    assert_eq!((code, text.as_str()), (422, expected));
    let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    api.patch("w", &PatchParams::default(), &none).await.expect("the last answer shows it");
    assert_eq!(refusal(api.get("w").await).0, 404);
}

#[tokio::test]
async fn dependents_go_with_their_last_owner() {
    let sandbox = sandbox();
    let client = sandbox.client();
    let (widgets, secrets) = (widgets(&client), secrets(&client));
    let (one, two) = (create(&widgets, &widget("one", 1)).await, create(&widgets, &widget("two", 1)).await);
    create(&secrets, &owned("single", &[&one])).await;
    create(&secrets, &owned("shared", &[&one, &two])).await;
    widgets.delete("one", &DeleteParams::default()).await.expect("it goes");
    assert_eq!(refusal(secrets.get("single").await).0, 404);
    assert_eq!(secrets.get("shared").await.expect("it stays").owner_references().len(), 1);
    widgets.delete("two", &DeleteParams::orphan()).await.expect("it goes");
    assert!(secrets.get("shared").await.expect("it is an orphan").owner_references().is_empty());
}

#[tokio::test]
async fn an_owner_that_never_was_keeps_nothing_alive() {
    let sandbox = sandbox();
    let client = sandbox.client();
    let mut ghost = widget("ghost", 1);
    ghost.metadata.uid = Some("22222222-2222-4222-8222-222222222222".to_owned());
    create(&secrets(&client), &owned("lost", &[&ghost])).await;
    assert_eq!(refusal(secrets(&client).get("lost").await).0, 404);
    let mut foreign = owned("kept", &[&ghost]);
    foreign.metadata.owner_references.as_mut().expect("one")[0].kind = "Unserved".to_owned();
    create(&secrets(&client), &foreign).await;
    secrets(&client).get("kept").await.expect("what is owned by an unknown kind is left alone");
}

#[tokio::test]
async fn a_namespace_takes_its_content_along_and_waits_for_finalizers() {
    let sandbox = sandbox();
    let client = sandbox.client();
    let mut held = widget("w", 1);
    held.metadata.finalizers = Some(vec!["example.com/one".to_owned()]);
    create(&widgets(&client), &held).await;
    create(&secrets(&client), &secret("db", "x")).await;
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(client.clone());
    namespaces.delete("demo", &DeleteParams::default()).await.expect("it is taken");
    assert_eq!(refusal(secrets(&client).get("db").await).0, 404);
    let (code, _, text) = refusal(secrets(&client).create(&Default::default(), &secret("late", "x")).await);
    let expected = "secrets \"late\" is forbidden: unable to create new content in namespace demo because it is being \
                    terminated";
    assert_eq!((code, text.as_str()), (403, expected));
    let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    widgets(&client).patch("w", &PatchParams::default(), &none).await.expect("it goes");
    assert_eq!(refusal(namespaces.get("demo").await).0, 404);
    create(&secrets(&client), &object(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "new" } })))
        .await;
}
