//! Watches as kube's watcher and a bare client see them.

use futures::{StreamExt as _, TryStreamExt as _};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, DynamicObject, PostParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event};
use serde_json::json;

use super::{create, sandbox, secret, secrets};

fn say(event: &WatchEvent<DynamicObject>) -> String {
    match event {
        WatchEvent::Added(object) => format!("added {}", object.name_any()),
        WatchEvent::Modified(object) => format!("modified {}", object.name_any()),
        WatchEvent::Deleted(object) => format!("deleted {}", object.name_any()),
        WatchEvent::Bookmark(mark) if mark.metadata.annotations.is_empty() => "bookmark".to_owned(),
        WatchEvent::Bookmark(_) => "bookmark of the end".to_owned(),
        WatchEvent::Error(status) => format!("error {} {}", status.code, status.reason),
    }
}

#[tokio::test]
async fn a_watch_tells_what_happened_after_its_version_and_through_its_selector() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let first = create(&api, &secret("a", "x")).await;
    let from = first.resource_version().expect("a version");
    let watch = api.watch(&WatchParams::default().labels("app=b"), &from).await.expect("a watch");
    let mut watch = std::pin::pin!(watch);
    create(&api, &secret("c", "x")).await;
    let mut entering = first.clone();
    entering.labels_mut().insert("app".to_owned(), "b".to_owned());
    let entered = api.replace("a", &PostParams::default(), &entering).await.expect("it is taken");
    let mut changed = entered.clone();
    changed.data["data"]["password"] = json!("eQ==");
    let changed = api.replace("a", &PostParams::default(), &changed).await.expect("it is taken");
    let mut leaving = changed.clone();
    leaving.labels_mut().clear();
    let left = api.replace("a", &PostParams::default(), &leaving).await.expect("it is taken");
    create(&api, &secret("b", "x")).await;
    api.delete("b", &DeleteParams::default()).await.expect("it goes");
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(watch.try_next().await.expect("no error").expect("an event"));
    }
    let said: Vec<String> = told.iter().map(say).collect();
    assert_eq!(said, ["added a", "modified a", "deleted a", "added b", "deleted b"]);
    let WatchEvent::Deleted(last) = &told[2] else { panic!("not deleted") };
    assert_eq!((last.labels()["app"].as_str(), last.resource_version()), ("b", left.resource_version()));
}

#[tokio::test]
async fn a_streaming_list_ends_with_a_marked_bookmark_and_bookmarks_come_on_demand() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    create(&api, &secret("a", "x")).await;
    let watch = api.watch(&WatchParams::default().initial_events(), "0").await.expect("a watch");
    let mut watch = std::pin::pin!(watch);
    let mut said = Vec::new();
    for _ in 0..2 {
        said.push(say(&watch.try_next().await.expect("no error").expect("an event")));
    }
    assert_eq!(said, ["added a", "bookmark of the end"]);
    sandbox.bookmark("secrets");
    assert_eq!(say(&watch.try_next().await.expect("no error").expect("an event")), "bookmark");
}

#[tokio::test]
async fn what_is_too_old_is_told_410_and_dropped_watches_end() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    let old = create(&api, &secret("a", "x")).await.resource_version().expect("a version");
    let open = api.watch(&WatchParams::default(), &old).await.expect("a watch");
    let mut open = std::pin::pin!(open);
    create(&api, &secret("b", "x")).await;
    assert_eq!(say(&open.try_next().await.expect("no error").expect("an event")), "added b");
    sandbox.expire_watches("secrets");
    assert_eq!(say(&open.try_next().await.expect("no error").expect("an event")), "error 410 Expired");
    assert!(open.next().await.is_none());
    let late = api.watch(&WatchParams::default(), &old).await.expect("the refusal comes in the stream");
    let said: Vec<String> = late.map_ok(|event| say(&event)).try_collect().await.expect("it ends");
    assert_eq!(said, ["error 410 Expired"]);
    let now = create(&api, &secret("c", "x")).await.resource_version().expect("a version");
    let open = api.watch(&WatchParams::default(), &now).await.expect("a watch");
    sandbox.drop_watches("secrets");
    assert_eq!(open.count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_at_its_timeout_with_a_last_bookmark() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    create(&api, &secret("a", "x")).await;
    let watch = api.watch(&WatchParams::default().timeout(100), "0").await.expect("a watch");
    let said: Vec<String> = watch.map_ok(|event| say(&event)).try_collect().await.expect("it ends");
    assert_eq!(said, ["added a", "bookmark", "bookmark"], "one after a minute, one at the end");
}

#[tokio::test]
async fn kubes_watcher_lists_watches_and_comes_back_after_410() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    create(&api, &secret("a", "x")).await;
    let mut events = std::pin::pin!(watcher::watcher(api.clone(), watcher::Config::default().page_size(250)));
    assert!(matches!(events.next().await, Some(Ok(Event::Init))));
    assert!(matches!(events.next().await, Some(Ok(Event::InitApply(_)))));
    assert!(matches!(events.next().await, Some(Ok(Event::InitDone))));
    create(&api, &secret("b", "x")).await;
    assert!(matches!(events.next().await, Some(Ok(Event::Apply(object))) if object.name_any() == "b"));
    assert!(!sandbox.is_delivered(), "the watcher has not come back yet");
    let next = events.next();
    let mut next = std::pin::pin!(next);
    assert!(futures::poll!(&mut next).is_pending());
    assert!(sandbox.is_delivered(), "it took all and waits");
    sandbox.expire_watches("*");
    assert!(matches!(next.await, Some(Err(_))), "410 is an error to the outside");
    assert!(matches!(events.next().await, Some(Ok(Event::Init))), "and then a new list");
}
