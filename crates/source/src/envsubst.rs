//! Shell-like variables in a text, as the scheme `envsubst` has them: `$VAR`, `${VAR}`, `${VAR:-d}` and its kin, `$$`.
//! Pure: the variables are a parameter. A default is a plain text, or a variable where it begins with `$`; unlike the peer's,
//! it may be a variable in braces. Specification: VALS §10.6.

use base::Fault;

/// Replaces the variables of a text; one that is not set is empty.
///
/// # Errors
/// A brace is not closed, or something stands in it that is no variable with a default.
pub fn replace(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = one(&rest[dollar + 1..], variable, &mut out)?;
    }
    out.push_str(rest);
    Ok(out)
}

/// What stands behind a `$`; answers what follows it.
fn one<'a>(rest: &'a str, variable: &dyn Fn(&str) -> Option<String>, out: &mut String) -> Result<&'a str, Fault> {
    if let Some(behind) = rest.strip_prefix('$') {
        out.push('$');
        return Ok(behind);
    }
    if let Some(behind) = rest.strip_prefix("{}") {
        out.push_str("${}");
        return Ok(behind);
    }
    if let Some(inside) = rest.strip_prefix('{') {
        return in_braces(inside, variable, out);
    }
    let (name, behind) = name(rest);
    if name.is_empty() {
        out.push('$');
    }
    out.push_str(&variable(name).unwrap_or_default());
    Ok(behind)
}

fn in_braces<'a>(
    inside: &'a str,
    variable: &dyn Fn(&str) -> Option<String>,
    out: &mut String,
) -> Result<&'a str, Fault> {
    let (name, behind) = name(inside);
    let value = variable(name);
    if let Some(behind) = behind.strip_prefix('}').filter(|_| !name.is_empty()) {
        out.push_str(&value.unwrap_or_default());
        return Ok(behind);
    }
    let (counts_empty, behind) = behind.strip_prefix(':').map_or((false, behind), |behind| (true, behind));
    let operator = behind.chars().next().filter(|operator| matches!(operator, '-' | '=' | '+') && !name.is_empty());
    let Some(operator) = operator else { return Err(unclosed()) };
    let mut other = String::new();
    let behind = fallback(&behind[1..], variable, &mut other)?;
    let is_there = value.as_ref().is_some_and(|value| !(counts_empty && value.is_empty()));
    match (operator, value) {
        // The peer's `:+` counts a variable that is set to nothing, as its `+` does.
        ('+', Some(_)) => out.push_str(&other),
        ('+', None) => {}
        (_, Some(value)) if is_there => out.push_str(&value),
        _ => out.push_str(&other),
    }
    Ok(behind)
}

/// A default up to its closing brace.
fn fallback<'a>(text: &'a str, variable: &dyn Fn(&str) -> Option<String>, out: &mut String) -> Result<&'a str, Fault> {
    let text = match text.strip_prefix('$') {
        Some(behind) if !behind.starts_with('}') => one(behind, variable, out)?,
        _ => text,
    };
    let (rest, behind) = text.split_once('}').ok_or_else(unclosed)?;
    out.push_str(rest);
    Ok(behind)
}

fn name(text: &str) -> (&str, &str) {
    let is_of_name = |character: char| character.is_alphanumeric() || character == '_';
    text.split_at(text.find(|character| !is_of_name(character)).unwrap_or(text.len()))
}

fn unclosed() -> Fault {
    Fault::wrong("closing brace expected").hint("a default is written ${NAME:-default}")
}

#[cfg(test)]
mod tests;
