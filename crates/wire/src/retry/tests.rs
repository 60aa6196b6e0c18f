//! The waits, and when there is no further try.

use std::time::Duration;

use base::{Fault, SecretBytes, Timestamp};
use http::{HeaderMap, StatusCode};

use crate::answer::Answer;
use crate::retry::{Budget, Moment, Outcome, Retry, Tries, Wait};

fn answer(status: u16, retry_after: Option<&str>) -> Outcome {
    let mut headers = HeaderMap::new();
    if let Some(text) = retry_after {
        headers.insert("retry-after", text.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    Outcome::Answered(Answer {
        status,
        headers,
        body: SecretBytes::default(),
        place: String::new(),
        hidden: Vec::new(),
    })
}

fn lost(sent: bool, again: bool) -> Outcome {
    Outcome::Lost { fault: Fault::unreachable("x"), sent, again }
}

fn moment(elapsed: u64, draw: f64) -> Moment {
    let now: Timestamp = "2026-08-01T00:00:00Z".parse().unwrap();
    Moment { now, elapsed: Duration::from_secs(elapsed), draw }
}

#[test]
fn waits_grow_and_are_spread() {
    let ms = Duration::from_millis;
    let doubling = Wait::Doubling { first: ms(200), most: ms(1000) };
    let cases = [
        (Wait::Fixed(ms(7)), 3, 0.9, ms(7)),
        (Wait::Between(ms(1000), ms(1500)), 1, 0.0, ms(1000)),
        (Wait::Between(ms(1000), ms(1500)), 2, 0.5, ms(1250)),
        (doubling, 1, 0.0, ms(100)),
        (doubling, 1, 1.0, ms(200)),
        (doubling, 2, 1.0, ms(400)),
        (doubling, 3, 1.0, ms(800)),
        (doubling, 4, 1.0, ms(1000)),
        (doubling, 4000, 1.0, ms(1000)),
    ];
    for (wait, tried, draw, expected) in cases {
        assert_eq!(wait.before(tried, draw), expected, "{wait:?} {tried} {draw}");
    }
}

#[test]
fn what_is_tried_again() {
    let cases = [
        ("connection refused, POST", lost(false, true), false, true),
        ("no answer, POST", lost(true, true), false, false),
        ("no answer, GET", lost(true, true), true, true),
        ("too much, GET", lost(true, false), true, false),
        ("412 at Vault", answer(412, None), false, true),
        ("501 at Vault", answer(501, None), true, false),
        ("504", answer(504, None), true, true),
        ("504, POST", answer(504, None), false, false),
        ("400", answer(400, None), true, false),
    ];
    for (name, outcome, idempotent, expected) in cases {
        let retry = Retry::vault();
        let wait = Tries::new(&retry, idempotent).next(&outcome, moment(0, 0.5), &Budget::default());
        assert_eq!(wait.is_some(), expected, "{name}");
    }
    let retry = Retry::standard();
    assert!(Tries::new(&retry, true).next(&answer(412, None), moment(0, 0.5), &Budget::default()).is_none());
}

#[test]
fn tries_end_by_number_by_time_and_by_budget() {
    let (retry, budget) = (Retry::vault(), Budget::default());
    let mut tries = Tries::new(&retry, true);
    let waits: Vec<_> = (0..4).map(|_| tries.next(&answer(500, None), moment(0, 0.5), &budget)).collect();
    assert_eq!(waits.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, false]);
    let last = retry.total.as_secs();
    assert!(Tries::new(&retry, true).next(&answer(500, None), moment(last, 0.5), &budget).is_none());
    let taken =
        (0..1000).filter(|_| Tries::new(&retry, true).next(&answer(500, None), moment(0, 0.5), &budget).is_some());
    assert_eq!(taken.count(), 98, "two of a hundred were taken above");
    for _ in 0..5 {
        assert!(Tries::new(&retry, true).next(&answer(200, None), moment(0, 0.5), &budget).is_none());
    }
    assert!(
        Tries::new(&retry, true).next(&answer(500, None), moment(0, 0.5), &budget).is_some(),
        "peace gives tries back"
    );
    assert!(Tries::new(&Retry::never(), true).next(&answer(500, None), moment(0, 0.5), &Budget::default()).is_none());
    let settings = Retry::vault().with(5, Some(Duration::from_secs(3)));
    assert_eq!((settings.retries, settings.wait), (5, Wait::Fixed(Duration::from_secs(3))));
    assert!(Retry::vault().with(9, Some(Duration::from_secs(60))).total > Duration::from_secs(540));
    assert_eq!(Retry::vault().with(0, None).wait, Retry::vault().wait);
}

#[test]
fn retry_after_counts_in_both_forms_and_up_to_a_minute() {
    let cases = [
        ("2", Some(2)),
        ("3600", Some(60)),
        ("Sat, 01 Aug 2026 00:00:05 GMT", Some(5)),
        ("Sat, 01 Aug 2020 00:00:05 GMT", Some(0)),
        ("soon", None),
    ];
    for (text, expected) in cases {
        let retry = Retry::vault();
        let wait = Tries::new(&retry, false).next(&answer(429, Some(text)), moment(0, 0.0), &Budget::default());
        assert_eq!(wait, Some(expected.map_or(Duration::from_secs(1), Duration::from_secs)), "{text}");
    }
}
