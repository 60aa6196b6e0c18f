//! `pause-period`: a Deployment is paused while changes gather, and resumed when the period is over – also after a restart,
//! since the end is derived from `paused-at`, never from a timer in memory. Specification: RL §13.

use base::Timestamp;
use base::duration::GoDuration;
use serde_json::json;

use super::rules::Notice;
use super::{Kind, Options, Workload, strategy};
use crate::Write;
use crate::conditions::rfc3339;
use crate::write::Media;

/// What the pause asks for when a reload is needed, or when time has passed.
pub enum Pause {
    /// There is no pause, or somebody else's: only the reload itself.
    None,
    /// Pause it first, then reload; look again at that moment.
    Begin(Write, Timestamp),
    /// It is paused by us; look again at that moment.
    Until(Timestamp),
    /// Our pause is over.
    Resume(Write),
}

/// The state of a Deployment's pause at `now`; `needs_reload` says whether there is a reason to begin one.
#[must_use]
pub fn pause(workload: &Workload, needs_reload: bool, options: &Options, now: Timestamp) -> (Pause, Option<Notice>) {
    let keys = &options.keys;
    let Some(text) = workload.annotations.get(&keys.pause_period) else {
        return (orphaned(workload, options), None);
    };
    if workload.kind != Kind::Deployment {
        let notice = format!("annotation `{}` works on Deployments only and is ignored here", keys.pause_period);
        return (Pause::None, Some(Notice::new(notice)));
    }
    let period = match GoDuration::parse(text) {
        Ok(period) => period,
        Err(error) => {
            let notice = format!("annotation `{}` is ignored: {error}", keys.pause_period);
            return (orphaned(workload, options), Some(Notice::new(notice)));
        }
    };
    let paused_at = workload.annotations.get(&keys.paused_at);
    let pause = match (workload.is_paused, paused_at) {
        (false, _) if needs_reload && period.is_positive() => {
            Pause::Begin(begin(workload, options, now), period.after(now))
        }
        (false, _) => Pause::None,
        (true, None) => Pause::None,
        (true, Some(since)) => match since.parse::<Timestamp>() {
            Ok(since) if period.after(since) > now => Pause::Until(period.after(since)),
            _ => Pause::Resume(resume(workload, options)),
        },
    };
    (pause, None)
}

/// A pause of ours whose period was taken away ends now.
fn orphaned(workload: &Workload, options: &Options) -> Pause {
    let is_ours = workload.annotations.contains_key(&options.keys.paused_at);
    if workload.kind == Kind::Deployment && workload.is_paused && is_ours {
        Pause::Resume(resume(workload, options))
    } else {
        Pause::None
    }
}

fn begin(workload: &Workload, options: &Options, now: Timestamp) -> Write {
    let body = json!({ "metadata": { "annotations": { options.keys.paused_at.as_str(): rfc3339(now) } }, "spec": { "paused": true } });
    strategy::patch(workload, Media::Strategic, body.to_string(), "pause while changes gather".to_owned())
}

fn resume(workload: &Workload, options: &Options) -> Write {
    let body = json!({ "metadata": { "annotations": { options.keys.paused_at.as_str(): null } }, "spec": { "paused": false } });
    strategy::patch(workload, Media::Strategic, body.to_string(), "resume after the pause period".to_owned())
}
