//! The peer's vector, the field's check values, and what cannot be split or combined.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

#[test]
fn the_field_is_that_of_aes() {
    assert_eq!(multiply(0x57, 0x83), 0xC1);
    assert_eq!(multiply(3, 7), 9);
    assert_eq!(inverse(0x53), 0xCA);
    assert_eq!(multiply(6, inverse(3)), 2);
    assert!((1..=255).all(|a| multiply(a, inverse(a)) == 1));
}

#[test]
fn the_peers_vector_is_evaluated_and_combined() {
    let secret: Vec<u8> = (0..8).collect();
    let expected = ["102132435465768701", "20416283a4c5e61c02", "306152c3f4a5969c03"];
    for (share, x) in expected.iter().zip(1..) {
        let mut ours: Vec<u8> = secret.iter().map(|byte| evaluate(&[*byte, (*byte + 1) << 4], x)).collect();
        ours.push(x);
        assert_eq!(hex::encode(ours), *share);
    }
    let share = |at: usize| SecretBytes::new(hex::decode(expected[at]).expect("hex"));
    for pair in [[0, 1], [1, 0], [0, 2], [2, 1]] {
        let back = combine(&pair.map(share)).expect("combines");
        assert_eq!(back.expose(), secret);
    }
}

#[test]
fn any_threshold_of_parts_gives_the_secret_back_and_fewer_do_not() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let secret = [42; 32];
    for (parts, threshold) in [(2, 2), (3, 2), (5, 3), (7, 7)] {
        let shares = split(&secret, parts, threshold, &mut rng).expect("splits");
        assert!(shares.iter().zip(1..).all(|(share, x)| share.len() == 33 && share.expose()[32] == x));
        let last = &shares[parts - threshold..];
        assert_eq!(combine(last).expect("combines").expose(), secret);
        assert_eq!(combine(&shares).expect("combines").expose(), secret);
        if threshold > 2 {
            assert_ne!(combine(&last[1..]).expect("combines").expose(), secret);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let cases = [
        (1, 2, "parts cannot be less than threshold"),
        (256, 2, "parts cannot exceed 255"),
        (2, 1, "threshold must be at least 2"),
        (2, 0, "threshold must be at least 2"),
    ];
    for (parts, threshold, expected) in cases {
        let fault = split(b"x", parts, threshold, &mut rng).err().expect("refused");
        assert_eq!(fault.to_string(), expected);
    }
    assert_eq!(split(b"", 2, 2, &mut rng).err().expect("refused").to_string(), "cannot split an empty secret");
    let cases: [(&[&[u8]], &str); 6] = [
        (&[], "less than two parts cannot be used to reconstruct the secret"),
        (&[b"ab"], "less than two parts cannot be used to reconstruct the secret"),
        (&[b"a", b"b"], "parts must be at least two bytes"),
        (&[b"abc", b"ab"], "all parts must be the same length"),
        (&[b"ab", b"cb"], "duplicate part detected"),
        (&[b"a\0", b"cb"], "duplicate part detected"),
    ];
    for (shares, expected) in cases {
        let shares: Vec<SecretBytes> = shares.iter().map(|share| SecretBytes::from(*share)).collect();
        assert_eq!(combine(&shares).err().expect("refused").to_string(), expected);
    }
}
