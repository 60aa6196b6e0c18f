//! The message that tells a chat of a reload, and the form each sink takes it in. Pure: who sends it is `operator`.
//! Specification: RL §15.4.

use serde_json::json;

use super::{Cause, Kind};

/// Where alerts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sink {
    /// Slack's incoming web hooks.
    Slack,
    /// Microsoft Teams.
    Teams,
    /// Google Chat.
    GoogleChat,
    /// Anything that takes text.
    #[default]
    Raw,
}

impl Sink {
    /// The sink that a word names, whatever its case; every other word means text.
    #[must_use]
    pub fn named(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "slack" => Self::Slack,
            "teams" => Self::Teams,
            "gchat" => Self::GoogleChat,
            _ => Self::Raw,
        }
    }

    /// Media type and body of the request.
    #[must_use]
    pub fn body(self, message: &str) -> (&'static str, String) {
        const JSON: &str = "application/json";
        match self {
            Self::Slack => {
                let attachment = json!({ "author_name": "Reloader", "color": "good", "text": message });
                (JSON, json!({ "attachments": [attachment] }).to_string())
            }
            Self::Teams | Self::GoogleChat => (JSON, json!({ "text": message }).to_string()),
            Self::Raw => ("text/plain", message.replace('*', "")),
        }
    }

    /// Whether an answer of this status means that the message arrived. Teams' own workflows say 202, which the peer calls an
    /// error.
    #[must_use]
    pub fn accepts(self, status: u16) -> bool {
        match self {
            // Redirects are not followed, so they are no success.
            Self::Slack | Self::Raw => status < 300,
            Self::Teams | Self::GoogleChat => (200..300).contains(&status),
        }
    }
}

/// The message; `info` is what every alert of this process begins with.
#[must_use]
pub fn message(cause: &Cause, namespace: &str, workload: &str, kind: Kind, info: &str) -> String {
    let message = format!(
        "Reloader detected changes in *{}* of type *{}* in namespace *{namespace}*. Hence reloaded *{workload}* of type *{}* in namespace *{namespace}*",
        cause.name,
        cause.kind.token(),
        kind.as_str()
    );
    if info.is_empty() { message } else { format!("{info} : {message}") }
}
