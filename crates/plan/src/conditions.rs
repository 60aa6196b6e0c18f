//! The conditions of a status: one entry a type, whose transition time moves only when its status does.
//! Not here: which conditions a kind has and what they say; that is each decision's.

pub use api::meta::Condition;
use api::meta::Time;
use base::Timestamp;

/// A condition that starts now.
#[must_use]
pub fn condition(kind: &str, is_true: bool, reason: &str, message: &str, now: Timestamp) -> Condition {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Condition {
        type_: kind.to_owned(),
        status: if is_true { "True" } else { "False" }.to_owned(),
        reason: text(reason),
        message: text(message),
        last_update_time: None,
        last_transition_time: Some(time(now)),
        observed_generation: None,
    }
}

/// Puts a condition in place of the earlier one of its type; an unchanged status keeps its transition time.
pub fn set(conditions: &mut Vec<Condition>, mut new: Condition) {
    match conditions.iter_mut().find(|old| old.type_ == new.type_) {
        Some(old) => {
            if old.status == new.status && old.last_transition_time.is_some() {
                new.last_transition_time.clone_from(&old.last_transition_time);
            }
            *old = new;
        }
        None => conditions.push(new),
    }
}

/// A moment as the API writes it: whole seconds.
#[must_use]
pub fn time(moment: Timestamp) -> Time {
    Time(Timestamp::from_second(moment.as_second()).unwrap_or(moment))
}

/// The text of such a moment: `2026-01-01T00:00:00Z`.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a test's own timestamp")
    }

    fn since(condition: &Condition) -> String {
        serde_json::to_value(&condition.last_transition_time).unwrap_or_default().to_string()
    }

    #[test]
    fn an_unchanged_status_keeps_its_transition_time() {
        let mut all = vec![condition("Ready", true, "Synced", "ok", at("2026-01-01T00:00:00Z"))];
        set(&mut all, condition("Ready", true, "Synced", "still", at("2026-01-02T00:00:00Z")));
        assert_eq!(since(&all[0]), "\"2026-01-01T00:00:00Z\"");
        assert_eq!(all[0].message.as_deref(), Some("still"));
        set(&mut all, condition("Ready", false, "Error", "no", at("2026-01-03T00:00:00.9Z")));
        assert_eq!(since(&all[0]), "\"2026-01-03T00:00:00Z\"");
        assert_eq!(all.len(), 1);
    }
}
