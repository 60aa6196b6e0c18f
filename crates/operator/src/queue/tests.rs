use std::time::Duration;

use super::*;

fn key(name: &str) -> Key {
    Key { row: 0, namespace: "demo".into(), name: name.into() }
}

async fn taken(queue: &Queue) -> String {
    queue.next().await.map(|work| work.key.name.to_string()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_change_during_the_work_brings_the_key_back_once() {
    let queue = Queue::new();
    queue.add(key("a"), Lane::Changed);
    queue.add(key("a"), Lane::Changed);
    assert_eq!(taken(&queue).await, "a");
    queue.add(key("a"), Lane::Changed);
    queue.add(key("a"), Lane::Due);
    assert_eq!(queue.depth(), 0);
    queue.done(&key("a"), Outcome::Settled);
    assert_eq!(taken(&queue).await, "a");
    queue.done(&key("a"), Outcome::Settled);
    assert_eq!((queue.depth(), queue.running()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_new_object_does_not_wait_behind_those_that_are_due() {
    let queue = Queue::new();
    for n in 0..1_000 {
        queue.add(key(&format!("due-{n}")), Lane::Due);
    }
    queue.add(key("new"), Lane::Changed);
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(taken(&queue).await);
    }
    assert!(first.contains(&"new".to_owned()), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn no_lane_starves() {
    let queue = Queue::new();
    queue.add(key("startup"), Lane::Startup);
    for n in 0..100 {
        queue.add(key(&format!("changed-{n}")), Lane::Changed);
    }
    let mut order = Vec::new();
    for _ in 0..10 {
        order.push(taken(&queue).await);
    }
    assert!(order.contains(&"startup".to_owned()), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn timers_ripen_and_failures_count() {
    let queue = Queue::new();
    queue.add(key("a"), Lane::Changed);
    let _ = queue.next().await;
    let soon = Instant::now() + Duration::from_secs(5);
    queue.done(&key("a"), Outcome::RetryAt(soon));
    let work = queue.next().await.unwrap();
    assert_eq!((work.failures, work.lane), (1, Lane::Retry));
    assert!(Instant::now() >= soon);
    queue.done(&key("a"), Outcome::At(Instant::now() + Duration::from_secs(60)));
    queue.add(key("a"), Lane::Changed);
    let work = queue.next().await.unwrap();
    assert_eq!((work.failures, work.lane), (0, Lane::Changed));
    queue.done(&key("a"), Outcome::Settled);
    let nothing = tokio::time::timeout(Duration::from_secs(120), queue.next()).await;
    assert!(nothing.is_err(), "a settled key has no timer left");
}

#[tokio::test(start_paused = true)]
async fn idle_ignores_timers_and_waits_for_work() {
    let queue = Arc::new(Queue::new());
    queue.add(key("later"), Lane::Changed);
    let _ = queue.next().await;
    queue.done(&key("later"), Outcome::At(Instant::now() + Duration::from_secs(3_600)));
    queue.add(key("now"), Lane::Changed);
    let _ = queue.next().await;
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.idle().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    queue.done(&key("now"), Outcome::Settled);
    waiting.await.unwrap();
}
