//! Keys, certificates, passwords and encryption: sprig's, and External Secrets' own where they need a private key.
//! Here and in the rooms below, libraries draw randomness of their own for keys, serial numbers and salts; what a template asks for
//! by name (`randBytes`, `uuidv4`, `bcrypt`'s salt) comes from the run's source. Each call costs steps by what it computes.
//! Specification: ESO §7.5, §8.4, §8.5.

mod aes;
mod derive;
mod issue;
mod key;
mod pkcs12;

pub use key::Key;
#[cfg(test)]
pub use key::dsa_pem;
use key::invalid;

use base::encoding::Base64;
use sha1::Digest as _;

use super::Type::{Certificate, HashAlgorithm, Int, List, Text, Uint32};
use super::{Args, Function, Outcome, Run, letters, row};
use crate::value::Value;

pub const SPRIG: &[Function] = &[
    row("genPrivateKey", &[Text], generate),
    row("genCA", &[Text, Int], issue::authority),
    row("genCAWithKey", &[Text, Int, Text], issue::authority),
    row("genSelfSignedCert", &[Text, List, List, Int], issue::self_signed),
    row("genSelfSignedCertWithKey", &[Text, List, List, Int, Text], issue::self_signed),
    row("genSignedCert", &[Text, List, List, Int, Certificate], issue::signed),
    row("genSignedCertWithKey", &[Text, List, List, Int, Certificate, Text], issue::signed),
    row("buildCustomCert", &[Text, Text], issue::custom),
    row("derivePassword", &[Uint32, Text, Text, Text, Text], derive::password),
    row("bcrypt", &[Text], |run, args| {
        let hash = bcrypt_hash(run, args.text(0))?;
        run.text(hash)
    }),
    row("htpasswd", &[Text, Text], |run, args| password_line(run, args, false)),
    row("encryptAES", &[Text, Text], aes::encrypt),
    row("decryptAES", &[Text, Text], aes::decrypt),
    row("randBytes", &[Int], |run, args| {
        let Ok(count) = usize::try_from(args.int(0)) else {
            return Err("runtime error: makeslice: len out of range".to_owned());
        };
        run.fuel.make(count)?;
        let mut bytes = vec![0; count];
        run.rng.fill_bytes(&mut bytes);
        run.text(Base64::Standard.encode(&bytes))
    }),
    row("uuidv4", &[], |run, _| {
        let mut bytes = [0; 16];
        run.rng.fill_bytes(&mut bytes);
        run.text(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }),
];

pub const EXTERNAL_SECRETS: &[Function] = &[
    row("htpasswd", &[Text, Text, HashAlgorithm], |run, args| password_line(run, args, args.text(2) == b"sha")),
    row("rsaDecrypt", &[Text, Text, Text, Text], rsa_decrypt),
    row("pkcs12key", &[Text], |run, args| pkcs12::key(run, "", args.text(0))),
    row("pkcs12keyPass", &[Text, Text], |run, args| pkcs12::key(run, &letters(args.text(0)), args.text(1))),
    row("pkcs12cert", &[Text], |run, args| pkcs12::certificates(run, "", args.text(0))),
    row("pkcs12certPass", &[Text, Text], |run, args| pkcs12::certificates(run, &letters(args.text(0)), args.text(1))),
    row("pemToPkcs12", &[Text, Text], |run, args| pkcs12::written(run, args, "", false)),
    row("pemToPkcs12Pass", &[Text, Text, Text], |run, args| pkcs12::written(run, args, &letters(args.text(2)), false)),
    row("fullPemToPkcs12", &[Text, Text], |run, args| pkcs12::written(run, args, "", true)),
    row("fullPemToPkcs12Pass", &[Text, Text, Text], |run, args| {
        pkcs12::written(run, args, &letters(args.text(2)), true)
    }),
    row("pemTruststoreToPKCS12", &[Text], |run, args| pkcs12::trust_store(run, args, "")),
    row("pemTruststoreToPKCS12Pass", &[Text, Text], |run, args| pkcs12::trust_store(run, args, &letters(args.text(1)))),
];

/// What heavy computations cost in steps, so that the budget of a run bounds its time: about one step for 100 ns.
mod cost {
    pub const BCRYPT: u64 = 500_000;
    pub const SCRYPT: u64 = 1_000_000;
    pub const RSA_KEY: u64 = 1_000_000;
    pub const LARGE_RSA_KEY: u64 = 3_000_000;
    pub const DSA_KEY: u64 = 5_000_000;
    pub const SIGNATURE: u64 = 20_000;
    pub const PKCS12: u64 = 100_000;
}

fn generate(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let made = match args.text(0) {
        b"" | b"rsa" => {
            run.fuel.burn(cost::LARGE_RSA_KEY)?;
            Key::rsa(4096)
        }
        b"dsa" => {
            run.fuel.burn(cost::DSA_KEY)?;
            let text = key::dsa(run)?;
            return run.text(text);
        }
        b"ecdsa" => Key::ecdsa(),
        b"ed25519" => Key::ed25519(),
        other => return run.text([b"Unknown type ", other].concat()),
    };
    let text = made?.to_pem()?;
    run.text(text)
}

/// bcrypt of cost 10. What cannot be hashed gives a text that says so, as in the peer.
fn bcrypt_hash(run: &mut Run<'_>, password: &[u8]) -> Result<String, String> {
    const COST: u32 = 10;
    const LONGEST: usize = 72;
    if password.len() > LONGEST {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned());
    }
    run.fuel.burn(cost::BCRYPT)?;
    let mut salt = [0; 16];
    run.rng.fill_bytes(&mut salt);
    let parts = bcrypt::hash_with_salt(password, COST, salt)
        .map_err(|_| "failed to encrypt string with bcrypt: the password holds a NUL byte".to_owned())?;
    Ok(parts.format_for_version(bcrypt::Version::TwoA))
}

fn password_line(run: &mut Run<'_>, args: Args<'_>, is_sha: bool) -> Outcome {
    let (user, password) = (args.text(0), args.text(1));
    if user.contains(&b':') {
        return run.text([b"invalid username: ", user].concat());
    }
    let hash = if is_sha {
        format!("{{SHA}}{}", Base64::Standard.encode(&sha1::Sha1::digest(password)))
    } else {
        bcrypt_hash(run, password)?
    };
    run.text([user, b":", hash.as_bytes()].concat())
}

/// `rsaDecrypt scheme hash ciphertext key`
fn rsa_decrypt(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let (scheme, hash, ciphertext) = (args.text(0), args.text(1), args.text(2));
    match scheme {
        b"None" => return Ok(args.any(2).clone()),
        b"RSA-OAEP" => {}
        other => return Err(format!("decryption scheme {} is not supported", letters(other))),
    }
    let key = Key::parse(args.text(3)).map_err(|problem| match problem {
        invalid::NO_PEM => "failed to decode PEM block".to_owned(),
        _ => "could not parse RSA private key".to_owned(),
    })?;
    run.fuel.burn(cost::SIGNATURE)?;
    let key = key.to_rsa().map_err(|_| "could not parse RSA private key".to_owned())?;
    let plain = match hash {
        b"SHA1" => key.decrypt_blinded(&mut run.rng, rsa::Oaep::<sha1::Sha1>::new(), ciphertext),
        b"SHA512" => key.decrypt_blinded(&mut run.rng, rsa::Oaep::<sha2::Sha512>::new(), ciphertext),
        _ => key.decrypt_blinded(&mut run.rng, rsa::Oaep::<sha2::Sha256>::new(), ciphertext),
    };
    run.text(plain.map_err(|_| "error decrypting data with RSA: crypto/rsa: decryption error".to_owned())?)
}

/// The pair of texts that sprig's certificates are.
fn pair(certificate: String, key: String) -> Value {
    let fields = vec![("Cert", Value::text(certificate)), ("Key", Value::text(key))];
    Value::Record(std::rc::Rc::new(crate::value::Record { type_name: Certificate.name(), fields }))
}
