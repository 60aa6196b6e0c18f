//! Keys from JSON Web Keys (RFC 7517, RFC 8037) to PEM: RSA, elliptic curves and Ed25519.
//! Specification: ESO §8.4, §8.5: a private key for the public function, and `oct`, are errors.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base::SecretValue;
use base::encoding::Base64;
use rsa::BoxedUint;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::pkcs8::der::asn1::{AnyRef, BitString};
use rsa::pkcs8::der::{Encode as _, oid::ObjectIdentifier};
use rsa::pkcs8::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use crate::functions::crypto::Key;
use crate::functions::pem;

/// A curve: name in a JWK, identifier, bytes of a coordinate, how it signs.
const CURVES: [(&str, &str, usize, &EcdsaSigningAlgorithm); 3] = [
    ("P-256", "1.2.840.10045.3.1.7", 32, &ECDSA_P256_SHA256_ASN1_SIGNING),
    ("P-384", "1.3.132.0.34", 48, &ECDSA_P384_SHA384_ASN1_SIGNING),
    ("P-521", "1.3.132.0.35", 66, &ECDSA_P521_SHA512_ASN1_SIGNING),
];
const EC_OID: &str = "1.2.840.10045.2.1";
const ED25519_OID: &str = "1.3.101.112";

type Curve = (&'static str, &'static str, usize, &'static EcdsaSigningAlgorithm);

/// A JWK, taken apart.
struct Jwk(SecretValue);

fn failed<E>(_: E) -> String {
    "jwk: the key is not valid".to_owned()
}

impl Jwk {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let value = document::json::parse_value(text).map_err(|_| "jwk: the text is no JSON".to_owned())?;
        Ok(Self(value))
    }

    fn word(&self, name: &str) -> &str {
        match self.0.entry(name) {
            Some(SecretValue::Text(text)) => text.expose(),
            _ => "",
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.entry(name).is_some()
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let decoded = Base64::RawUrl.decode(self.word(name).trim_end_matches('=').as_bytes());
        let bytes = decoded.filter(|bytes| !bytes.is_empty());
        bytes
            .map(base::SecretBytes::into_exposed)
            .ok_or_else(|| format!("jwk: the field \"{name}\" is absent or not in base64url"))
    }

    fn number(&self, name: &str) -> Result<BoxedUint, String> {
        Ok(BoxedUint::from_be_slice_vartime(&self.bytes(name)?))
    }

    fn curve(&self) -> Result<Curve, String> {
        let curve = CURVES.into_iter().find(|(name, ..)| *name == self.word("crv"));
        curve.ok_or_else(|| "jwk: the curve is not supported".to_owned())
    }

    /// A number as so many bytes.
    fn padded(&self, name: &str, length: usize) -> Result<Vec<u8>, String> {
        let bytes = self.bytes(name)?;
        let missing = length.checked_sub(bytes.len()).ok_or_else(|| failed(()))?;
        Ok([vec![0; missing], bytes].concat())
    }

    fn point(&self, length: usize) -> Result<Vec<u8>, String> {
        Ok([vec![4], self.padded("x", length)?, self.padded("y", length)?].concat())
    }

    fn no_kind(&self) -> String {
        match self.word("kty") {
            "" => "jwk: the field \"kty\" is absent".to_owned(),
            "oct" => "jwk: a symmetric key has no such form".to_owned(),
            _ => "jwk: the kind of key is not supported".to_owned(),
        }
    }
}

/// The public key as `PUBLIC KEY`.
pub fn public(text: &[u8]) -> Result<String, String> {
    let jwk = Jwk::parse(text)?;
    if jwk.has("d") {
        return Err("jwk: the key is private, a public one was expected".to_owned());
    }
    let der = match jwk.word("kty") {
        "RSA" => {
            let key = rsa::PublicKey::new(jwk.number("n")?, jwk.number("e")?).map_err(failed)?;
            key.to_public_key_der().map_err(failed)?.as_bytes().to_vec()
        }
        "EC" => {
            let (_, curve, length, _) = jwk.curve()?;
            let curve = ObjectIdentifier::new_unwrap(curve);
            public_info(EC_OID, Some(AnyRef::from(&curve)), &jwk.point(length)?)?
        }
        "OKP" if jwk.word("crv") == "Ed25519" => public_info(ED25519_OID, None, &jwk.padded("x", 32)?)?,
        _ => return Err(jwk.no_kind()),
    };
    Ok(pem::written("PUBLIC KEY", &der))
}

fn public_info(algorithm: &str, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Vec<u8>, String> {
    let algorithm = AlgorithmIdentifier { oid: ObjectIdentifier::new(algorithm).map_err(failed)?, parameters };
    let subject_public_key = BitString::from_bytes(key).map_err(failed)?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().map_err(failed)
}

/// The private key as PKCS#8.
pub fn private(text: &[u8]) -> Result<String, String> {
    let jwk = Jwk::parse(text)?;
    let key = match jwk.word("kty") {
        "RSA" | "EC" | "OKP" if !jwk.has("d") => {
            return Err("jwk: the key is public, a private one was expected".to_owned());
        }
        "RSA" => {
            let primes = match (jwk.has("p"), jwk.has("q")) {
                (true, true) => vec![jwk.number("p")?, jwk.number("q")?],
                _ => Vec::new(),
            };
            let (modulus, public, private) = (jwk.number("n")?, jwk.number("e")?, jwk.number("d")?);
            let key = rsa::PrivateKey::from_components(modulus, public, private, primes).map_err(failed)?;
            Key::from_rsa(&key)?
        }
        "EC" => {
            let (_, _, length, curve) = jwk.curve()?;
            let (private, point) = (jwk.padded("d", length)?, jwk.point(length)?);
            Key::from_ec(&EcdsaKeyPair::from_private_key_and_public_key(curve, &private, &point).map_err(failed)?)?
        }
        "OKP" if jwk.word("crv") == "Ed25519" => {
            let seed = jwk.padded("d", 32)?;
            Key::from_ed25519(&Ed25519KeyPair::from_seed_unchecked(&seed).map_err(failed)?)?
        }
        _ => return Err(jwk.no_kind()),
    };
    Ok(key.to_pkcs8_pem())
}
