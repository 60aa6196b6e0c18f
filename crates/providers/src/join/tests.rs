use std::sync::atomic::{AtomicUsize, Ordering};

use base::fingerprint::FingerprintKey;
use base::{Opening, SecretMap, SecretValue};
use source::SecretsClient;

use super::*;

/// Counts reads; `broken` makes them fail.
#[derive(Default)]
struct Counting {
    reads: AtomicUsize,
    broken: bool,
}

impl SecretsClient for Counting {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move {
            self.reads.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            if self.broken {
                return Err(Fault::denied(format!("cannot read `{}`", at.key)).because("403"));
            }
            Ok(Payload::bytes(at.key.as_str()))
        })
    }

    fn select(&self, _: &Locator, _: &Payload, _: Option<&str>) -> Result<SecretValue, Fault> {
        Err(Fault::bug("not asked here"))
    }

    fn entries(&self, _: &Locator, _: &Payload, _: Option<&str>) -> Result<SecretMap, Fault> {
        Err(Fault::bug("not asked here"))
    }
}

fn connection(text: &str) -> Fingerprint {
    FingerprintKey::new([1; 32]).digest().with(text.as_bytes()).finish()
}

/// One pass over that object.
fn reader(name: usize, pass: u64) -> Reader {
    Reader { object: ObjectRef::new("ExternalSecret", "app", name.to_string()), pass }
}

async fn many(joined: &Joined, counting: &Arc<Counting>, whose: &[&str]) -> usize {
    let client: Client = Arc::<Counting>::clone(counting);
    let place = Locator::of("app/db");
    let readers: Vec<Reader> = (0..whose.len()).map(|name| reader(name, 1)).collect();
    let reads =
        whose.iter().zip(&readers).map(|(name, reader)| joined.fetch(reader, connection(name), &client, &place));
    futures::future::join_all(reads).await.iter().filter(|answer| answer.is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn two_hundred_users_are_one_read_and_the_next_round_is_another() {
    let (joined, counting) = (Joined::default(), Arc::new(Counting::default()));
    assert_eq!(many(&joined, &counting, &["a"; 200]).await, 200);
    assert_eq!(counting.reads.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    many(&joined, &counting, &["a"]).await;
    assert_eq!(counting.reads.load(Ordering::SeqCst), 1, "the same tick");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(joined.entries().is_empty(), "wiped after the tick, without anybody asking");
    many(&joined, &counting, &["a"]).await;
    assert_eq!(counting.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_gets_what_is_new() {
    let (joined, counting) = (Joined::default(), Arc::new(Counting::default()));
    let client: Client = Arc::<Counting>::clone(&counting);
    let place = Locator::of("app/db");
    // Which object, in which pass, and how many reads there were then.
    let asked = [(1, 1, 1), (1, 1, 1), (2, 2, 1), (1, 3, 2), (2, 4, 2), (2, 5, 3)];
    for (object, pass, reads) in asked {
        let answer = joined.fetch(&reader(object, pass), connection("a"), &client, &place).await;
        assert!(answer.is_ok());
        assert_eq!(counting.reads.load(Ordering::SeqCst), reads, "object {object}, pass {pass}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_credentials_never_join() {
    let (joined, counting) = (Joined::default(), Arc::new(Counting::default()));
    many(&joined, &counting, &["a", "b", "a"]).await;
    assert_eq!(counting.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_shared_with_those_who_wait_and_kept_for_nobody() {
    let (joined, counting) = (Joined::default(), Arc::new(Counting { broken: true, ..Counting::default() }));
    assert_eq!(many(&joined, &counting, &["a"; 50]).await, 0);
    assert_eq!(counting.reads.load(Ordering::SeqCst), 1);
    many(&joined, &counting, &["a"]).await;
    assert_eq!(counting.reads.load(Ordering::SeqCst), 2);
    let client: Client = counting;
    let fault =
        joined.fetch(&reader(1, 1), connection("a"), &client, &Locator::of("x")).await.err().map(|fault| fault.chain());
    assert_eq!(fault.as_deref(), Some("cannot read `x`: 403"));
}
