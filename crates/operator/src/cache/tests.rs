//! What a store finds and tells. Watches themselves are seen in scenarios on the sandbox. Specification: design §11.4.

use std::sync::Mutex;

use api::PushSecret;
use serde_json::json;

use super::*;

fn object(namespace: &str, name: &str, version: u32, generation: i64) -> (Name, PushSecret) {
    let meta =
        json!({"namespace": namespace, "name": name, "resourceVersion": version.to_string(), "generation": generation});
    let spec = json!({"secretStoreRefs": [], "selector": {}});
    let object: PushSecret =
        serde_json::from_value(json!({"metadata": meta, "spec": spec})).expect("a test's own object");
    (name_of(&object.metadata), object)
}

#[test]
fn the_objects_of_a_namespace_are_found_without_the_others() {
    let store = Store::<PushSecret>::default();
    for (namespace, name) in [("a", "z"), ("b", "y"), ("b", "x"), ("b-c", "w"), ("", "v"), ("ba", "u")] {
        let (name, object) = object(namespace, name, 1, 1);
        store.learn(name, object);
    }
    let names = |namespace: &str| {
        let here = store.within(namespace);
        here.iter().map(|object| object.metadata.name.clone().unwrap_or_default()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((names("b").as_str(), names("").as_str(), names("c").as_str()), ("x y", "v", ""));
}

/// The answer to a write of the status holds a spec that somebody changed meanwhile: the watch, which comes later with the same
/// version, is no news then.
#[test]
fn what_an_answer_shows_is_told_once() {
    let store = Store::<PushSecret>::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    store.listen(move |changed: &Changed<PushSecret>| {
        let generation =
            |object: &Option<Arc<PushSecret>>| object.as_ref().and_then(|object| object.metadata.generation);
        let pair = (generation(&changed.before), generation(&changed.after));
        listener.lock().unwrap_or_else(PoisonError::into_inner).push(pair);
    });
    for (version, generation) in [(1, 1), (3, 2), (3, 2), (2, 2)] {
        let (name, object) = object("n", "out", version, generation);
        store.learn(name, object);
    }
    assert_eq!(*told.lock().unwrap_or_else(PoisonError::into_inner), [(None, Some(1)), (Some(1), Some(2))]);
}
