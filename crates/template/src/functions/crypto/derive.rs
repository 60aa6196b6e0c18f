//! `derivePassword`: a site's password from a master password, by the algorithm of Master Password (version 3).
//! scrypt makes a key of the user, HMAC-SHA-256 a seed of the site, and the seed picks a template and its characters.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::cost;
use crate::functions::{Args, Outcome, Run};

const SCOPE: &[u8] = b"com.lyndir.masterpassword";

/// The kinds of passwords and their templates; a letter of a template stands for one of a class.
const KINDS: [(&str, &[&str]); 6] = [
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        "long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
];

/// The classes of characters.
const CLASSES: [(u8, &[u8]); 9] = [
    (b'V', b"AEIOU"),
    (b'C', b"BCDFGHJKLMNPQRSTVWXYZ"),
    (b'v', b"aeiou"),
    (b'c', b"bcdfghjklmnpqrstvwxyz"),
    (b'A', b"AEIOUBCDFGHJKLMNPQRSTVWXYZ"),
    (b'a', b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"),
    (b'n', b"0123456789"),
    (b'o', b"@&%?,=[]_:-+*$#!'^~;()/."),
    (b'x', b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()"),
];

/// `derivePassword counter kind password user site`
pub fn password(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let kind = KINDS.iter().find(|(name, _)| name.as_bytes() == args.text(1));
    let Some((_, templates)) = kind else {
        return run.text([b"cannot find password template ", args.text(1)].concat());
    };
    run.fuel.burn(cost::SCRYPT)?;
    let counter = u32::try_from(args.int(0)).unwrap_or(0);
    let (password, user, site) = (args.text(2), args.text(3), args.text(4));
    let salt = [SCOPE, &length(user), user].concat();
    let params = scrypt::Params::new(15, 8, 2, 64).map_err(|error| format!("failed to derive password: {error}"))?;
    let mut key = Zeroizing::new([0; 64]);
    scrypt::scrypt(password, &salt, &params, &mut *key)
        .map_err(|error| format!("failed to derive password: {error}"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).map_err(|error| error.to_string())?;
    for part in [SCOPE, &length(site), site, &counter.to_be_bytes()] {
        mac.update(part);
    }
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let pick = |(index, letter): (usize, u8)| {
        let (_, class) = CLASSES.iter().find(|(name, _)| *name == letter).expect("templates are made of the classes");
        class[usize::from(seed[index + 1]) % class.len()]
    };
    run.text(template.bytes().enumerate().map(pick).collect::<Vec<u8>>())
}

fn length(text: &[u8]) -> [u8; 4] {
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes()
}
