//! A store's condition: what validation found becomes Ready, its reason and its event. Events are told on change only; the peer
//! tells one at every look. Specification: ESO §6.8.

use api::external_secrets::secret_store::{SecretStoreStatus, Store};
use api::meta::condition as standing;
use base::duration::GoDuration;
use base::{Fault, Timestamp};

use crate::Event;
use crate::conditions::{self, condition};
use crate::finish::{Finish, Next, Status, StatusForm};

/// What validation found.
pub enum Found {
    /// It works, or there is nothing to check.
    Valid,
    /// The check itself failed, so nobody knows.
    Unknown(Fault),
    /// No client could be made.
    NoClient(Fault),
    /// The provider says no.
    Invalid(Fault),
}

/// What a pass is judged by beside the store.
pub struct Facts<'a> {
    /// What validation found.
    pub found: Found,
    /// What the provider can do: the word for the status.
    pub capabilities: &'a str,
    /// The warning about its maintenance, if it deserves one and is not muted.
    pub maintenance: Option<(&'static str, &'static str)>,
    /// How often stores are looked at that say nothing themselves.
    pub interval: GoDuration,
    /// The moment.
    pub now: Timestamp,
}

/// How the pass ends.
///
/// # Errors
/// The store's interval cannot be read.
pub fn decide(store: &Store, status: Option<&SecretStoreStatus>, facts: Facts<'_>) -> Result<Finish, Fault> {
    let own = store.refresh_interval()?.filter(|interval| interval.is_positive());
    let interval = own.unwrap_or(facts.interval);
    let due = Next::At(interval.after(facts.now));
    let (is_ready, reason, message, cause) = match facts.found {
        Found::Valid => (true, "Valid", "store validated", None),
        Found::Unknown(fault) => (true, "ValidationUnknown", "could not determine validation status", Some(fault)),
        Found::NoClient(fault) => (false, "InvalidProviderConfig", "unable to create client", Some(fault)),
        Found::Invalid(fault) => (false, "InvalidProviderConfig", "unable to validate store", Some(fault)),
    };
    let mut status = status.cloned().unwrap_or_default();
    let before = standing(&status.conditions, "Ready").cloned();
    let changed = before.is_none_or(|before| before.reason.as_deref() != Some(reason) || before.is_true() != is_ready);
    let mut finish = Finish::default();
    if changed {
        finish.events.push(match &cause {
            None => Event::normal(reason, message),
            Some(fault) => Event::warning(reason, fault.chain()),
        });
        if is_ready && let Some((reason, message)) = facts.maintenance {
            finish.events.push(Event::warning(reason, message));
        }
    }
    // The peer tells the cause in events only (ESO §13.3, #6832).
    let message = cause.map_or_else(|| message.to_owned(), |fault| format!("{message}: {}", fault.chain()));
    conditions::set(&mut status.conditions, condition("Ready", is_ready, reason, &message, facts.now));
    if is_ready {
        status.capabilities = Some(facts.capabilities.to_owned());
    }
    let value = serde_json::to_value(&status).unwrap_or_default();
    finish.status = Some(Status { value, form: StatusForm::MergePatch });
    finish.failed = !is_ready;
    finish.next = if is_ready { due } else { Next::Retry };
    Ok(finish)
}

#[cfg(test)]
mod tests {
    use api::external_secrets::StoreKind;
    use api::external_secrets::secret_store::SecretStoreSpec;

    use super::*;

    fn store() -> Store {
        Store {
            kind: StoreKind::SecretStore,
            name: "s".into(),
            namespace: "n".into(),
            uid: "u".into(),
            generation: 1,
            spec: SecretStoreSpec::default(),
            ready: None,
            is_deleting: false,
        }
    }

    fn run(found: Found, status: Option<&SecretStoreStatus>) -> Finish {
        let now = "2026-01-01T00:00:00Z".parse().expect("a test's own timestamp");
        let interval = GoDuration::from_seconds(300);
        let facts = Facts { found, capabilities: "ReadWrite", maintenance: None, interval, now };
        decide(&store(), status, facts).expect("the store's interval can be read")
    }

    #[test]
    fn every_outcome_has_the_peers_words() {
        for (found, expected, is_warning) in [
            (Found::Valid, "True Valid store validated", false),
            (Found::Unknown(Fault::busy("x")), "True ValidationUnknown could not determine validation status: x", true),
            (Found::NoClient(Fault::wrong("x")), "False InvalidProviderConfig unable to create client: x", true),
            (Found::Invalid(Fault::denied("x")), "False InvalidProviderConfig unable to validate store: x", true),
        ] {
            let finish = run(found, None);
            let status = finish.status.expect("a status").value;
            let ready = &status["conditions"][0];
            let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
            assert_eq!(format!("{} {} {}", text("status"), text("reason"), text("message")), expected);
            assert_eq!(finish.events[0].severity == crate::Severity::Warning, is_warning);
        }
    }

    #[test]
    fn a_second_look_tells_and_changes_nothing() {
        let first = run(Found::Valid, None);
        let status: SecretStoreStatus =
            serde_json::from_value(first.status.expect("a status").value).expect("it is one");
        let second = run(Found::Valid, Some(&status));
        assert!(second.events.is_empty());
        assert_eq!(second.status.expect("a status").value, serde_json::to_value(&status).expect("JSON"));
        assert!(matches!(second.next, Next::At(_)));
    }
}
