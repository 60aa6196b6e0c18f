//! A database engine without a database: leased credentials and static ones.
//! Specification: VSO §17.3, §7.4.5.

use std::collections::BTreeMap;

use base::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::envelope;
use super::terms::{Terms, after};
use crate::http::Answer;

/// Leased and static roles.
pub struct Roles {
    leased: BTreeMap<String, Terms>,
    fixed: BTreeMap<String, Fixed>,
}

struct Fixed {
    period_seconds: i64,
    rotations: u64,
    rotated: Option<Timestamp>,
}

impl Roles {
    pub fn new(leased: &[(&str, Terms)], fixed: &[(&str, i64)]) -> Self {
        let leased = leased.iter().map(|(name, terms)| ((*name).to_owned(), terms.clone())).collect();
        let fresh = |period_seconds: i64| Fixed { period_seconds, rotations: 0, rotated: None };
        let fixed = fixed.iter().map(|(name, period)| ((*name).to_owned(), fresh(*period))).collect();
        Self { leased, fixed }
    }

    /// Gives a static role a new password.
    pub fn rotate(&mut self, role: &str, now: Timestamp) {
        let role = self.fixed.get_mut(role).expect("a static role of this name");
        role.rotated = Some(now);
        role.rotations += 1;
    }
}

impl Fixed {
    /// A period that has run out gives a new password.
    fn turn(&mut self, now: Timestamp) -> Timestamp {
        let mut rotated = *self.rotated.get_or_insert(now);
        while after(rotated, self.period_seconds) <= now {
            rotated = after(rotated, self.period_seconds);
            self.rotations += 1;
        }
        self.rotated = Some(rotated);
        rotated
    }
}

/// Data, and terms if it is leased.
pub type Issued = (Result<Value, Answer>, Option<Terms>);

pub fn answer(roles: &mut Roles, ask: &Ask<'_>, path: &str, (serial, now): (u64, Timestamp)) -> Issued {
    if ask.method() != "GET" {
        return (Err(envelope::unsupported_operation()), None);
    }
    match path.split_once('/') {
        Some(("creds", name)) => match roles.leased.get(name) {
            Some(terms) => {
                let data = json!({ "username": format!("v-{name}-{serial}"), "password": format!("p-{serial}") });
                (Ok(data), Some(terms.clone()))
            }
            None => (Err(envelope::error(400, &format!("unknown role: {name}"))), None),
        },
        Some(("static-creds", name)) => match roles.fixed.get_mut(name) {
            Some(role) => (Ok(told(name, role, now)), None),
            None => (Err(envelope::error(400, &format!("unknown role: {name}"))), None),
        },
        _ => (Err(envelope::unsupported_path()), None),
    }
}

fn told(name: &str, role: &mut Fixed, now: Timestamp) -> Value {
    let rotated = role.turn(now);
    json!({
        "username": format!("static-{name}"), "password": format!("static-{}", role.rotations),
        "ttl": after(rotated, role.period_seconds).as_second() - now.as_second(), "rotation_period": role.period_seconds,
        "last_vault_rotation": rotated.to_string(),
    })
}
