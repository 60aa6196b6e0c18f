//! Keys that sign calls to AWS, and until when. Where they come from is the business of [`crate::aws::session`] and its chain.
//! Specification: ESO §10.1, VALS §11.6.

use base::{SecretText, Timestamp};

/// Keys that sign calls.
#[derive(Clone)]
pub struct Credentials {
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretText,
    /// What temporary keys carry beside them.
    pub session_token: Option<SecretText>,
    /// When they end; none: they do not.
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Whether they are good for calls that begin now.
    #[must_use]
    pub fn are_fresh(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end.duration_since(now) > jiff::SignedDuration::from_secs(REFRESH_SECONDS))
    }

    pub(crate) fn for_signing(&self) -> reqsign_aws_v4::Credential {
        reqsign_aws_v4::Credential {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.expose().to_owned(),
            session_token: self.session_token.as_ref().map(|token| token.expose().to_owned()),
            // We judge ourselves; a clock that is ahead must not keep us from asking.
            expires_in: None,
        }
    }
}

/// How long before their end keys are got anew: more than any call takes, retries included.
const REFRESH_SECONDS: i64 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fresh_until_two_minutes_before_their_end() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let cases = [
            (None, true),
            (Some("2026-01-01T00:02:00Z"), false),
            (Some("2026-01-01T00:02:01Z"), true),
            (Some("2025-01-01T00:00:00Z"), false),
        ];
        for (end, expected) in cases {
            let keys = Credentials {
                access_key_id: String::new(),
                secret_access_key: SecretText::default(),
                session_token: None,
                expires_at: end.map(|end| end.parse().unwrap()),
            };
            assert_eq!(keys.are_fresh(now), expected, "{end:?}");
        }
    }
}
