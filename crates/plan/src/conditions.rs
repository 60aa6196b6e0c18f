//! The conditions of a status: one entry a type, whose transition time moves only when its status does.

use base::Timestamp;
use serde::{Deserialize, Serialize};

/// One condition, in the API's form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Synced`, …
    pub r#type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word that scripts grep for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When the status last changed, RFC 3339 in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<String>,
    /// The generation that was judged, where the peer writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the condition was last judged, where the peer writes it (SS §3.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<String>,
}

impl Condition {
    /// A condition that starts now.
    #[must_use]
    pub fn new(kind: &str, is_true: bool, reason: &str, message: &str, now: Timestamp) -> Self {
        Self {
            r#type: kind.to_owned(),
            status: if is_true { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            last_transition_time: Some(rfc3339(now)),
            observed_generation: None,
            last_update_time: None,
        }
    }
}

/// Puts a condition in place of the earlier one of its type; an unchanged status keeps its transition time.
pub fn set(conditions: &mut Vec<Condition>, mut new: Condition) {
    match conditions.iter_mut().find(|old| old.r#type == new.r#type) {
        Some(old) => {
            if old.status == new.status && old.last_transition_time.is_some() {
                new.last_transition_time.clone_from(&old.last_transition_time);
            }
            *old = new;
        }
        None => conditions.push(new),
    }
}

/// A moment as the API writes it: whole seconds, `Z`.
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

    #[test]
    fn an_unchanged_status_keeps_its_transition_time() {
        let mut all = vec![Condition::new("Ready", true, "Synced", "ok", at("2026-01-01T00:00:00Z"))];
        set(&mut all, Condition::new("Ready", true, "Synced", "still", at("2026-01-02T00:00:00Z")));
        assert_eq!(all[0].last_transition_time.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(all[0].message, "still");
        set(&mut all, Condition::new("Ready", false, "Error", "no", at("2026-01-03T00:00:00.9Z")));
        assert_eq!(all[0].last_transition_time.as_deref(), Some("2026-01-03T00:00:00Z"));
        assert_eq!(all.len(), 1);
    }
}
