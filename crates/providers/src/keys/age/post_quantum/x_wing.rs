//! X-Wing, the KEM of ML-KEM-768 and X25519 together (draft-connolly-cfrg-xwing-kem), in the shape that HPKE wants.
//! Both halves, the hashes and HPKE are libraries; here they are only put together.
//! Not here: age's stanza (`post_quantum`). Specification: SOPS §5.1, RFC 9180.

use hpke::generic_array::GenericArray;
use hpke::generic_array::typenum::{Sum, U32, U96, U192, U1024};
use hpke::kem::SharedSecret;
use hpke::rand_core::{CryptoRng, Error, RngCore};
use hpke::{Deserializable, HpkeError, Kem, Serializable};
use ml_kem::kem::{Decapsulate, DecapsulationKey, EncapsulationKey};
use ml_kem::{Ciphertext, EncapsulateDeterministic, EncodedSizeUser, KemCore, MlKem768, MlKem768Params};
use rand::Rng;
use sha3_xof::digest::{ExtendableOutput, Update, XofReader};
use sha3_xof::{Digest, Sha3_256, Shake256};
use x25519_dalek::{PublicKey as Point, StaticSecret};
use zeroize::Zeroizing;

/// The KEM.
pub(super) struct XWing;

/// 1,216 bytes: ML-KEM's key, then X25519's.
#[derive(Clone, PartialEq)]
pub(super) struct PublicKey {
    lattice: EncapsulationKey<MlKem768Params>,
    curve: Point,
}

/// 32 bytes, from which both halves are expanded.
#[derive(Clone)]
pub(super) struct PrivateKey {
    seed: Zeroizing<[u8; 32]>,
    lattice: DecapsulationKey<MlKem768Params>,
    curve: StaticSecret,
}

/// 1,120 bytes: ML-KEM's ciphertext, then an X25519 key.
#[derive(Clone)]
pub(super) struct Encapsulated {
    lattice: Ciphertext<MlKem768>,
    curve: Point,
}

/// The system's entropy, in the shape of the older trait that HPKE and age use.
pub(super) struct Entropy;

const LATTICE_KEY_BYTES: usize = 1184;
const LATTICE_CIPHERTEXT_BYTES: usize = 1088;

/// `\.//^\`, the wing.
const LABEL: &[u8] = b"\\.//^\\";

impl Kem for XWing {
    type PublicKey = PublicKey;
    type PrivateKey = PrivateKey;
    type EncappedKey = Encapsulated;
    type NSecret = U32;
    const KEM_ID: u16 = 0x647a;

    fn sk_to_pk(private: &PrivateKey) -> PublicKey {
        PublicKey { lattice: private.lattice.encapsulation_key().clone(), curve: Point::from(&private.curve) }
    }

    fn derive_keypair(material: &[u8]) -> (PrivateKey, PublicKey) {
        let mut seed = Zeroizing::new([0; 32]);
        Shake256::default().chain(material).finalize_xof().read(&mut *seed);
        let private = PrivateKey::expand(seed);
        let public = Self::sk_to_pk(&private);
        (private, public)
    }

    fn decap(
        private: &PrivateKey,
        sender: Option<&PublicKey>,
        encapsulated: &Encapsulated,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        if sender.is_some() {
            return Err(HpkeError::DecapError);
        }
        let lattice = private.lattice.decapsulate(&encapsulated.lattice).map_err(|()| HpkeError::DecapError)?;
        let curve = private.curve.diffie_hellman(&encapsulated.curve);
        Ok(combine(&lattice, curve.as_bytes(), &encapsulated.curve, &Point::from(&private.curve)))
    }

    fn encap<R: CryptoRng + RngCore>(
        public: &PublicKey,
        sender: Option<(&PrivateKey, &PublicKey)>,
        rng: &mut R,
    ) -> Result<(SharedSecret<Self>, Encapsulated), HpkeError> {
        if sender.is_some() {
            return Err(HpkeError::EncapError);
        }
        let mut random = Zeroizing::new([0; 64]);
        rng.fill_bytes(&mut *random);
        let (message, ephemeral) = halves(&random);
        let (ciphertext, lattice) =
            public.lattice.encapsulate_deterministic(&message.into()).map_err(|_| HpkeError::EncapError)?;
        let ephemeral = StaticSecret::from(ephemeral);
        let encapsulated = Encapsulated { lattice: ciphertext, curve: Point::from(&ephemeral) };
        let curve = ephemeral.diffie_hellman(&public.curve);
        Ok((combine(&lattice, curve.as_bytes(), &encapsulated.curve, &public.curve), encapsulated))
    }
}

impl PrivateKey {
    fn expand(seed: Zeroizing<[u8; 32]>) -> Self {
        let mut stream = Shake256::default().chain(*seed).finalize_xof();
        let (mut lattice, mut curve) = (Zeroizing::new([0; 64]), Zeroizing::new([0; 32]));
        stream.read(&mut *lattice);
        stream.read(&mut *curve);
        let (d, z) = halves(&lattice);
        let (lattice, _) = MlKem768::generate_deterministic(&d.into(), &z.into());
        Self { seed, lattice, curve: StaticSecret::from(*curve) }
    }
}

fn halves(bytes: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let half = |at: usize| std::array::from_fn(|index| bytes[at + index]);
    (half(0), half(32))
}

fn combine(lattice: &[u8], curve: &[u8], encapsulated: &Point, recipient: &Point) -> SharedSecret<XWing> {
    let parts = [lattice, curve, encapsulated.as_bytes(), recipient.as_bytes(), LABEL];
    let mut digest = Sha3_256::new();
    parts.iter().for_each(|part| Digest::update(&mut digest, part));
    let bytes: [u8; 32] = digest.finalize().into();
    SharedSecret(GenericArray::from(bytes))
}

/// `bytes` where they have that length, split behind the first part.
fn split(bytes: &[u8], first: usize, length: usize) -> Result<(&[u8], [u8; 32]), HpkeError> {
    if bytes.len() != length {
        return Err(HpkeError::IncorrectInputLength(length, bytes.len()));
    }
    let (first, second) = bytes.split_at(first);
    Ok((first, second.try_into().map_err(|_| HpkeError::ValidationError)?))
}

impl Deserializable for PublicKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let (lattice, curve) = split(bytes, LATTICE_KEY_BYTES, LATTICE_KEY_BYTES + 32)?;
        let lattice = lattice.try_into().map_err(|_| HpkeError::ValidationError)?;
        Ok(Self { lattice: EncapsulationKey::from_bytes(lattice), curve: Point::from(curve) })
    }
}

impl Serializable for PublicKey {
    type OutputSize = Sum<U1024, U192>;

    fn write_exact(&self, out: &mut [u8]) {
        out[..LATTICE_KEY_BYTES].copy_from_slice(&self.lattice.as_bytes());
        out[LATTICE_KEY_BYTES..].copy_from_slice(self.curve.as_bytes());
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey").finish_non_exhaustive()
    }
}

impl Deserializable for PrivateKey {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let seed = bytes.try_into().map_err(|_| HpkeError::IncorrectInputLength(32, bytes.len()))?;
        Ok(Self::expand(Zeroizing::new(seed)))
    }
}

impl Serializable for PrivateKey {
    type OutputSize = U32;

    fn write_exact(&self, out: &mut [u8]) {
        out.copy_from_slice(&*self.seed);
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        base::SecretBytes::from(&self.seed[..]) == base::SecretBytes::from(&other.seed[..])
    }
}

impl Eq for PrivateKey {}

impl Deserializable for Encapsulated {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let (lattice, curve) = split(bytes, LATTICE_CIPHERTEXT_BYTES, LATTICE_CIPHERTEXT_BYTES + 32)?;
        let lattice = lattice.try_into().map_err(|_| HpkeError::ValidationError)?;
        Ok(Self { lattice, curve: Point::from(curve) })
    }
}

impl Serializable for Encapsulated {
    type OutputSize = Sum<U1024, U96>;

    fn write_exact(&self, out: &mut [u8]) {
        out[..LATTICE_CIPHERTEXT_BYTES].copy_from_slice(&self.lattice);
        out[LATTICE_CIPHERTEXT_BYTES..].copy_from_slice(self.curve.as_bytes());
    }
}

impl RngCore for Entropy {
    fn next_u32(&mut self) -> u32 {
        rand::rng().next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        rand::rng().next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Entropy {}
