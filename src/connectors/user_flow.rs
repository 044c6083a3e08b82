//! The dialect of B2C user flows: flat JSON, three steps by name, and answers
//! that must be 200 or a complete 400 (contracts.md §1, §7.1).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{Connectors, caller, refusals};
use crate::body::Media;
use crate::domain::answer::{Answer, Refusal, Refused};
use crate::domain::customer::CustomerNumber;
use crate::domain::email::Email;
use crate::domain::identity::{Identity, Provider, Subject};
use crate::domain::link::LinkStatus;
use crate::domain::reference::Reference;
use crate::domain::site::{Mode, Site, Stage, Topic};
use crate::domain::tenant::{ClaimNames, MissingProvider, Tenant};
use crate::domain::trust::{Address, Claimed};
use crate::json;
use crate::linking::{Linking, Outcome, Recording};
use crate::sign_up::{Question, SignUps, Step};

/// The platform waits 5 s and then calls once more. For everything, the body
/// included: whose body comes later is told so before the platform gives up.
const DEADLINE: Duration = Duration::from_secs(4);

const DIALECT: &str = "user flow";

/// `POST /connectors/{tenant}/user-flow`
pub(super) async fn handle(
    request: HttpRequest,
    path: Path<String>,
    mut payload: Payload,
    connectors: Data<ArcSwap<Connectors>>,
    sign_ups: Data<SignUps>,
    linking: Data<Linking>,
) -> HttpResponse {
    let until = Instant::now() + DEADLINE;
    let connectors = connectors.load_full();
    let now = OffsetDateTime::now_utc();
    let Ok(tenant) = caller::identify(&request, &path, &connectors, now) else {
        return refusals::unknown_caller();
    };
    let body = match refusals::read(&request, &mut payload, &[Media::Json], DEADLINE).await {
        Ok((_, body)) => body,
        Err(unread) => return unread.respond(DIALECT, &tenant),
    };
    let call = Call {
        connectors: &connectors,
        tenant,
        until,
    };
    let reply = match json::read::<Request>(&body) {
        Ok(request) => call.answer(request, &sign_ups, &linking).await,
        Err(problem) => call.unreadable(&body, &problem.to_string()),
    };
    reply.into_response()
}

/// One call of an authenticated tenant.
struct Call<'a> {
    connectors: &'a Connectors,
    tenant: Arc<Tenant>,
    until: Instant,
}

impl Call<'_> {
    async fn answer(&self, request: Request, sign_ups: &SignUps, linking: &Linking) -> Reply {
        let ui_locales = request.ui_locales.clone().unwrap_or_default();
        let site = self
            .connectors
            .directory
            .site_of(&self.tenant.name, &request.client_id);
        match (request.step(), site) {
            (Some(At::SignUp(step)), Some(site)) => {
                let question = request.into_question(&self.tenant, site, step, ui_locales);
                let answer = sign_ups.ask(question, self.patience()).await;
                Reply::to_sign_up(&answer, step, &self.tenant.claims)
            }
            (Some(At::Token), Some(site)) => {
                let outcome = match request.into_recording(&self.tenant, site, ui_locales) {
                    Some(recording) => linking.record(recording, self.patience()).await,
                    None => return self.nobody(site),
                };
                Reply::to_outcome(&outcome, &self.tenant.claims)
            }
            (Some(At::Token), None) => {
                self.unknown_application(&request.client_id);
                Reply::to_token(None, LinkStatus::Refused, &self.tenant.claims)
            }
            (Some(At::SignUp(_)), None) => {
                let reference = self.unknown_application(&request.client_id);
                self.general(&ui_locales, &reference)
            }
            (None, _) => self.not_understood("unknown step"),
        }
    }

    fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn unknown_application(&self, client_id: &str) -> Reference {
        refusals::unknown_application(&self.tenant, client_id, None)
    }

    /// The token step without an object id.
    fn nobody(&self, site: &Site) -> Reply {
        self.complain(Refusal::NoObjectId, "objectId is missing or no GUID");
        let status = match site.mode {
            Mode::Enforce => LinkStatus::Refused,
            Mode::Off | Mode::Observe => LinkStatus::None,
        };
        Reply::to_token(None, status, &self.tenant.claims)
    }

    /// A page, unless it still can be seen that this is the token step, which
    /// takes none.
    fn unreadable(&self, body: &[u8], problem: &str) -> Reply {
        match json::read::<StepAlone>(body) {
            Ok(StepAlone { step }) if is_token_step(&step) => {
                self.complain(Refusal::Malformed, problem);
                Reply::to_token(None, LinkStatus::Refused, &self.tenant.claims)
            }
            Ok(_) | Err(_) => self.not_understood(problem),
        }
    }

    fn not_understood(&self, problem: &str) -> Reply {
        let reference = self.complain(Refusal::Malformed, problem);
        self.general("", &reference)
    }

    fn complain(&self, refusal: Refusal, problem: &str) -> Reference {
        refusals::unanswerable(DIALECT, &self.tenant, refusal, problem, None)
    }

    /// The block page for people of whom not even the site is known.
    fn general(&self, ui_locales: &str, reference: &Reference) -> Reply {
        Reply::Block(self.connectors.fallback.text(
            Topic::NotPossible,
            Stage::SignUp,
            ui_locales,
            reference,
        ))
    }
}

/// What the platform sends (contracts.md §1.3). Members that nothing rests on
/// are left aside.
#[derive(Deserialize)]
struct Request {
    step: String,
    /// The third step has been documented with either spelling.
    #[serde(alias = "clientId")]
    client_id: String,
    ui_locales: Option<String>,
    email: Option<String>,
    #[serde(rename = "objectId")]
    object_id: Option<String>,
    identities: Option<Vec<WireIdentity>>,
}

/// What is read of a request whose other members are of no use.
#[derive(Deserialize)]
struct StepAlone {
    step: String,
}

/// The second spelling: contracts.md §1.2, "document conflict".
fn is_token_step(step: &str) -> bool {
    matches!(step, "PreTokenIssuance" | "PreTokenApplicationClaims")
}

#[derive(Deserialize)]
struct WireIdentity {
    #[serde(rename = "signInType")]
    sign_in_type: Option<String>,
    issuer: Option<String>,
    #[serde(rename = "issuerAssignedId")]
    issuer_assigned_id: Option<String>,
}

/// Where in its journey the platform is.
enum At {
    SignUp(Step),
    Token,
}

impl Request {
    fn step(&self) -> Option<At> {
        match self.step.as_str() {
            "PostFederationSignup" => Some(At::SignUp(Step::PostFederationSignup)),
            "PostAttributeCollection" => Some(At::SignUp(Step::PostAttributeCollection)),
            step if is_token_step(step) => Some(At::Token),
            _ => None,
        }
    }

    fn into_question(
        self,
        tenant: &Arc<Tenant>,
        site: &Arc<Site>,
        step: Step,
        ui_locales: String,
    ) -> Question {
        let who = Who::read(&self, tenant, Some(step));
        Question {
            tenant: tenant.clone(),
            site: site.clone(),
            step,
            client_id: self.client_id,
            account: who.account,
            address: who.address,
            provider: who.provider,
            ui_locales,
            request_id: None,
        }
    }

    /// `None` when the request does not say who the identity is.
    fn into_recording(
        self,
        tenant: &Arc<Tenant>,
        site: &Arc<Site>,
        ui_locales: String,
    ) -> Option<Recording> {
        let subject = Subject::parse(self.object_id.as_deref()?)?;
        let who = Who::read(&self, tenant, None);
        Some(Recording {
            site: site.clone(),
            identity: Identity {
                issuer: tenant.issuer.clone(),
                subject,
                provider: who.provider,
            },
            address: who.address,
            via: "PreTokenIssuance",
            ui_locales,
            request_id: None,
        })
    }
}

/// Who signs up and by what right they claim their address.
struct Who {
    provider: Provider,
    account: Option<(String, String)>,
    address: Address,
}

impl Who {
    fn read(request: &Request, tenant: &Tenant, step: Option<Step>) -> Self {
        let identities = request.identities.as_deref().unwrap_or_default();
        let providers = providers(identities, tenant, step);
        let provider = providers
            .iter()
            .find(|provider| **provider != Provider::local())
            .or(providers.first())
            .cloned()
            .unwrap_or_else(Provider::unknown);
        // A directory entry may have several identities, and the request does
        // not say which one signs in: all of them must be trusted.
        let all_trusted = providers.iter().all(|p| tenant.trust.covers(p));
        let (text, agree) = address(request.email.as_deref(), identities);
        let claimed = if all_trusted && agree {
            Claimed::Plain
        } else {
            Claimed::Disowned
        };
        Self {
            address: Address::weigh(text, claimed, &provider, &tenant.trust),
            account: account(identities),
            provider,
        }
    }
}

/// The providers that the request names, or what their absence stands for.
fn providers(identities: &[WireIdentity], tenant: &Tenant, step: Option<Step>) -> Vec<Provider> {
    // This step runs after a federation only, so nobody is local in it.
    let federated_only = step == Some(Step::PostFederationSignup);
    let named: Vec<Provider> = identities
        .iter()
        .map(WireIdentity::provider)
        .filter(|provider| !(federated_only && *provider == Provider::local()))
        .collect();
    match (named.is_empty(), tenant.missing_identities) {
        (false, _) => named,
        (true, MissingProvider::Local) if !federated_only => vec![Provider::local()],
        (true, _) => vec![Provider::unknown()],
    }
}

impl WireIdentity {
    /// `signInType` of local accounts: Microsoft Graph, `objectIdentity`.
    /// Everything else is taken for a federation, which must be trusted by name.
    fn provider(&self) -> Provider {
        match self.sign_in_type.as_deref() {
            Some("emailAddress" | "userName" | "phoneNumber" | "userPrincipalName") => {
                Provider::local()
            }
            Some(_) | None => Provider::federated(self.issuer.as_deref().unwrap_or_default()),
        }
    }
}

/// The upstream account that makes a repeated question the same one.
fn account(identities: &[WireIdentity]) -> Option<(String, String)> {
    identities.iter().find_map(|identity| {
        Some((
            identity.issuer.clone()?,
            identity.issuer_assigned_id.clone()?,
        ))
    })
}

/// The address, and whether everything that the request says of it agrees.
fn address<'a>(email: Option<&'a str>, identities: &'a [WireIdentity]) -> (Option<&'a str>, bool) {
    let sign_in_names = identities
        .iter()
        .filter(|identity| identity.sign_in_type.as_deref() == Some("emailAddress"))
        .filter_map(|identity| identity.issuer_assigned_id.as_deref());
    let mut said = email.into_iter().chain(sign_in_names);
    let canonical = |text| Email::parse(text).map(|email| email.canonical().to_owned());
    let first = said.next();
    let agree = first.is_none_or(|first| {
        said.all(|other| other == first || canonical(other) == canonical(first))
    });
    (first, agree)
}

/// What the platform is told (contracts.md §1.4).
enum Reply {
    Continue(BTreeMap<String, String>),
    Block(String),
    /// Leaves the form standing. Only after attribute collection.
    Validation(String),
}

impl Reply {
    fn to_sign_up(answer: &Answer, step: Step, claims: &ClaimNames) -> Self {
        match answer {
            Answer::Continue(None) => Self::Continue(BTreeMap::new()),
            Answer::Continue(Some(number)) => {
                Self::Continue([(claims.customer_id.clone(), number.as_str().to_owned())].into())
            }
            Answer::Refuse(Refused {
                refusal: Refusal::Unavailable,
                text,
                ..
            }) if step == Step::PostAttributeCollection => Self::Validation(text.clone()),
            Answer::Refuse(refused) => Self::Block(refused.text.clone()),
        }
    }

    fn to_outcome(outcome: &Outcome, claims: &ClaimNames) -> Self {
        Self::to_token(outcome.number(), outcome.status(), claims)
    }

    /// The number is sent even when there is none: an empty one replaces what
    /// the directory may have kept.
    fn to_token(number: Option<&CustomerNumber>, status: LinkStatus, names: &ClaimNames) -> Self {
        let number = number.map(CustomerNumber::as_str).unwrap_or_default();
        let mut claims = BTreeMap::from([(names.customer_id.clone(), number.to_owned())]);
        if let Some(name) = &names.customer_link {
            claims.insert(name.clone(), status.as_str().to_owned());
        }
        Self::Continue(claims)
    }

    fn into_response(self) -> HttpResponse {
        let (status, body) = match self {
            Self::Continue(claims) => (StatusCode::OK, WireReply::new("Continue", None, claims)),
            Self::Block(text) => (
                StatusCode::OK,
                WireReply::new("ShowBlockPage", Some(text), BTreeMap::new()),
            ),
            Self::Validation(text) => (
                StatusCode::BAD_REQUEST,
                WireReply {
                    status: Some(400),
                    ..WireReply::new("ValidationError", Some(text), BTreeMap::new())
                },
            ),
        };
        HttpResponse::build(status)
            .insert_header((CACHE_CONTROL, "no-store"))
            .json(body)
    }
}

#[derive(Serialize)]
struct WireReply {
    version: &'static str,
    /// A number, and only beside HTTP 400: the two must be equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    action: &'static str,
    #[serde(rename = "userMessage", skip_serializing_if = "Option::is_none")]
    user_message: Option<String>,
    #[serde(flatten)]
    claims: BTreeMap<String, String>,
}

impl WireReply {
    fn new(
        action: &'static str,
        user_message: Option<String>,
        claims: BTreeMap<String, String>,
    ) -> Self {
        Self {
            version: "1.0.0",
            status: None,
            action,
            user_message,
            claims,
        }
    }
}
