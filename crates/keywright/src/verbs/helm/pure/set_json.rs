//! `--set-json` literals: only the texts of the JSON in it change; keys, numbers and everything between stay to the byte, so
//! that Helm reads the rest as it was typed, be it one object or a list of `key=JSON`. Specification: HS §7.2.

/// Puts each text value through `resolve`. Where it answers nothing, the value stays as typed. What is no JSON stays, too:
/// Helm tells.
///
/// # Errors
/// Those of `resolve`.
pub fn fill<E>(typed: &str, mut resolve: impl FnMut(&str) -> Result<Option<String>, E>) -> Result<String, E> {
    let mut filled = String::with_capacity(typed.len());
    let mut rest = typed;
    while let Some(begin) = rest.find('"') {
        let Some(length) = length_of_text(&rest[begin..]) else { break };
        let (front, behind) = rest.split_at(begin);
        let (text, behind) = behind.split_at(length);
        filled.push_str(front);
        let is_key = behind.trim_start().starts_with(':');
        let value = serde_json::from_str::<String>(text).ok().filter(|_| !is_key);
        match value.map(|value| resolve(&value)).transpose()?.flatten() {
            Some(value) => filled.push_str(&serde_json::Value::String(value).to_string()),
            None => filled.push_str(text),
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// How long a JSON text is, with its quotes; nothing where it does not end.
fn length_of_text(text: &str) -> Option<usize> {
    let mut is_guarded = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !is_guarded => return Some(at + 1),
            letter => is_guarded = !is_guarded && letter == '\\',
        }
    }
    None
}

#[cfg(test)]
mod tests;
