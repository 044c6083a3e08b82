//! The dialect of B2C custom policies: claims in any of five transports, three
//! services, and answers that are claims or a complete 409 (contracts.md §2,
//! §7.1; custom-policies.md §5).

mod claims;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{self, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, Resource};
use arc_swap::ArcSwap;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Connectors, caller, refusals};
use crate::body::Media;
use crate::domain::answer::{Refusal, Refused};
use crate::domain::identity::Identity;
use crate::domain::link::LinkStatus;
use crate::domain::reference::Reference;
use crate::domain::request_id::RequestId;
use crate::domain::site::{Disclosure, Site, Stage, Topic};
use crate::domain::tenant::Tenant;
use crate::linking::{Linking, Recording};
use crate::sign_up::{Question, SignUps, Step};
use claims::{Claims, Problem};
use refusals::Unread;
use reply::{Fault, Reply};

/// The platform waits 10 s and then calls once more.
const DEADLINE: Duration = Duration::from_secs(8);

const DIALECT: &str = "custom policy";

/// What a policy may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The validation of a page: what it refuses can be corrected there.
    CheckCustomer,
    /// An orchestration step, which has no page to show an error on: the
    /// journey goes by the claims of an answer that is always 200.
    CustomerOutcome,
    /// Before the token is sent, at every sign-in. Always 200: anything else
    /// would end the sign-in.
    RecordLink,
}

impl Service {
    pub(super) const ALL: [Self; 3] =
        [Self::CheckCustomer, Self::CustomerOutcome, Self::RecordLink];

    fn name(self) -> &'static str {
        match self {
            Self::CheckCustomer => Step::CheckCustomer.as_str(),
            Self::CustomerOutcome => Step::CustomerOutcome.as_str(),
            Self::RecordLink => "record-link",
        }
    }

    /// `POST` and `GET /connectors/{tenant}/custom-policy/…`
    pub(super) fn resource(self) -> Resource {
        let handle = move |request: HttpRequest,
                           tenant: Path<String>,
                           payload: Payload,
                           connectors: Data<ArcSwap<Connectors>>,
                           sign_ups: Data<SignUps>,
                           linking: Data<Linking>| {
            let connectors = connectors.load_full();
            handle(
                self, request, tenant, payload, connectors, sign_ups, linking,
            )
        };
        web::resource(format!(
            "/connectors/{{tenant}}/custom-policy/{}",
            self.name()
        ))
        .route(web::post().to(handle))
        .route(web::get().to(handle))
    }
}

async fn handle(
    service: Service,
    request: HttpRequest,
    tenant: Path<String>,
    mut payload: Payload,
    connectors: Arc<Connectors>,
    sign_ups: Data<SignUps>,
    linking: Data<Linking>,
) -> HttpResponse {
    let until = Instant::now() + DEADLINE;
    let now = OffsetDateTime::now_utc();
    let Ok(tenant) = caller::identify(&request, &tenant, &connectors, now) else {
        return refusals::unknown_caller(DIALECT);
    };
    let claims = match read(&request, &mut payload).await {
        Ok(claims) => claims,
        Err(unread) => return unread.respond(DIALECT, &tenant),
    };
    let fresh = Uuid::new_v4();
    let call = Call {
        service,
        connectors,
        tenant,
        request_id: match &claims {
            Ok(claims) => claims.request_id(fresh),
            Err(_) => RequestId::Fresh(fresh),
        },
        until,
    };
    let reply = match claims {
        Ok(claims) => call.answer(&claims, &sign_ups, &linking).await,
        Err(problem) => call.not_understood(&problem),
    };
    reply.into_response(call.request_id)
}

/// Reads the claims from where the method puts them.
async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Result<Claims, Problem>, Unread> {
    if request.method() == Method::GET {
        return Ok(Claims::of_get(request.query_string(), request.headers()));
    }
    let media = [Media::Json, Media::Form];
    let (media, body) = refusals::read(request, payload, &media, DEADLINE).await?;
    Ok(match media {
        Media::Json => Claims::of_json(&body),
        Media::Form => Claims::of_form(&body),
    })
}

/// One call of an authenticated tenant.
struct Call {
    service: Service,
    connectors: Arc<Connectors>,
    tenant: Arc<Tenant>,
    request_id: RequestId,
    until: Instant,
}

impl Call {
    async fn answer(&self, claims: &Claims, sign_ups: &SignUps, linking: &Linking) -> Reply {
        let directory = &self.connectors.directory;
        let Some(site) = directory.site_of(&self.tenant.name, claims.client_id()) else {
            return self.unknown_application(claims);
        };
        match self.service {
            Service::CheckCustomer => {
                let question = self.question(claims, site, Step::CheckCustomer);
                let asked = sign_ups.ask_for_evidence(question, self.patience()).await;
                Reply::to_check(asked, site.disclosure)
            }
            Service::CustomerOutcome => {
                let question = self.question(claims, site, Step::CustomerOutcome);
                let asked = sign_ups.ask_for_evidence(question, self.patience()).await;
                Reply::to_outcome(asked)
            }
            Service::RecordLink => match self.recording(claims, site) {
                Some(recording) => {
                    Reply::to_recording(&linking.record(recording, self.patience()).await)
                }
                None => {
                    self.complain(Refusal::NoObjectId, "objectId is missing or no GUID");
                    Reply::link("", LinkStatus::Refused)
                }
            },
        }
    }

    fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn question(&self, claims: &Claims, site: &Arc<Site>, step: Step) -> Question {
        let who = claims.who(&self.tenant);
        Question {
            tenant: self.tenant.clone(),
            site: site.clone(),
            step,
            client_id: claims.client_id().to_owned(),
            provider: who.provider,
            account: who.account,
            address: who.address,
            ui_locales: claims.ui_locales().to_owned(),
            request_id: Some(self.request_id),
        }
    }

    /// `None` when the request does not say who the identity is.
    fn recording(&self, claims: &Claims, site: &Arc<Site>) -> Option<Recording> {
        let subject = claims.subject()?;
        let who = claims.who(&self.tenant);
        Some(Recording {
            site: site.clone(),
            identity: Identity {
                issuer: self.tenant.issuer.clone(),
                subject,
                provider: who.provider,
            },
            address: who.address,
            via: self.service.name(),
            ui_locales: claims.ui_locales().to_owned(),
            request_id: Some(self.request_id),
        })
    }

    fn unknown_application(&self, claims: &Claims) -> Reply {
        let request_id = Some(self.request_id);
        let reference = refusals::unknown_application(&self.tenant, claims.client_id(), request_id);
        self.refuse(Refusal::UnknownApplication, claims.ui_locales(), reference)
    }

    fn not_understood(&self, problem: &Problem) -> Reply {
        let reference = self.complain(Refusal::Malformed, &problem.to_string());
        self.refuse(Refusal::Malformed, "", reference)
    }

    fn complain(&self, refusal: Refusal, problem: &str) -> Reference {
        let request_id = Some(self.request_id);
        refusals::unanswerable(DIALECT, &self.tenant, refusal, problem, request_id)
    }

    /// Refuses people of whom not even the site is known.
    fn refuse(&self, refusal: Refusal, ui_locales: &str, reference: Reference) -> Reply {
        let messages = &self.connectors.fallback;
        let refused = Refused {
            refusal,
            text: messages.text(Topic::NotPossible, Stage::SignUp, ui_locales, &reference),
            reference,
        };
        match self.service {
            Service::CheckCustomer => Reply::Fault(Fault::of(refused, Disclosure::Specific)),
            Service::CustomerOutcome => Reply::block(refused),
            Service::RecordLink => Reply::link("", LinkStatus::Refused),
        }
    }
}
