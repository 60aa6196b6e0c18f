//! Line ends inside values of formats that have one line for a value: written as the two characters `\n`, and back.
//! Not here: which values of which format (`dotenv`, `block`). Specification: SOPS §4.16, §4.17.

/// The text on one line.
pub(crate) fn escaped(text: &[u8]) -> Vec<u8> {
    replaced(text, b"\n", b"\\n")
}

/// The text with its line ends again.
pub(crate) fn unescaped(text: &[u8]) -> Vec<u8> {
    replaced(text, b"\\n", b"\n")
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(behind) => {
                out.extend_from_slice(to);
                rest = behind;
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    out
}
