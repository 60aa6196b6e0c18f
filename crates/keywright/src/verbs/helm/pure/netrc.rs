//! Names and passwords of hosts, as `.netrc` has them. Macros are skipped, and a `default` counts for every host.
//! Specification: HS §5 (`NETRC`).

use base::SecretText;

/// Name and password for a host.
pub fn login(netrc: &str, host: &str) -> Option<(String, SecretText)> {
    let lines = netrc.lines().map(|line| if line.trim_start().starts_with('#') { "" } else { line });
    let mut words = lines.flat_map(str::split_whitespace);
    let (mut is_meant, mut name, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word {
            // The entry ends where the next one begins.
            "machine" | "default" if is_meant && password.is_some() => break,
            "machine" => is_meant = words.next() == Some(host),
            "default" => is_meant = true,
            "login" => name = words.next().filter(|_| is_meant).or(name),
            "password" => password = words.next().filter(|_| is_meant).or(password),
            _ => {}
        }
    }
    Some((name.unwrap_or_default().to_owned(), SecretText::new(password?.to_owned())))
}

#[cfg(test)]
mod tests;
