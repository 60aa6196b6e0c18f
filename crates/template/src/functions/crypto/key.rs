//! Private keys: read from PKCS#1, PKCS#8 and SEC 1 in PEM, made anew, written in the form that Go writes.
//! Inside they are PKCS#8 in DER, which every library takes. Not here: what is done with them.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base::SecretBytes;
use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs8::der::asn1::{AnyRef, UintRef};
use rsa::pkcs8::der::{Encode as _, Tag};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, PrivateKeyInfoRef};

use crate::functions::{Run, pem};

/// A private key as PKCS#8 in DER.
pub struct Key(SecretBytes);

/// Why a text is no key.
pub mod invalid {
    /// There is no PEM block.
    pub const NO_PEM: &str = "no PEM data in input";
    /// There is one, but its content is no key that we know.
    pub const NO_KEY: &str = "the PEM block holds no private key";
}

const RSA_OID: &str = "1.2.840.113549.1.1.1";
const EC_OID: &str = "1.2.840.10045.2.1";

const CURVES: [&EcdsaSigningAlgorithm; 3] =
    [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING];

fn failed<E>(_: E) -> String {
    "the key cannot be made".to_owned()
}

impl Key {
    /// Reads the first block of a PEM text, whatever it calls itself.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let block = pem::blocks(text).next().ok_or(invalid::NO_PEM)?;
        Self::from_der(block.contents())
    }

    /// Reads a key in any of the three forms.
    pub fn from_der(der: &[u8]) -> Result<Self, &'static str> {
        if PrivateKeyInfoRef::try_from(der).is_ok() {
            return Ok(Self(SecretBytes::from(der)));
        }
        if let Ok(key) = rsa::PrivateKey::from_pkcs1_der(der) {
            return Self::from_rsa(&key).map_err(|_| invalid::NO_KEY);
        }
        let curve = CURVES.iter().find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok());
        curve.and_then(|key| Self::from_ec(&key).ok()).ok_or(invalid::NO_KEY)
    }

    /// The key in PKCS#8.
    pub fn der(&self) -> &[u8] {
        self.0.expose()
    }

    /// An RSA key.
    pub fn from_rsa(key: &rsa::PrivateKey) -> Result<Self, String> {
        let der = key.to_pkcs8_der().map_err(failed)?;
        Ok(Self(SecretBytes::from(der.as_bytes())))
    }

    /// A key on an elliptic curve.
    pub fn from_ec(key: &EcdsaKeyPair) -> Result<Self, String> {
        let der = key.to_pkcs8v1().map_err(failed)?;
        Ok(Self(SecretBytes::from(der.as_ref())))
    }

    /// A key on Edwards' curve.
    pub fn from_ed25519(key: &Ed25519KeyPair) -> Result<Self, String> {
        let der = key.to_pkcs8v1().map_err(failed)?;
        Ok(Self(SecretBytes::from(der.as_ref())))
    }

    /// A new RSA key of that many bits.
    pub fn rsa(bits: u32) -> Result<Self, String> {
        let size = if bits == 4096 { KeySize::Rsa4096 } else { KeySize::Rsa2048 };
        let key = aws_lc_rs::rsa::KeyPair::generate(size).map_err(failed)?;
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
        Ok(Self(SecretBytes::from(der.as_ref())))
    }

    /// A new key on P-256.
    pub fn ecdsa() -> Result<Self, String> {
        Self::from_ec(&EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?)
    }

    /// A new key on Edwards' curve.
    pub fn ed25519() -> Result<Self, String> {
        Self::from_ed25519(&Ed25519KeyPair::generate().map_err(failed)?)
    }

    /// The key for RSA's operations.
    pub fn to_rsa(&self) -> Result<rsa::PrivateKey, String> {
        rsa::PrivateKey::from_pkcs8_der(self.der()).map_err(|_| invalid::NO_KEY.to_owned())
    }

    /// The key as sprig writes it: `RSA PRIVATE KEY`, `EC PRIVATE KEY`, else PKCS#8.
    pub fn to_pem(&self) -> Result<String, String> {
        let info = PrivateKeyInfoRef::try_from(self.der()).map_err(|_| invalid::NO_KEY.to_owned())?;
        match info.algorithm.oid.to_string().as_str() {
            RSA_OID => {
                let der = self.to_rsa()?.to_pkcs1_der().map_err(failed)?;
                Ok(pem::written("RSA PRIVATE KEY", der.as_bytes()))
            }
            EC_OID => {
                let key = CURVES.iter().find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, self.der()).ok());
                let key = key.ok_or_else(|| invalid::NO_KEY.to_owned())?;
                let der: aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_> =
                    key.private_key().as_der().map_err(failed)?;
                Ok(pem::written("EC PRIVATE KEY", der.as_ref()))
            }
            _ => Ok(self.to_pkcs8_pem()),
        }
    }

    /// The key as `PRIVATE KEY`.
    pub fn to_pkcs8_pem(&self) -> String {
        pem::written("PRIVATE KEY", self.der())
    }
}

/// A new DSA key of 2048 and 256 bits, in OpenSSL's form, which no standard has: a list of numbers.
pub fn dsa(run: &mut Run<'_>) -> Result<String, String> {
    let components = dsa::Components::try_generate_from_rng_with_key_size(&mut run.rng, dsa::KeySize::DSA_2048_256);
    let components = components.map_err(failed)?;
    let key = dsa::SigningKey::try_generate_from_rng_with_components(&mut run.rng, components).map_err(failed)?;
    dsa_pem(&key)
}

/// The key as OpenSSL writes it.
pub fn dsa_pem(key: &dsa::SigningKey) -> Result<String, String> {
    let public = key.verifying_key();
    let (p, q, g) = (public.components().p(), public.components().q(), public.components().g());
    let mut numbers = 0_u8.to_der().map_err(failed)?;
    let parts: [&rsa::BoxedUint; 5] = [p.as_ref(), q.as_ref(), g.as_ref(), public.y().as_ref(), key.x().as_ref()];
    for number in parts {
        numbers.extend(UintRef::new(&number.to_be_bytes()).and_then(|number| number.to_der()).map_err(failed)?);
    }
    let der = AnyRef::new(Tag::Sequence, &numbers).and_then(|list| list.to_der()).map_err(failed)?;
    Ok(pem::written("DSA PRIVATE KEY", &der))
}
