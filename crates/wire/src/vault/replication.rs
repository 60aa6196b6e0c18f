//! What a client has to tell replicas so that it reads its own writes: the states of the last answers (`X-Vault-Index`), merged.
//! A state is base64 of `v1:cluster:local:replicated:mac`; one that another of the same cluster covers is left out.
//! Specification: VSO §17.2, ESO §10.5 (`readYourWrites`).

use std::sync::{Mutex, PoisonError};

use base::encoding::Base64;

/// The states to send along.
#[derive(Default)]
pub(crate) struct States(Mutex<Vec<String>>);

impl States {
    pub(crate) fn current(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, state: &str) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *states = merged(&states, state);
    }
}

/// The old states that the new one does not cover, and the new one unless an old one covers it.
fn merged(old: &[String], new: &str) -> Vec<String> {
    let Some(parsed) = State::parse(new) else {
        return old.to_vec();
    };
    let kept: Vec<_> = old.iter().filter_map(|text| Some((text, State::parse(text)?))).collect();
    let covered = kept.iter().any(|(_, state)| state.covers(&parsed));
    let mut states: Vec<_> =
        kept.iter().filter(|(_, state)| covered || !parsed.covers(state)).map(|(text, _)| (*text).clone()).collect();
    if !covered {
        states.push(new.to_owned());
    }
    // A server without clusters in common would make the list grow; the newest are what counts.
    let surplus = states.len().saturating_sub(MOST);
    states.drain(..surplus);
    states
}

const MOST: usize = 8;

struct State {
    cluster: String,
    local: u64,
    replicated: u64,
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        let decoded = Base64::Standard.decode(text.as_bytes())?;
        let mut parts = std::str::from_utf8(decoded.expose()).ok()?.split(':');
        let (version, cluster) = (parts.next()?, parts.next()?.to_owned());
        let (local, replicated) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        (version == "v1").then_some(Self { cluster, local, replicated })
    }

    fn covers(&self, other: &Self) -> bool {
        self.cluster == other.cluster && self.local >= other.local && self.replicated >= other.replicated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_replaces_those_of_its_cluster_that_it_covers() {
        let state = |text: &str| Base64::Standard.encode(text.as_bytes());
        let (a1, a2, a3, b1) = (state("v1:a:1:1:m"), state("v1:a:2:1:m"), state("v1:a:1:2:m"), state("v1:b:9:9:m"));
        let cases: [(&str, Vec<&String>, &String, Vec<&String>); 5] = [
            ("newer replaces older", vec![&a1], &a2, vec![&a2]),
            ("older is dropped", vec![&a2], &a1, vec![&a2]),
            ("neither covers the other", vec![&a2], &a3, vec![&a2, &a3]),
            ("another cluster stands beside", vec![&a1], &b1, vec![&a1, &b1]),
            ("the first", vec![], &a1, vec![&a1]),
        ];
        for (name, old, new, expected) in cases {
            let old: Vec<String> = old.into_iter().cloned().collect();
            assert_eq!(merged(&old, new).iter().collect::<Vec<_>>(), expected, "{name}");
        }
        assert_eq!(merged(std::slice::from_ref(&a1), "nonsense"), vec![a1]);
    }
}
