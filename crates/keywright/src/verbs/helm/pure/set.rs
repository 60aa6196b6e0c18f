//! `--set` literals: Helm's grammar as far as leaf values go, so that each is put through the backend and nothing around it
//! changes by a byte. Lists in braces have values without keys. Specification: HS §7.2.

/// Puts each leaf value of a `--set` text through `resolve`, unescaped. Where it answers nothing, the value stays as typed.
///
/// # Errors
/// Those of `resolve`.
pub fn fill<E>(text: &str, mut resolve: impl FnMut(&str) -> Result<Option<String>, E>) -> Result<String, E> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        // A key without value stays alone, whatever Helm makes of it.
        let key_end = end_of(rest, &['=', ',']);
        let has_value = rest[key_end..].starts_with('=');
        let (key, behind) = rest.split_at(key_end + usize::from(has_value));
        filled.push_str(key);
        rest = behind;
        if has_value {
            rest = value(rest, &mut filled, &mut resolve)?;
        }
        if let Some(behind) = rest.strip_prefix(',') {
            filled.push(',');
            rest = behind;
        }
    }
    Ok(filled)
}

/// One value or list; answers what stands behind it.
fn value<'a, E>(
    text: &'a str,
    filled: &mut String,
    resolve: &mut impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<&'a str, E> {
    let Some(mut rest) = text.strip_prefix('{') else {
        let (leaf, behind) = text.split_at(end_of(text, &[',']));
        filled.push_str(&self::leaf(leaf, resolve)?);
        return Ok(behind);
    };
    filled.push('{');
    loop {
        let (element, behind) = rest.split_at(end_of(rest, &[',', '}']));
        filled.push_str(&self::leaf(element, resolve)?);
        match behind.chars().next() {
            Some(',') => filled.push(','),
            Some(end) => {
                filled.push(end);
                return Ok(&behind[end.len_utf8()..]);
            }
            // Helm tells that the brace is not closed.
            None => return Ok(behind),
        }
        rest = &behind[1..];
    }
}

fn leaf<E>(typed: &str, resolve: &mut impl FnMut(&str) -> Result<Option<String>, E>) -> Result<String, E> {
    Ok(resolve(&unescaped(typed))?.map_or_else(|| typed.to_owned(), |value| escaped(&value)))
}

/// Where the first of these letters stands that no backslash guards; the end, if nowhere.
fn end_of(text: &str, letters: &[char]) -> usize {
    let mut is_guarded = false;
    for (at, letter) in text.char_indices() {
        if !is_guarded && letters.contains(&letter) {
            return at;
        }
        is_guarded = !is_guarded && letter == '\\';
    }
    text.len()
}

/// A value as Helm takes it: a backslash stands for the letter behind it, at the end for nothing.
fn unescaped(typed: &str) -> String {
    let mut value = String::with_capacity(typed.len());
    let mut letters = typed.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next()),
            other => value.push(other),
        }
    }
    value
}

/// A value so that Helm takes it as it is, in a list, too.
pub fn escaped(value: &str) -> String {
    let mut typed = String::with_capacity(value.len());
    for (at, letter) in value.char_indices() {
        // A brace in front opens a list, one behind closes it.
        if matches!(letter, '\\' | ',' | '}') || (letter == '{' && at == 0) {
            typed.push('\\');
        }
        typed.push(letter);
    }
    typed
}

#[cfg(test)]
mod tests;
