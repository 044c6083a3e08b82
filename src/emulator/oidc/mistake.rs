//! What can be wrong with a request of an application. Each of the platforms
//! has codes and words of its own for it.

mod b2c;
mod entra;

pub(super) use self::entra::CANCELLED;
use super::{Authority, OAuthError};
use crate::emulator::state::Tenant;

#[derive(Debug)]
pub(super) enum Mistake<'a> {
    RepeatedParameter(&'a str),
    /// Of the token endpoint, and of the authorize endpoint for those
    /// parameters that have no words of their own.
    MissingParameter(&'static str),
    NoClientId,
    UnknownClient {
        client_id: String,
        at: At,
    },
    /// No user flow is chosen for the application (External ID).
    NoFlow {
        client_id: String,
        at: At,
    },
    UnregisteredRedirectUri {
        client_id: &'a str,
        redirect_uri: &'a str,
    },
    ResponseType(&'a str),
    ResponseMode(&'a str),
    NoScope,
    ScopeWithoutOpenId,
    Prompt,
    ChallengeMethod,
    NoChallenge,
    NoForm,
    BrokenBasic,
    TwoCredentials,
    OtherClientId,
    WrongSecret,
    NoSecret,
    SecretOfPublicClient,
    GrantType(&'a str),
    /// The account that the grant is for was removed.
    AccountGone,
    /// Nobody was given it, or somebody else.
    ForeignGrant,
    OtherRedirectUri {
        given: &'a str,
        expected: String,
    },
    RedeemedCode,
    ExpiredGrant {
        now: i64,
        issued_at: i64,
        lifetime: i64,
    },
    MalformedVerifier,
    WrongVerifier,
    UnknownRefreshToken,
    /// The account's password is another one since.
    RevokedGrant,
    UnregisteredLogoutUri(&'a str),
    /// Our own.
    Internal,
}

/// The endpoint that was asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Authorize,
    Token,
}

impl Mistake<'_> {
    /// In the words of the platform that was asked.
    pub(super) fn worded(&self, tenant: &Tenant, authority: Authority) -> OAuthError {
        match authority {
            Authority::B2c => b2c::worded(self, tenant),
            Authority::ExternalId(_) => entra::worded(self, tenant),
        }
    }
}

impl Authority {
    /// What ended a journey, in the platform's words: the engine's are B2C's.
    pub(in crate::emulator) fn reworded(self, error: OAuthError) -> OAuthError {
        match self {
            Self::B2c => error,
            Self::ExternalId(_) => entra::reworded(error),
        }
    }
}
