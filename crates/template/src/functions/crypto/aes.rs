//! `encryptAES` and `decryptAES`: AES-256-CBC, the password's bytes as key, the IV in front, base64 around it.
//! No authentication: the peer's format has none. Specification: ESO §7.5.

use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base::encoding::Base64;
use zeroize::Zeroizing;

use crate::functions::{Args, Outcome, Run};
use crate::value::Value;

const BLOCK: usize = 16;

/// The password's first 32 bytes, zeros behind.
fn key(password: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password[..length]);
    key
}

/// `encryptAES password text`; an empty text stays empty.
pub fn encrypt(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let (password, text) = (args.text(0), args.text(1));
    if text.is_empty() {
        return Ok(Value::text(""));
    }
    run.fuel.make(text.len() * 2)?;
    let mut iv = [0; BLOCK];
    run.rng.fill_bytes(&mut iv);
    let cipher = cbc::Encryptor::<aes::Aes256>::new((&*key(password)).into(), &iv.into());
    let encrypted = cipher.encrypt_padded_vec::<Pkcs7>(text);
    run.text(Base64::Standard.encode(&[&iv, encrypted.as_slice()].concat()))
}

/// `decryptAES password text`: the padding's length is believed, as in the peer, but never beyond the text.
pub fn decrypt(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let (password, text) = (args.text(0), args.text(1));
    if text.is_empty() {
        return Ok(Value::text(""));
    }
    let bytes = Base64::Standard.decode_or_place(text).map_err(|place| place.to_string())?;
    let Some((iv, encrypted)) = bytes.expose().split_first_chunk::<BLOCK>() else {
        return Err("the text is shorter than an initialization vector".to_owned());
    };
    let cipher = cbc::Decryptor::<aes::Aes256>::new((&*key(password)).into(), iv.into());
    let plain = cipher.decrypt_padded_vec::<NoPadding>(encrypted);
    let mut plain = plain.map_err(|_| "crypto/cipher: input not full blocks".to_owned())?;
    let padding = usize::from(*plain.last().ok_or("there is nothing behind the initialization vector")?);
    let Some(length) = plain.len().checked_sub(padding) else {
        return Err("the padding is longer than the text: is the password right".to_owned());
    };
    plain.truncate(length);
    run.text(plain)
}
