//! When something is due: sync windows (cron schedules in UTC), and when a status tells of a refresh. Specification: ESO §6.2, §6.7.
//! Not here: how long to wait after failures (`backoff`).

use api::external_secrets::external_secret::{SyncWindowKind, SyncWindows};
use api::meta::Time;
use base::Timestamp;
use base::duration::GoDuration;
use chrono::{DateTime, Utc};
use croner::Cron;
use jiff::SignedDuration;

use crate::Event;

/// A refresh that changes nothing else moves `refreshTime` at most this often (ESO §6.7, WE DIFFER).
const REFRESH_TIME_SECONDS: i64 = 300;

/// Whether the refresh time of a status is to be written though nothing else changes.
#[must_use]
pub fn is_old(refreshed: Option<&Time>, now: Timestamp) -> bool {
    refreshed.is_none_or(|time| time.0 > now || now.duration_since(time.0).as_secs() >= REFRESH_TIME_SECONDS)
}

/// When values that end are renewed: at the end less a margin, the larger of a minute and a tenth of their life, but never before
/// half of it is over (ESO §6.7, field report).
#[must_use]
pub fn renewal(end: Timestamp, now: Timestamp) -> Timestamp {
    const SMALLEST_SECONDS: i64 = 60;
    let life = end.duration_since(now).as_secs().max(0);
    let margin = SMALLEST_SECONDS.max(life / 10).min(life / 2);
    end.checked_sub(SignedDuration::from_secs(margin)).unwrap_or(end)
}

/// The warning about values that end while nothing refreshes them.
#[must_use]
pub fn ends_unrenewed(end: Timestamp) -> Event {
    Event::warning("ValueExpires", format!("a generated value ends at {end}, and nothing refreshes it"))
}

/// Whether a periodic refresh may happen now; if not, when that changes at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may.
    Yes,
    /// It may not before that moment; none where no window will ever open.
    NotBefore(Option<Timestamp>),
}

/// Asks the windows. A list without windows permits; a schedule that cannot be read is skipped.
#[must_use]
pub fn permit(windows: Option<&SyncWindows>, now: Timestamp) -> Permit {
    let Some(windows) = windows.filter(|windows| !windows.windows.is_empty()) else { return Permit::Yes };
    let views: Vec<View> = windows
        .windows
        .iter()
        .filter_map(|window| view(&window.schedule, GoDuration::parse(&window.duration).ok()?, now))
        .collect();
    let is_active = views.iter().any(|view| view.ends.is_some());
    match windows.kind {
        SyncWindowKind::Allow if is_active => Permit::Yes,
        SyncWindowKind::Deny if !is_active => Permit::Yes,
        SyncWindowKind::Allow => Permit::NotBefore(views.iter().filter_map(|view| view.starts).min()),
        // Another window may still be active then; the question is simply asked again.
        SyncWindowKind::Deny => Permit::NotBefore(views.iter().filter_map(|view| view.ends).min()),
    }
}

/// A window as seen from a moment.
struct View {
    /// Its end, if it is active now; the first moment behind it.
    ends: Option<Timestamp>,
    /// Its next start.
    starts: Option<Timestamp>,
}

fn view(schedule: &str, duration: GoDuration, now: Timestamp) -> Option<View> {
    let span = duration.to_signed();
    let just_behind = |start: Timestamp| {
        let end = start.saturating_add(span).ok()?;
        end.saturating_add(jiff::SignedDuration::from_nanos(1)).ok()
    };
    if let Some(every) = schedule.strip_prefix("@every ") {
        let every = GoDuration::parse(every.trim()).ok()?.nanoseconds();
        if every <= 0 {
            return None;
        }
        // The peer counts from its own start, which nobody can plan with; we count from the epoch.
        let nanoseconds = i64::try_from(now.as_nanosecond()).ok()?;
        let start = Timestamp::from_nanosecond(i128::from(nanoseconds - nanoseconds.rem_euclid(every))).ok()?;
        let starts = start.saturating_add(jiff::SignedDuration::from_nanos(every)).ok();
        let ends = just_behind(start).filter(|end| *end > now);
        return Some(View { ends, starts });
    }
    let cron: Cron = schedule.parse().ok()?;
    let at = DateTime::<Utc>::from_timestamp(now.as_second(), u32::try_from(now.subsec_nanosecond()).ok()?)?;
    let moment = |time: DateTime<Utc>| Timestamp::from_second(time.timestamp()).ok();
    let last = cron.find_previous_occurrence(&at, true).ok().and_then(moment);
    let starts = cron.find_next_occurrence(&at, false).ok().and_then(moment);
    let ends = last.and_then(just_behind).filter(|end| *end > now);
    Some(View { ends, starts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a test's own timestamp")
    }

    fn ask(kind: &str, schedule: &str, duration: &str, now: &str) -> String {
        let windows = serde_json::json!({"kind": kind, "windows": [{"schedule": schedule, "duration": duration}]});
        let windows: SyncWindows = serde_json::from_value(windows).expect("a test's own windows");
        match permit(Some(&windows), at(now)) {
            Permit::Yes => "yes".to_owned(),
            Permit::NotBefore(moment) => moment.map_or("never".to_owned(), |moment| moment.to_string()),
        }
    }

    #[test]
    fn windows_allow_and_deny_with_both_ends() {
        for (kind, schedule, duration, now, expected) in [
            ("allow", "0 22 * * *", "2h", "2026-01-01T22:00:00Z", "yes"),
            ("allow", "0 22 * * *", "2h", "2026-01-02T00:00:00Z", "yes"),
            ("allow", "0 22 * * *", "2h", "2026-01-02T00:00:01Z", "2026-01-02T22:00:00Z"),
            ("deny", "0 22 * * *", "2h", "2026-01-01T23:00:00Z", "2026-01-02T00:00:00.000000001Z"),
            ("deny", "0 22 * * *", "2h", "2026-01-01T21:59:59Z", "yes"),
            ("allow", "@daily", "1h", "2026-01-01T00:30:00Z", "yes"),
            ("allow", "@every 1h", "10m", "2026-01-01T05:05:00Z", "yes"),
            ("allow", "@every 1h", "10m", "2026-01-01T05:15:00Z", "2026-01-01T06:00:00Z"),
            ("allow", "nonsense", "1h", "2026-01-01T00:00:00Z", "never"),
        ] {
            assert_eq!(ask(kind, schedule, duration, now), expected, "{kind} {schedule} {now}");
        }
        assert_eq!(permit(None, at("2026-01-01T00:00:00Z")), Permit::Yes);
    }
}
