//! The tenant's signing keys and the tokens they sign.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    error::{KeyRejected, Unspecified},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the cryptography library could not make or use an RSA key")]
    Unspecified(#[from] Unspecified),
    #[error("a stored signing key is not an RSA key in PKCS #8 form")]
    Rejected(#[from] KeyRejected),
    #[error("the cryptography library told a public key in an unexpected form")]
    Encoding,
}

pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) not_before: i64,
    pair: RsaKeyPair,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl SigningKey {
    pub(super) fn generate(now: i64) -> Result<Self, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let kid = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        Self::new(kid, now, pair)
    }

    pub(super) fn from_pkcs8(kid: String, not_before: i64, der: &[u8]) -> Result<Self, KeyError> {
        Self::new(kid, not_before, RsaKeyPair::from_pkcs8(der)?)
    }

    fn new(kid: String, not_before: i64, pair: RsaKeyPair) -> Result<Self, KeyError> {
        let (modulus, exponent) =
            public_numbers(pair.public_key().as_ref()).ok_or(KeyError::Encoding)?;
        Ok(Self {
            kid,
            not_before,
            pair,
            modulus,
            exponent,
        })
    }

    pub(super) fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der()?;
        Ok(der.as_ref().to_vec())
    }

    /// The members observed in B2C's documents: no `alg`, no `x5c`.
    pub(super) fn to_jwk(&self) -> Value {
        json!({
            "kid": self.kid,
            "nbf": self.not_before,
            "use": "sig",
            "kty": "RSA",
            "e": URL_SAFE_NO_PAD.encode(&self.exponent),
            "n": URL_SAFE_NO_PAD.encode(&self.modulus),
        })
    }

    /// Whether a signature (RS256) is this key's.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = self.pair.public_key().as_ref();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(message, signature)
            .is_ok()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )?;
        Ok(signature)
    }

    /// The text an attacker would use as a shared secret when a verifier
    /// lets the token choose the algorithm.
    fn public_pem(&self) -> Result<String, KeyError> {
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der()?;
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .filter_map(|start| text.get(start..text.len().min(start + 64)))
            .collect();
        Ok(format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        ))
    }
}

/// How a token is signed; everything but the first is for tests of whoever
/// verifies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Signature {
    #[default]
    Rs256,
    None,
    /// HS256, with the PEM text of the public key as the shared secret.
    Hs256PublicKey,
    /// RS256 with a key that the tenant does not publish, under the `kid` of
    /// one that it does.
    OtherKey,
    /// A signature that is right but for its last byte.
    Broken,
}

/// Puts a token together. `header` is laid over the usual header last.
pub(super) fn sign_token(
    key: &SigningKey,
    signature: Signature,
    kid: &str,
    header: &Map<String, Value>,
    claims: &Map<String, Value>,
) -> Result<String, KeyError> {
    let algorithm = match signature {
        Signature::Rs256 | Signature::OtherKey | Signature::Broken => "RS256",
        Signature::None => "none",
        Signature::Hs256PublicKey => "HS256",
    };
    let mut members = Map::new();
    members.insert("typ".to_owned(), "JWT".into());
    members.insert("alg".to_owned(), algorithm.into());
    members.insert("kid".to_owned(), kid.into());
    members.extend(header.clone());
    let encode =
        |part: &Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string());
    let input = format!("{}.{}", encode(&members), encode(claims));
    let bytes = match signature {
        Signature::Rs256 | Signature::OtherKey => key.sign(input.as_bytes())?,
        Signature::None => Vec::new(),
        Signature::Hs256PublicKey => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem()?.as_bytes());
            hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
        }
        Signature::Broken => {
            let mut bytes = key.sign(input.as_bytes())?;
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            bytes
        }
    };
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Left half of the SHA-256, as `at_hash` and `c_hash` want it (OpenID Connect
/// Core 3.1.3.6).
pub(super) fn half_hash(value: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    let half = digest.as_ref().get(..16).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(half)
}

/// A GUID for a text, always the same one.
pub(super) fn derived_id(value: &str) -> uuid::Uuid {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *from;
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

pub(super) fn sha256(value: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref())
}

/// A number for a text, always the same one.
pub(super) fn digits(value: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, value.as_bytes());
    let number = digest.as_ref().iter().take(8).fold(0_u64, |sum, byte| {
        sum.wrapping_mul(256).wrapping_add(u64::from(*byte))
    });
    format!("{number:020}")
}

/// Modulus and exponent of an RFC 8017 `RSAPublicKey`: a SEQUENCE of two
/// INTEGERs, without the sign bytes.
fn public_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    let unsigned = |bytes: &[u8]| match bytes {
        [0, rest @ ..] => rest.to_vec(),
        all => all.to_vec(),
    };
    Some((unsigned(modulus), unsigned(exponent)))
}

/// Content of the DER element at the start, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        let length = digits.iter().try_fold(0_usize, |sum, &digit| {
            sum.checked_mul(256)?.checked_add(usize::from(digit))
        })?;
        (length, rest)
    };
    (first == tag).then(|| rest.split_at_checked(length))?
}
