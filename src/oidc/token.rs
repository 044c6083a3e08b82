//! ID tokens: what `openidconnect` checks, and what it leaves to its caller.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreIdToken, CoreJsonWebKey, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    ClaimsVerificationError, ClientId, IdTokenVerifier, IssuerUrl, Nonce,
    SignatureVerificationError,
};
use time::{Duration, OffsetDateTime};

use super::claims::Claims;
use crate::domain::identity::Identity;
use crate::domain::tenant::Tenant;
use crate::domain::trust::Claimed;

/// How far a tenant's clock and ours may be apart.
pub(super) const LEEWAY: Duration = Duration::minutes(2);

/// What a verified token says about the person who signed in.
#[derive(Clone)]
pub struct VerifiedToken {
    pub identity: Identity,
    /// The one address in the token, as the tenant wrote it.
    pub email: Option<String>,
    pub claimed: Claimed,
    /// The application that the token was issued for.
    pub audience: String,
    /// The policy that issued it, as the tenant's settings spell it.
    pub policy: String,
}

/// Redacted: everything about the person is left out.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("provider", &self.identity.provider)
            .field("audience", &self.audience)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Why a token proves nothing. Says which check failed, never what the token
/// holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it cannot be read as a token")]
    Malformed,
    #[error("it is not signed with RS256")]
    Algorithm,
    #[error("its header asks for something that is not supported")]
    Header,
    #[error("it is signed with a key that the tenant does not publish")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its issuer is not the tenant's")]
    Issuer,
    #[error("it was not issued for this application alone")]
    Audience,
    #[error("its authorized party is another application")]
    AuthorizedParty,
    #[error("it comes from no accepted policy")]
    Policy,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("it was issued in the future")]
    IssuedInFuture,
    #[error("its nonce is not the expected one")]
    Nonce,
    #[error("it has no object id")]
    NoObjectId,
    /// Says nothing about the token: the tenant's keys could not be had.
    #[error("the tenant's keys cannot be had at the moment")]
    KeysUnavailable,
}

/// A token that has been read and not been believed yet.
pub(super) struct Unverified {
    token: CoreIdToken,
    claims: Claims,
}

impl Unverified {
    /// Reads a token, and refuses at once what no key could make acceptable.
    pub(super) fn read(text: &str) -> Result<Self, TokenError> {
        let token: CoreIdToken = text.parse().map_err(|_| TokenError::Malformed)?;
        match token.signing_alg() {
            Ok(CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256) => {}
            Ok(_) | Err(_) => return Err(TokenError::Algorithm),
        }
        let claims = Claims::peek(text)?;
        Ok(Self { token, claims })
    }

    /// The accepted policy that the token claims to come from, as the settings
    /// spell it. Where it names two, both must be accepted.
    pub(super) fn policy<'t>(&self, tenant: &'t Tenant) -> Result<&'t str, TokenError> {
        if !tenant.issued(&self.claims.iss) {
            return Err(TokenError::Issuer);
        }
        let mut accepted = self
            .claims
            .policies()
            .map(|named| spelled(tenant, named).ok_or(TokenError::Policy));
        let first = accepted.next().ok_or(TokenError::Policy)??;
        accepted.try_for_each(|policy| policy.map(|_| ()))?;
        Ok(first)
    }

    /// Whether `keys` hold the key that the token's header names.
    pub(super) fn has_key_in(&self, keys: &CoreJsonWebKeySet) -> bool {
        // Issuer and audience play no part in finding a key.
        let Ok(issuer) = IssuerUrl::new(self.claims.iss.clone()) else {
            return false;
        };
        let verifier =
            IdTokenVerifier::new_public_client(ClientId::new(String::new()), issuer, keys.clone());
        !matches!(
            self.token.signing_key(&verifier),
            Err(SignatureVerificationError::NoMatchingKey)
        )
    }

    /// Checks everything; the policy has been found by [`Unverified::policy`].
    pub(super) fn verify(
        &self,
        tenant: &Tenant,
        policy: &str,
        keys: &CoreJsonWebKeySet,
        expected: &Expected<'_>,
    ) -> Result<VerifiedToken, TokenError> {
        let audience = self.audience(expected.audiences)?;
        let issued_at = self.library_checks(keys, expected)?;
        check_beginning(self.claims.nbf, Some(issued_at), expected.now)?;
        let subject = self.claims.subject().ok_or(TokenError::NoObjectId)?;
        Ok(VerifiedToken {
            identity: Identity {
                issuer: tenant.issuer.clone(),
                subject,
                provider: self.claims.provider(tenant.missing_idp),
            },
            email: self.claims.email().map(str::to_owned),
            claimed: self.claims.claimed(),
            audience,
            policy: policy.to_owned(),
        })
    }

    /// The accepted application that the token is for. Client ids are GUIDs, so
    /// their case carries nothing.
    fn audience(&self, accepted: &BTreeSet<String>) -> Result<String, TokenError> {
        let find = |id: &str| accepted.iter().find(|own| own.eq_ignore_ascii_case(id));
        let audience = self.claims.audience().and_then(find);
        let audience = audience.ok_or(TokenError::Audience)?;
        match self.claims.azp.as_deref() {
            Some(party) if find(party).is_none() => Err(TokenError::AuthorizedParty),
            Some(_) | None => Ok(audience.clone()),
        }
    }

    /// Signature, header, issuer, audience, expiry and nonce, by the library.
    /// Always as a public client: a confidential one would take the client's
    /// secret for a key. Returns when the token was issued.
    fn library_checks(
        &self,
        keys: &CoreJsonWebKeySet,
        expected: &Expected<'_>,
    ) -> Result<i64, TokenError> {
        let issuer = IssuerUrl::new(self.claims.iss.clone()).map_err(|_| TokenError::Issuer)?;
        let client = self.claims.audience().ok_or(TokenError::Audience)?;
        // The library has no leeway, so its clock is set back by ours.
        let clock = instant(expected.now - LEEWAY).ok_or(TokenError::Expired)?;
        let verifier: IdTokenVerifier<'_, CoreJsonWebKey> = IdTokenVerifier::new_public_client(
            ClientId::new(client.to_owned()),
            issuer,
            keys.clone(),
        )
        .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256])
        .set_time_fn(move || clock);
        let claims = match expected.nonce {
            Some(nonce) => self.token.claims(&verifier, &Nonce::new(nonce.to_owned())),
            None => self.token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
        };
        claims
            .map(|claims| claims.issue_time().timestamp())
            .map_err(|error| which(&error))
    }
}

/// Whether a token is valid already: `nbf` and `iat`, which `openidconnect`
/// leaves to its caller.
pub(super) fn check_beginning(
    not_before: Option<i64>,
    issued_at: Option<i64>,
    now: OffsetDateTime,
) -> Result<(), TokenError> {
    let latest = (now + LEEWAY).unix_timestamp();
    if not_before.is_some_and(|not_before| not_before > latest) {
        return Err(TokenError::NotYetValid);
    }
    if issued_at.is_some_and(|issued_at| issued_at > latest) {
        return Err(TokenError::IssuedInFuture);
    }
    Ok(())
}

/// What a token is checked against.
pub(super) struct Expected<'a> {
    pub(super) audiences: &'a BTreeSet<String>,
    pub(super) nonce: Option<&'a str>,
    pub(super) now: OffsetDateTime,
}

/// The spelling that the tenant's settings have for a policy.
pub(super) fn spelled<'t>(tenant: &'t Tenant, policy: &str) -> Option<&'t str> {
    tenant
        .policies
        .iter()
        .find(|own| own.eq_ignore_ascii_case(policy))
        .map(String::as_str)
}

fn instant(time: OffsetDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.unix_timestamp(), 0)
}

/// The library's texts hold the token's values; only the kind is kept.
fn which(error: &ClaimsVerificationError) -> TokenError {
    use SignatureVerificationError as Signature;
    match error {
        ClaimsVerificationError::Expired(_) => TokenError::Expired,
        ClaimsVerificationError::InvalidAudience(_) => TokenError::Audience,
        ClaimsVerificationError::InvalidIssuer(_) => TokenError::Issuer,
        ClaimsVerificationError::InvalidNonce(_) => TokenError::Nonce,
        ClaimsVerificationError::Unsupported(_) => TokenError::Header,
        ClaimsVerificationError::SignatureVerification(signature) => match signature {
            Signature::NoMatchingKey => TokenError::UnknownKey,
            Signature::NoSignature | Signature::DisallowedAlg(_) | Signature::UnsupportedAlg(_) => {
                TokenError::Algorithm
            }
            _ => TokenError::Signature,
        },
        _ => TokenError::Malformed,
    }
}
