//! Base32 of RFC 4648 §6 with padding, as Go's `base32.StdEncoding` reads and writes it: no crate says where a text breaks
//! as Go does, and templates show that place to users. Specification: ESO §8.5, §11.

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// A group: five bytes as eight letters.
const BYTES: usize = 5;
const LETTERS: usize = 8;

/// The bytes as text.
#[must_use]
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

/// The text as bytes; `Err` is the place where Go says that it breaks. What stands behind complete padding is not looked at,
/// as long as it is shorter than a group.
///
/// # Errors
/// A letter is not of the alphabet, or the padding is not where it belongs.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() * BYTES / LETTERS);
    let mut start = 0;
    while start < text.len() {
        let group = &text[start..text.len().min(start + LETTERS)];
        let (bits, used) = letters(group, start, text.len())?;
        out.extend_from_slice(&bits.to_be_bytes()[3..3 + used * 5 / 8]);
        if used < LETTERS {
            break;
        }
        start += LETTERS;
    }
    Ok(out)
}

/// The bits of a group and how many letters carry them.
fn letters(group: &[u8], start: usize, length: usize) -> Result<(u64, usize), usize> {
    let mut bits: u64 = 0;
    for (index, letter) in group.iter().enumerate() {
        let behind = length - (start + index + 1);
        if *letter == b'=' && index >= 2 && behind < LETTERS {
            if behind + index < LETTERS - 1 {
                return Err(length);
            }
            if let Some(place) = group[index..].iter().position(|byte| *byte != b'=') {
                return Err(start + index + place - 1);
            }
            return if matches!(index, 3 | 6) { Err(start + index) } else { Ok((bits, index)) };
        }
        let value = ALPHABET.iter().position(|known| known == letter).ok_or(start + index)?;
        bits |= (value as u64) << (35 - 5 * index);
    }
    if group.len() < LETTERS { Err(start) } else { Ok((bits, LETTERS)) }
}
