//! Keys and values of an ExternalSecret's data: which keys Kubernetes takes, how others are converted, how values are
//! decoded. Specification: ESO §6.3, §6.4.

use api::external_secrets::external_secret::{ConversionStrategy, DecodingStrategy, NullBytePolicy};
use base::encoding::Base64;
use base::{Fault, SecretBytes, SecretMap, limit};

fn is_legal(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '.' | '_')
}

/// Drops empty keys and refuses those that Kubernetes would refuse.
///
/// # Errors
/// A key is too long, or holds another character.
pub fn check(data: &mut SecretMap) -> Result<(), Fault> {
    data.retain(|key| !key.is_empty());
    for key in data.names() {
        if key.len() > limit::SECRET_KEY_LENGTH {
            let start: String = key.chars().take(limit::SECRET_KEY_LENGTH).collect();
            return Err(invalid(format!(
                "key has length {} but max is 253: (following is truncated): {start}",
                key.len()
            )));
        }
        if let Some(character) = key.chars().find(|character| !is_legal(*character)) {
            return Err(invalid(format!(
                "key has invalid character {character}, only alphanumeric, '-', '.' and '_' are allowed: {key}"
            )));
        }
    }
    Ok(())
}

fn invalid(cause: String) -> Fault {
    Fault::wrong("invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)").because(cause)
}

/// Converts keys that Kubernetes would refuse.
///
/// # Errors
/// Two keys become one.
pub fn convert(data: SecretMap, strategy: ConversionStrategy) -> Result<SecretMap, Fault> {
    let mut converted = SecretMap::new();
    for (key, value) in data {
        let name = converted_key(&key, strategy);
        if converted.contains(&name) {
            return Err(Fault::wrong(format!("error applying conversion strategy {} to keys", strategy.as_str()))
                .because(format!("secret name collision during conversion: {key}")));
        }
        converted.insert(name, value);
    }
    Ok(converted)
}

fn converted_key(key: &str, strategy: ConversionStrategy) -> String {
    let mut name = String::with_capacity(key.len());
    for character in key.chars() {
        match strategy {
            _ if is_legal(character) => name.push(character),
            ConversionStrategy::Default => name.push('_'),
            ConversionStrategy::Unicode => name.push_str(&format!("_U{:04x}_", u32::from(character))),
        }
    }
    name
}

/// Undoes the conversion of key names by `Unicode`, right to left (PushSecret, §6.4).
#[must_use]
pub fn reverse(key: &str) -> String {
    let mut text = key.to_owned();
    let mut end = text.len();
    while let Some(start) = text[..end].rfind("_U") {
        end = start;
        let digits = &text[start + 2..];
        let Some(length) = digits.find('_').filter(|length| (4..=5).contains(length)) else { continue };
        let code = u32::from_str_radix(&digits[..length], 16).ok().and_then(char::from_u32);
        if let Some(character) = code.filter(|_| digits[..length].bytes().all(|b| b.is_ascii_hexdigit())) {
            text.replace_range(start..start + 2 + length + 1, character.encode_utf8(&mut [0; 4]));
        }
    }
    text
}

/// Decodes a value.
///
/// # Errors
/// A strict strategy meets something else than base64.
pub fn decode(value: SecretBytes, strategy: DecodingStrategy) -> Result<SecretBytes, Fault> {
    let wrong = || {
        Fault::wrong(format!("error applying decoding strategy {} to data", strategy.as_str()))
            .because("the value is not base64")
    };
    match strategy {
        DecodingStrategy::None => Ok(value),
        DecodingStrategy::Base64 => Base64::Standard.decode(value.expose()).ok_or_else(wrong),
        DecodingStrategy::Base64URL => Base64::Url.decode(value.expose()).ok_or_else(wrong),
        DecodingStrategy::Auto => {
            let standard = Base64::Standard.decode(value.expose());
            Ok(standard.or_else(|| Base64::Url.decode(value.expose())).unwrap_or(value))
        }
    }
}

/// Refuses null bytes where the user asked for it.
///
/// # Errors
/// A value holds one.
pub fn check_null_bytes(key: &str, value: &SecretBytes, policy: NullBytePolicy) -> Result<(), Fault> {
    if policy == NullBytePolicy::Fail && value.expose().contains(&0) {
        return Err(Fault::wrong(format!(
            "fetched secret value for key \"{key}\" contains null bytes; use a text-safe format such as PEM/base64 or leave nullBytePolicy unset for intentional binary data"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(data: &SecretMap) -> Vec<&str> {
        data.names().map(String::as_str).collect()
    }

    #[test]
    fn keys_are_checked_as_the_peer_checks_them() {
        let mut good: SecretMap = [("", "x"), ("a-b.c_D9", "x"), ("ä", "x")].into_iter().collect();
        check(&mut good).unwrap();
        assert_eq!(names(&good), ["a-b.c_D9", "ä"]);
        let mut bad: SecretMap = [("a/b", "x")].into_iter().collect();
        assert_eq!(
            check(&mut bad).unwrap_err().chain(),
            "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys): key has invalid character /, only alphanumeric, '-', '.' and '_' are allowed: a/b"
        );
        let mut long: SecretMap = [("x".repeat(254), "x")].into_iter().collect();
        assert!(check(&mut long).unwrap_err().chain().contains("key has length 254 but max is 253"));
    }

    #[test]
    fn conversion_and_back() {
        let data = || -> SecretMap { [("a/b", "1"), ("c", "2")].into_iter().collect() };
        assert_eq!(names(&convert(data(), ConversionStrategy::Default).unwrap()), ["a_b", "c"]);
        assert_eq!(names(&convert(data(), ConversionStrategy::Unicode).unwrap()), ["a_U002f_b", "c"]);
        let twins: SecretMap = [("a/b", "1"), ("a_b", "2")].into_iter().collect();
        let fault = convert(twins, ConversionStrategy::Default).err().map(|fault| fault.chain());
        assert_eq!(
            fault.as_deref(),
            Some("error applying conversion strategy Default to keys: secret name collision during conversion: a_b")
        );
        for (key, expected) in
            [("a_U002f_b", "a/b"), ("_U1f600_", "😀"), ("a_U00zz_b", "a_U00zz_b"), ("_U002f__U002f_", "//")]
        {
            assert_eq!(reverse(key), expected);
        }
    }

    #[test]
    fn values_are_decoded_by_strategy() {
        let of = |text: &str, strategy| decode(SecretBytes::from(text), strategy).ok();
        assert!(of("YQ==", DecodingStrategy::Base64) == Some(SecretBytes::from("a")));
        assert!(of("_-8=", DecodingStrategy::Base64URL).is_some() && of("_-8=", DecodingStrategy::Base64).is_none());
        assert!(of("no base64!", DecodingStrategy::Auto) == Some(SecretBytes::from("no base64!")));
        assert!(check_null_bytes("k", &SecretBytes::from("a\0"), NullBytePolicy::Fail).is_err());
        assert!(check_null_bytes("k", &SecretBytes::from("a\0"), NullBytePolicy::Ignore).is_ok());
    }
}
