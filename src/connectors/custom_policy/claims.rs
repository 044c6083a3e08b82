//! The claims of a policy's request, whatever carried them: JSON, a form, a
//! query string or headers (`SendClaimsIn`, contracts.md §2.2 and §2.4).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use actix_web::http::header::HeaderMap;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use uuid::Uuid;

use crate::domain::identity::{LOCAL, Provider, Subject};
use crate::domain::request_id::RequestId;
use crate::domain::tenant::{MissingProvider, Tenant};
use crate::domain::trust::{Address, Claimed};
use crate::json;

/// The starter packs' own word for a local account (`authenticationSource`),
/// for policies that send that claim as `identityProvider`.
const LOCAL_ACCOUNT: &str = "localAccountAuthentication";

/// The claims that something rests on. A policy may send others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    ClientId,
    CorrelationId,
    Email,
    EmailVerified,
    IdentityProvider,
    IssuerUserId,
    ObjectId,
    UiLocales,
}

impl Name {
    /// Every spelling, as JSON, forms and query strings must have it. Names
    /// of headers have no case.
    const SPELLINGS: [(&'static str, Self); 10] = [
        ("clientId", Self::ClientId),
        ("correlationId", Self::CorrelationId),
        ("email", Self::Email),
        ("emailVerified", Self::EmailVerified),
        ("email_verified", Self::EmailVerified),
        ("identityProvider", Self::IdentityProvider),
        ("issuerUserId", Self::IssuerUserId),
        ("objectId", Self::ObjectId),
        ("uiLocale", Self::UiLocales),
        ("uiLocales", Self::UiLocales),
    ];

    fn read(spelling: &str) -> Option<Self> {
        let known = Self::SPELLINGS.iter().find(|(own, _)| *own == spelling);
        known.map(|(_, name)| *name)
    }

    fn spelling(self) -> &'static str {
        let known = Self::SPELLINGS.iter().find(|(_, name)| *name == self);
        known.map_or("", |(spelling, _)| spelling)
    }
}

/// What a claim turns out to be. How policies spell numbers and truth values
/// in JSON is not documented, so that any scalar is taken for its text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Claim {
    Text(String),
    /// Text where nothing but text can be written.
    Untyped(String),
    Truth(bool),
    Null,
    /// A list or an object.
    Nested,
}

/// Why a request is not understood. Says where, never what.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Json(#[from] json::NotUnderstood),
    #[error("a claim occurs twice")]
    Repeated,
    #[error("a claim is not written in UTF-8")]
    NotUtf8,
    #[error("the claim {0:?} is a list or an object")]
    Nested(&'static str),
}

/// The claims of one request, each of them once.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<Name, Claim>);

/// Who signs up or in, and by what right they claim their address.
pub(super) struct Who {
    pub(super) provider: Provider,
    /// The upstream account: provider and identifier there.
    pub(super) account: Option<(String, String)>,
    pub(super) address: Address,
}

impl Claims {
    pub(super) fn of_json(body: &[u8]) -> Result<Self, Problem> {
        let members: BTreeMap<String, Claim> = json::read(body)?;
        Self::collect(members)
    }

    pub(super) fn of_form(body: &[u8]) -> Result<Self, Problem> {
        Self::collect(parameters(body)?)
    }

    /// Claims of a GET: which of the two a policy fills is its own setting,
    /// and one that fills both must not contradict itself.
    pub(super) fn of_get(query: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut claims = parameters(query.as_bytes())?;
        claims.extend(from_headers(headers)?);
        Self::collect(claims)
    }

    fn collect(claims: impl IntoIterator<Item = (String, Claim)>) -> Result<Self, Problem> {
        let mut collected = BTreeMap::new();
        for (spelling, claim) in claims {
            let Some(name) = Name::read(&spelling) else {
                continue;
            };
            if collected.insert(name, claim).is_some() {
                return Err(Problem::Repeated);
            }
        }
        let nested = |(name, claim): &(&Name, &Claim)| {
            // Of this one, everything but the truth is taken for a denial.
            **name != Name::EmailVerified && **claim == Claim::Nested
        };
        match collected.iter().find(nested) {
            Some((name, _)) => Err(Problem::Nested(name.spelling())),
            None => Ok(Self(collected)),
        }
    }

    /// The text of a claim. One that is there and empty says nothing.
    fn text(&self, name: Name) -> Option<&str> {
        let text = match self.0.get(&name)? {
            Claim::Text(text) | Claim::Untyped(text) => text,
            Claim::Truth(true) => "true",
            Claim::Truth(false) => "false",
            Claim::Null | Claim::Nested => "",
        };
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn client_id(&self) -> &str {
        self.text(Name::ClientId).unwrap_or_default()
    }

    pub(super) fn ui_locales(&self) -> &str {
        self.text(Name::UiLocales).unwrap_or_default()
    }

    pub(super) fn request_id(&self, fresh: Uuid) -> RequestId {
        RequestId::read(self.text(Name::CorrelationId), fresh)
    }

    /// `None` when the request does not say who the identity is.
    pub(super) fn subject(&self) -> Option<Subject> {
        self.text(Name::ObjectId).and_then(Subject::parse)
    }

    pub(super) fn who(&self, tenant: &Tenant) -> Who {
        let provider = self.provider(tenant);
        Who {
            address: Address::weigh(
                self.text(Name::Email),
                self.claimed(),
                &provider,
                &tenant.trust,
            ),
            account: self.account(),
            provider,
        }
    }

    /// Local, unless the identity is federated (product.md §2). Whoever has an
    /// account somewhere else is not local, whatever else the policy says.
    fn provider(&self, tenant: &Tenant) -> Provider {
        let has_account = self.text(Name::IssuerUserId).is_some();
        match (self.text(Name::IdentityProvider), has_account) {
            (None | Some(LOCAL | LOCAL_ACCOUNT), true) => Provider::unknown(),
            (Some(LOCAL | LOCAL_ACCOUNT), false) => Provider::local(),
            (Some(issuer), _) => Provider::federated(issuer),
            (None, false) => match tenant.missing_identities {
                MissingProvider::Local => Provider::local(),
                MissingProvider::Unverified => Provider::unknown(),
            },
        }
    }

    fn account(&self) -> Option<(String, String)> {
        let provider = self.text(Name::IdentityProvider)?;
        let account = self.text(Name::IssuerUserId)?;
        Some((provider.to_owned(), account.to_owned()))
    }

    /// A policy need not say this. If it does, only the truth value leaves the
    /// address its worth, or `true` where there are no types; a text in JSON
    /// is what some provider wrote, and nothing tells what it meant by it.
    fn claimed(&self) -> Claimed {
        match self.0.get(&Name::EmailVerified) {
            None | Some(Claim::Truth(true)) => Claimed::Plain,
            Some(Claim::Untyped(text)) if matches!(text.as_str(), "true" | "True") => {
                Claimed::Plain
            }
            Some(_) => Claimed::Disowned,
        }
    }
}

/// The parameters of a form or a query string. One that is repeated is
/// refused even if nothing rests on it, as in JSON.
fn parameters(text: &[u8]) -> Result<Vec<(String, Claim)>, Problem> {
    let mut seen = BTreeSet::new();
    let mut claims = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        // What was no UTF-8 comes out of the parser as this character.
        if name.contains('\u{FFFD}') || value.contains('\u{FFFD}') {
            return Err(Problem::NotUtf8);
        }
        if !seen.insert(name.clone()) {
            return Err(Problem::Repeated);
        }
        claims.push((name.into_owned(), Claim::Untyped(value.into_owned())));
    }
    Ok(claims)
}

/// Only headers of ours: others belong to HTTP and to whoever stands between.
fn from_headers(headers: &HeaderMap) -> Result<Vec<(String, Claim)>, Problem> {
    let mut claims = Vec::new();
    for (spelling, _) in Name::SPELLINGS {
        for value in headers.get_all(spelling) {
            let text = std::str::from_utf8(value.as_bytes()).map_err(|_| Problem::NotUtf8)?;
            claims.push((spelling.to_owned(), Claim::Untyped(text.to_owned())));
        }
    }
    Ok(claims)
}

impl<'de> Deserialize<'de> for Claim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimVisitor)
    }
}

struct ClaimVisitor;

impl<'de> Visitor<'de> for ClaimVisitor {
    type Value = Claim;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Claim, E> {
        Ok(Claim::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Claim, E> {
        Ok(Claim::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Claim, E> {
        Ok(Claim::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Claim, E> {
        Ok(Claim::Text(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Claim, E> {
        Ok(Claim::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Claim, E> {
        Ok(Claim::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Claim, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Claim::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Claim, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Claim::Nested)
    }
}
