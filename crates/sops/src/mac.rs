//! The file's MAC: SHA-512 over the plaintext bytes of all leaves in tree order, as upper-case hex; it is then
//! encrypted like a text with `lastmodified` as its place.
//! Not here: which leaves take part (`select`), and comparing (`encrypted`).
//! Specification: SOPS §4.6; §13 (Python's float text in files of SOPS 1.x).

use document::Scalar;
use sha2::{Digest, Sha512};

use crate::plaintext::python_float_text;

/// The running digest.
pub(crate) struct Mac {
    digest: Sha512,
    /// The same as SOPS 1.x computed it, for files that may have been written by it.
    python: Option<Sha512>,
}

/// What the leaves amount to.
pub(crate) struct Sum {
    pub digest: String,
    pub python: Option<String>,
}

impl Mac {
    /// A digest over nothing; with `only_encrypted` it starts with SHA-256 of `sops`.
    pub(crate) fn new(only_encrypted: bool, is_python: bool) -> Self {
        let mut digest = Sha512::new();
        if only_encrypted {
            digest.update(ONLY_ENCRYPTED);
        }
        Self { python: is_python.then(|| digest.clone()), digest }
    }

    /// Takes a leaf in.
    pub(crate) fn feed(&mut self, scalar: &Scalar, bytes: &[u8]) {
        self.digest.update(bytes);
        let Some(python) = &mut self.python else { return };
        match scalar {
            Scalar::Float(value) => python.update(python_float_text(*value)),
            _ => python.update(bytes),
        }
    }

    /// The digest of all leaves.
    pub(crate) fn finish(self) -> Sum {
        let hex = |digest: Sha512| hex::encode_upper(digest.finalize());
        Sum { digest: hex(self.digest), python: self.python.map(hex) }
    }
}

/// SHA-256 of `sops`: the first bytes of a MAC that covers encrypted leaves only.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_digests() {
        let leaves = ["1", "x", "1.5", "True", "2024-01-01T00:00:00Z", "", "2.5"];
        let sum = |only_encrypted: bool, leaves: &[&str]| {
            let mut mac = Mac::new(only_encrypted, false);
            leaves.iter().for_each(|leaf| mac.feed(&Scalar::Text((*leaf).into()), leaf.as_bytes()));
            mac.finish().digest
        };
        assert_eq!(
            sum(false, &leaves),
            "200B5779BF73577FC95A9C1F881B23363B9ECBA5D2337EC4414DB84B2D26608134758EAA0DF4C23FAEC123FE6AB3B6AC843ED85EA24CD18F0168ACD2E2DCE553"
        );
        assert_eq!(
            sum(true, &leaves[..6]),
            "CB904ABE62BAB663CEB2C2B151E32AE24594CD41552A9E6D9218D9990A2E51B6469048F3F51A16C8EBA3261EA4C7A71A756858A4070A5B8253063677E75A3D64"
        );
    }

    #[test]
    fn the_first_bytes_are_the_digest_of_the_name() {
        assert_eq!(sha2::Sha256::digest(b"sops").as_slice(), ONLY_ENCRYPTED);
    }

    #[test]
    fn python_hashed_its_own_float_text() {
        let mut mac = Mac::new(false, true);
        mac.feed(&Scalar::Float(1.0), b"1");
        let sum = mac.finish();
        assert_eq!(sum.digest, hex::encode_upper(Sha512::digest(b"1")));
        assert_eq!(sum.python, Some(hex::encode_upper(Sha512::digest(b"1.0"))));
    }
}
