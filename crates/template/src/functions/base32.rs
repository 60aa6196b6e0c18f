//! Base32 of RFC 4648 §6 with padding, as Go's `base32.StdEncoding` reads and writes it.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// A group: five bytes as eight letters.
const BYTES: usize = 5;
const LETTERS: usize = 8;

/// The bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(BYTES) * LETTERS);
    for group in bytes.chunks(BYTES) {
        let mut padded = [0; 8];
        padded[3..3 + group.len()].copy_from_slice(group);
        let bits = u64::from_be_bytes(padded);
        let used = (group.len() * 8).div_ceil(5);
        for index in 0..LETTERS {
            let letter = usize::try_from(bits >> (35 - 5 * index) & 31).expect("five bits");
            out.push(if index < used { char::from(ALPHABET[letter]) } else { '=' });
        }
    }
    out
}

/// The text as bytes; `Err` is the place where Go says that it breaks.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() * BYTES / LETTERS);
    for (number, group) in text.chunks(LETTERS).enumerate() {
        let start = number * LETTERS;
        let used = group.iter().position(|byte| *byte == b'=').unwrap_or(group.len());
        let mut bits: u64 = 0;
        for (index, letter) in group[..used].iter().enumerate() {
            let value = ALPHABET.iter().position(|known| known == letter).ok_or(start + index)?;
            bits |= (value as u64) << (35 - 5 * index);
        }
        let is_last = start + LETTERS >= text.len();
        let is_padded = group.len() == LETTERS && group[used..].iter().all(|byte| *byte == b'=');
        if !is_padded || !matches!(used, 2 | 4 | 5 | 7 | 8) || (used < LETTERS && !is_last) {
            return Err(start + used.min(group.len() - usize::from(group.len() < LETTERS)));
        }
        out.extend_from_slice(&bits.to_be_bytes()[3..3 + used * 5 / 8]);
    }
    Ok(out)
}
