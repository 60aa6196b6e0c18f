//! Shamir's secret sharing over GF(2^8), byte for byte as SOPS shares a data key: y values, then one byte x.
//! Not here: which groups get a share (`group`). It runs in constant time but for the lengths.
//! Specification: SOPS §4.9.

use base::{Fault, SecretBytes};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Splits a secret into `parts` shares, any `threshold` of which give it back; their x are 1, 2, …
///
/// # Errors
/// The numbers do not fit each other, or the secret is empty.
pub fn split(
    secret: &[u8],
    parts: usize,
    threshold: usize,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<SecretBytes>, Fault> {
    let refusal = match () {
        () if parts < threshold => "parts cannot be less than threshold",
        () if parts > 255 => "parts cannot exceed 255",
        () if threshold < 2 => "threshold must be at least 2",
        () if threshold > 255 => "threshold cannot exceed 255",
        () if secret.is_empty() => "cannot split an empty secret",
        () => return Ok(shares(secret, parts, threshold, rng)),
    };
    Err(Fault::wrong(refusal))
}

/// The secret that these shares are of.
///
/// # Errors
/// They are too few, too short, of different lengths, or two are the same.
pub fn combine(shares: &[SecretBytes]) -> Result<SecretBytes, Fault> {
    let shares: Vec<&[u8]> = shares.iter().map(SecretBytes::expose).collect();
    let Some((first, _)) = shares.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err(Fault::wrong("less than two parts cannot be used to reconstruct the secret"));
    };
    if first.len() < 2 {
        return Err(Fault::wrong("parts must be at least two bytes"));
    }
    if shares.iter().any(|share| share.len() != first.len()) {
        return Err(Fault::wrong("all parts must be the same length"));
    }
    let length = first.len() - 1;
    let xs: Vec<u8> = shares.iter().map(|share| share[length]).collect();
    if xs.iter().enumerate().any(|(at, x)| *x == 0 || xs[..at].contains(x)) {
        return Err(Fault::wrong("duplicate part detected"));
    }
    let weights: Vec<u8> = (0..xs.len()).map(|at| weight(&xs, at)).collect();
    let secret = (0..length)
        .map(|byte| shares.iter().zip(&weights).fold(0, |sum, (share, weight)| sum ^ multiply(share[byte], *weight)))
        .collect::<Vec<u8>>();
    Ok(secret.into())
}

fn shares(secret: &[u8], parts: usize, threshold: usize, rng: &mut (impl CryptoRng + ?Sized)) -> Vec<SecretBytes> {
    let mut shares: Vec<Vec<u8>> = (0..parts).map(|_| Vec::with_capacity(secret.len() + 1)).collect();
    let mut polynomial = Zeroizing::new(vec![0; threshold]);
    for byte in secret {
        polynomial[0] = *byte;
        rng.fill_bytes(&mut polynomial[1..]);
        for (share, x) in shares.iter_mut().zip(1..) {
            share.push(evaluate(&polynomial, x));
        }
    }
    for (share, x) in shares.iter_mut().zip(1..) {
        share.push(x);
    }
    shares.into_iter().map(SecretBytes::new).collect()
}

/// Horner's rule; the constant term comes first.
fn evaluate(polynomial: &[u8], x: u8) -> u8 {
    polynomial.iter().rev().fold(0, |sum, coefficient| multiply(sum, x) ^ coefficient)
}

/// The share's factor in the interpolation at 0.
fn weight(xs: &[u8], at: usize) -> u8 {
    xs.iter()
        .enumerate()
        .filter(|(other, _)| *other != at)
        .fold(1, |product, (_, x)| multiply(product, multiply(*x, inverse(*x ^ xs[at]))))
}

/// Multiplication modulo x^8+x^4+x^3+x+1, without a table or a branch that depends on the values.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut a) = (0, a);
    for bit in 0..8 {
        product ^= a & (b >> bit & 1).wrapping_neg();
        a = (a << 1) ^ (0x1B & (a >> 7).wrapping_neg());
    }
    product
}

/// a^254, which is 1/a.
fn inverse(a: u8) -> u8 {
    let mut power = a;
    let mut product = 1;
    for _ in 0..7 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

#[cfg(test)]
mod tests;
