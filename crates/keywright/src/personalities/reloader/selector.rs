//! Label selectors as the peer takes them: its legacy forms (`a:b`, `a:*`, `a=*`) turned into Kubernetes' own grammar, and the
//! whole checked by it, so that a wrong one is told at the start and not by every watch. Specification: RL §4.1.

use base::Fault;

/// One selector out of the elements of a list flag; all of them hold. None where there is no element.
pub(super) fn of_pieces(flag: &str, pieces: Vec<String>) -> Result<Option<String>, Fault> {
    if pieces.is_empty() {
        return Ok(None);
    }
    let text = pieces.into_iter().map(converted).collect::<Vec<_>>().join(",");
    for requirement in requirements(&text) {
        if let Err(reason) = check(requirement) {
            let attempt = format!("`--{flag}` holds `{}`, which is no label selector", requirement.trim());
            return Err(Fault::wrong(attempt).because(Fault::wrong(reason)));
        }
    }
    Ok(Some(text))
}

/// `a:b` means `a=b`; `a:*` and `a=*` mean that the label is there. What stands behind a second separator is dropped.
fn converted(piece: String) -> String {
    if piece.contains(['(', '!']) || piece.contains("==") {
        return piece;
    }
    match piece.split_once([':', '=']) {
        Some((key, value)) => match value.split([':', '=']).next().unwrap_or_default() {
            "*" => key.to_owned(),
            value => format!("{key}={value}"),
        },
        None => piece,
    }
}

/// The parts between commas that stand in no brackets.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let outside = |character: char| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    };
    text.split(outside).collect()
}

/// One requirement: `k`, `!k`, `k=v`, `k==v`, `k!=v`, `k in (v,w)`, `k notin (v)`, `k>1`, `k<1`.
fn check(requirement: &str) -> Result<(), String> {
    let text = requirement.trim();
    if let Some(key) = text.strip_prefix('!') {
        return check_key(key.trim());
    }
    if let Some((key, rest)) = text.split_once('(') {
        let mut words = key.split_whitespace();
        let (key, operator) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !matches!(operator, "in" | "notin") || words.next().is_some() {
            return Err("brackets stand behind `in` or `notin` only".to_owned());
        }
        let values = rest.strip_suffix(')').ok_or("a bracket is not closed")?;
        check_key(key)?;
        return values.split(',').try_for_each(|value| check_value(value.trim()));
    }
    for operator in ["!=", "==", "=", ">", "<"] {
        let Some((key, value)) = text.split_once(operator) else { continue };
        let value = value.trim();
        check_key(key.trim())?;
        if matches!(operator, ">" | "<") && value.parse::<i64>().is_err() {
            return Err(format!("`{value}` is no whole number"));
        }
        return check_value(value);
    }
    check_key(text)
}

fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_domain = |prefix: &str| {
        let is_label = |label: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !label.is_empty() && label.chars().all(fits) && !label.starts_with('-') && !label.ends_with('-')
        };
        prefix.len() <= 253 && prefix.split('.').all(is_label)
    };
    let is_key = is_name(name) && prefix.is_none_or(is_domain);
    if is_key { Ok(()) } else { Err(format!("`{key}` cannot be the key of a label")) }
}

fn check_value(value: &str) -> Result<(), String> {
    let is_value = value.is_empty() || is_name(value);
    if is_value { Ok(()) } else { Err(format!("`{value}` cannot be the value of a label")) }
}

fn is_name(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=63).contains(&text.len()) && text.chars().all(fits) && text.starts_with(ends) && text.ends_with(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(pieces: &[&str]) -> Result<Option<String>, String> {
        let pieces = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        of_pieces("x", pieces).map_err(|fault| fault.chain())
    }

    #[test]
    fn the_legacy_forms_are_taken_and_the_rest_stays() {
        for (pieces, expected) in [
            (&["a:b"] as &[&str], "a=b"),
            (&["a:*"], "a"),
            (&["a=*"], "a"),
            (&["a=b=c"], "a=b"),
            (&["a=b", "c"], "a=b,c"),
            (&["a in (x,y)"], "a in (x,y)"),
            (&["a in (x", "y)"], "a in (x,y)"),
            (&["a notin (x)", "!b", "c!=d", "e==f"], "a notin (x),!b,c!=d,e==f"),
            (&["n>1", "n < 3"], "n>1,n < 3"),
            (&["app.kubernetes.io/name=web", "empty="], "app.kubernetes.io/name=web,empty="),
        ] {
            assert_eq!(selector(pieces), Ok(Some(expected.to_owned())), "{pieces:?}");
        }
        assert_eq!(selector(&[]), Ok(None));
    }

    #[test]
    fn what_kubernetes_would_refuse_is_refused() {
        for (piece, reason) in [
            ("a!=*", "`*` cannot be the value of a label"),
            ("a b", "`a b` cannot be the key of a label"),
            ("=b", "`` cannot be the key of a label"),
            ("a in (x", "a bracket is not closed"),
            ("a among (x)", "brackets stand behind `in` or `notin` only"),
            ("n>x", "`x` is no whole number"),
            ("-a", "`-a` cannot be the key of a label"),
            ("Not.A.Domain/a=b", "`Not.A.Domain/a` cannot be the key of a label"),
            ("a=grün", "`grün` cannot be the value of a label"),
        ] {
            let expected = format!("`--x` holds `{piece}`, which is no label selector: {reason}");
            assert_eq!(selector(&[piece]), Err(expected), "{piece}");
        }
    }
}
