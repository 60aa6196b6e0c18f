//! Does this workload react to that resource? The order of the steps is the peer's and significant; an invalid pattern is
//! skipped and told on the workload instead of killing the process. Specification: RL §8.3, §8.4, §9, §18.

use api::reload::{Triggers, boolean_word};
use regex::Regex;

use super::{Change, Kind, Options, Workload};

/// A workload reacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The place of the regular container that carries the mark.
    pub container: usize,
    /// Whether the resource is named, so that the pod spec need not reference it.
    pub is_named: bool,
}

/// Something about the workload's annotations that its author should know: a Warning event, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What to tell.
    pub sentence: String,
    /// Where a resource of this name exists, the annotation means it and nothing is told.
    pub unless_there: Option<String>,
}

impl Notice {
    /// A sentence that holds whatever else there is.
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), unless_there: None }
    }
}

/// The answer to "does it react?", and what is odd about the annotations that were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How it reacts; none means not at all.
    pub hit: Option<Hit>,
    /// What is odd.
    pub notices: Vec<Notice>,
}

/// Does this workload react to that change?
#[must_use]
pub fn verdict(change: &Change, workload: &Workload, options: &Options) -> Verdict {
    let mut notices = Vec::new();
    let hit = decide(change, workload, options, &mut notices);
    Verdict { hit, notices }
}

fn decide(change: &Change, workload: &Workload, options: &Options, notices: &mut Vec<Notice>) -> Option<Hit> {
    let keys = &options.keys;
    if options.ignored.contains(&workload.kind) || change.is_ignored || workload.is_deleting {
        return None;
    }
    if workload.is_history && !keys.has_trigger(change.kind, &workload.annotations) {
        // A Job that has ended and was made by a CronJob runs again only if it is annotated itself (RL §20.5).
        return None;
    }
    let excluded = workload.annotations.get(keys.exclude(change.kind));
    if excluded.is_some_and(|list| list.split(',').any(|name| name.trim() == change.name)) {
        return None;
    }
    let triggers = keys.triggers(change.kind, &workload.annotations, &workload.template_annotations);
    doubt(&triggers, change, workload, options, notices);
    let referencing = || workload.referencing(change.kind, &change.name);
    if let Some(list) = triggers.named
        && is_named(list, &change.name, keys.named(change.kind), notices)
    {
        let first = (!workload.containers.is_empty()).then_some(0);
        let container = referencing().or(first)?;
        return Some(Hit { container, is_named: true });
    }
    let searches = triggers.search == Some("true") && change.is_match;
    let (auto, typed) = (boolean_word(triggers.auto), boolean_word(triggers.typed_auto));
    let unsaid = auto.is_none() && typed.is_none() && options.auto_reload_all;
    if !(searches || auto == Some(true) || typed == Some(true) || unsaid) {
        return None;
    }
    referencing().map(|container| Hit { container, is_named: false })
}

/// What the workload's author has probably not meant (RL §18).
fn doubt(triggers: &Triggers<'_>, change: &Change, workload: &Workload, options: &Options, notices: &mut Vec<Notice>) {
    let keys = &options.keys;
    for (key, value) in [(&*keys.auto, triggers.auto), (keys.typed_auto(change.kind), triggers.typed_auto)] {
        if let Some(word) = value.filter(|word| !word.is_empty() && !is_boolean(word)) {
            notices.push(Notice::new(format!(
                "annotation `{key}` holds `{word}`, which is neither true nor false and counts as false"
            )));
        }
    }
    if let Some(word) =
        triggers.search.filter(|word| !word.is_empty() && *word != "true" && boolean_word(Some(word)) == Some(true))
    {
        notices.push(Notice::new(format!(
            "annotation `{}` holds `{word}`, which has no effect; only `true` switches it on",
            keys.search
        )));
    }
    if workload.kind != Kind::Rollout && workload.annotations.contains_key(&keys.rollout_strategy) {
        let key = &keys.rollout_strategy;
        notices.push(Notice::new(format!("annotation `{key}` works on Rollouts only and is ignored here")));
    }
}

fn is_boolean(word: &str) -> bool {
    base::truth::parse(word).is_some()
}

/// Whether a resource carries a mark: `true`, and nothing else. Another spelling of it is told.
#[must_use]
pub fn is_marked(annotations: &std::collections::BTreeMap<String, String>, key: &str) -> (bool, Option<Notice>) {
    let value = annotations.get(key).map(String::as_str);
    let meant = value.is_some_and(|value| value != "true" && boolean_word(Some(value)) == Some(true));
    let notice = meant.then(|| {
        let word = value.unwrap_or_default();
        Notice::new(format!("annotation `{key}` holds `{word}`, which has no effect; only `true` switches it on"))
    });
    (value == Some("true"), notice)
}

/// Whether a repetition is repeated, as in `app**`: no pattern for Go, one for Rust.
fn repeats_twice(pattern: &str) -> bool {
    let (mut signs, mut is_escaped, mut in_class) = (0, false, false);
    for character in pattern.chars() {
        let is_sign = !is_escaped && !in_class && matches!(character, '*' | '+' | '?');
        signs = if is_sign { signs + 1 } else { 0 };
        // A question mark behind a repetition makes it a lazy one.
        if signs > 2 || (signs == 2 && character != '?') {
            return true;
        }
        match character {
            '[' if !is_escaped => in_class = true,
            ']' if !is_escaped => in_class = false,
            _ => {}
        }
        is_escaped = !is_escaped && character == '\\';
    }
    false
}

/// Whether one of the patterns of a comma list matches: `^` + item + `$`, not grouped, as the peer compiles them.
fn is_named(list: &str, name: &str, key: &str, notices: &mut Vec<Notice>) -> bool {
    let mut found = false;
    for item in list.split(',').map(str::trim) {
        if matches!(item, "true" | "false") && item != name {
            let sentence = format!(
                "annotation `{key}` holds `{item}`, which is read as the name of a resource; for a switch use the `auto` annotation"
            );
            notices.push(Notice { sentence, unless_there: Some(item.to_owned()) });
        }
        if item.contains('|') && !item.contains('(') {
            notices.push(Notice::new(format!(
                "annotation `{key}` holds `{item}`, which matches names that start with its first or end with its last part; put the whole in brackets to match one of them"
            )));
        }
        // Rust's `^*` repeats the anchor and would match everything; for Go there is nothing to repeat.
        let repeats_nothing = item.starts_with(['*', '+', '?']);
        match Regex::new(&format!("^{item}$")) {
            Ok(pattern) if !repeats_nothing && !repeats_twice(item) => found |= pattern.is_match(name),
            _ => notices.push(Notice::new(format!(
                "annotation `{key}` holds `{item}`, which is no valid regular expression and is skipped{}",
                if item == "*" { "; use `.*` for everything" } else { "" }
            ))),
        }
        if found {
            break;
        }
    }
    found
}
