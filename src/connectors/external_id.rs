//! The dialect of Entra External ID's custom authentication extensions: one
//! nested envelope, four events by type, and answers that are 200 with exactly
//! one action (contracts.md §4, §7.1).

mod caller;
mod reply;
mod request;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Connectors, refusals};
use crate::body::Media;
use crate::domain::answer::{Answer, Refusal};
use crate::domain::customer::CustomerNumber;
use crate::domain::identity::{Identity, Provider, Subject};
use crate::domain::link::LinkStatus;
use crate::domain::request_id::RequestId;
use crate::domain::site::{Mode, Site, Stage, Topic};
use crate::domain::tenant::{EmailOtp, ExternalId, Tenant};
use crate::domain::trust::Address;
use crate::json;
use crate::linking::{Linking, Recording};
use crate::sign_up::{Question, SignUps, Step};
use reply::{AtStart, AtSubmit, Claims, Reply};
use request::{Event, Request};

const DIALECT: &str = "External ID";

/// `POST /connectors/{tenant}/external-id`
pub(super) async fn handle(
    request: HttpRequest,
    path: Path<String>,
    mut payload: Payload,
    connectors: Data<ArcSwap<Connectors>>,
    sign_ups: Data<SignUps>,
    linking: Data<Linking>,
) -> HttpResponse {
    let began = Instant::now();
    let connectors = connectors.load_full();
    let now = OffsetDateTime::now_utc();
    let Ok((tenant, external)) = caller::identify(&request, &path, &connectors, now) else {
        return refuse_caller();
    };
    let deadline = external.answer_within;
    let body = match refusals::read(&request, &mut payload, &[Media::Json], deadline).await {
        Ok((_, body)) => body,
        Err(unread) => return unread.respond(DIALECT, &tenant),
    };
    let call = Call {
        connectors: &connectors,
        tenant,
        external,
        until: began + deadline,
    };
    match json::read::<Request>(&body) {
        Ok(request) => call.answer(request, &sign_ups, &linking).await,
        Err(problem) => call.not_understood(&problem.to_string(), None),
    }
}

/// One call of an authenticated tenant.
struct Call<'a> {
    connectors: &'a Connectors,
    tenant: Arc<Tenant>,
    external: ExternalId,
    until: Instant,
}

impl Call<'_> {
    async fn answer(
        &self,
        request: Request,
        sign_ups: &SignUps,
        linking: &Linking,
    ) -> HttpResponse {
        let id = request.id(Uuid::new_v4());
        if request.directory_id() != Some(self.external.directory_id) {
            return self.foreign_directory(id);
        }
        let Some(event) = request.event() else {
            return self.not_understood("the event is none that is answered here", Some(id));
        };
        let site = self
            .connectors
            .directory
            .site_of(&self.tenant.name, request.client_id());
        let reply = match (event, site) {
            (Event::EmailOtpSend, _) => return self.email_otp(id),
            (Event::AttributeCollectionStart, Some(site)) => {
                Reply::Start(self.start(&request, id, site, sign_ups).await)
            }
            (Event::AttributeCollectionStart, None) => {
                Reply::Start(AtStart::Block(self.unknown_application(&request, id)))
            }
            (Event::AttributeCollectionSubmit, Some(site)) => {
                Reply::Submit(self.submit(&request, id, site, sign_ups).await)
            }
            (Event::AttributeCollectionSubmit, None) => {
                Reply::Submit(AtSubmit::Block(self.unknown_application(&request, id)))
            }
            (Event::TokenIssuanceStart, Some(site)) => {
                Reply::Token(self.token(&request, id, site, linking).await)
            }
            (Event::TokenIssuanceStart, None) => {
                self.unknown_application(&request, id);
                Reply::Token(Claims::new(None, LinkStatus::Refused))
            }
        };
        reply.into_response(id)
    }

    async fn start(
        &self,
        request: &Request,
        id: RequestId,
        site: &Arc<Site>,
        sign_ups: &SignUps,
    ) -> AtStart {
        let question = self.question(request, id, site, Step::AttributeCollectionStart);
        match sign_ups.ask(question, self.patience()).await {
            // Its number is told when the form was sent.
            Answer::Continue(_) => AtStart::Continue,
            Answer::Refuse(refused) => AtStart::Block(refused.text),
        }
    }

    async fn submit(
        &self,
        request: &Request,
        id: RequestId,
        site: &Arc<Site>,
        sign_ups: &SignUps,
    ) -> AtSubmit {
        let question = self.question(request, id, site, Step::AttributeCollectionSubmit);
        match sign_ups.ask(question, self.patience()).await {
            Answer::Continue(Some(number)) => self.hand_over(request, &number),
            Answer::Continue(None) => AtSubmit::Continue,
            Answer::Refuse(refused) if refused.refusal == Refusal::Unavailable => {
                AtSubmit::ValidationError(refused.text)
            }
            Answer::Refuse(refused) => AtSubmit::Block(refused.text),
        }
    }

    /// Attributes that the form does not collect cannot be changed
    /// (contracts.md §4.3), and those that it does keep their type.
    fn hand_over(&self, request: &Request, number: &CustomerNumber) -> AtSubmit {
        let name = &self.tenant.claims.customer_id;
        if request.collects_text(name) {
            AtSubmit::Modify {
                attribute: name.clone(),
                value: number.as_str().to_owned(),
            }
        } else {
            AtSubmit::Continue
        }
    }

    fn question(&self, request: &Request, id: RequestId, site: &Arc<Site>, step: Step) -> Question {
        let who = request.who(&self.tenant);
        Question {
            tenant: Arc::clone(&self.tenant),
            site: Arc::clone(site),
            step,
            client_id: request.client_id().to_owned(),
            provider: who.provider,
            account: who.account,
            address: who.address,
            ui_locales: request.ui_locales(),
            request_id: Some(id),
        }
    }

    /// The token is issued whatever we find: its claims say what that was.
    async fn token(
        &self,
        request: &Request,
        id: RequestId,
        site: &Arc<Site>,
        linking: &Linking,
    ) -> Claims {
        let Some(subject) = request.user_id().and_then(Subject::parse) else {
            return self.nobody(site, id);
        };
        let recording = Recording {
            site: Arc::clone(site),
            identity: Identity {
                issuer: self.tenant.issuer.clone(),
                subject,
                provider: Provider::unknown(),
            },
            // `mail` and `userPrincipalName` are the directory's, proven by
            // nobody.
            address: Address::Missing,
            via: "tokenIssuanceStart",
            ui_locales: request.ui_locales(),
            request_id: Some(id),
        };
        let outcome = linking
            .record_as_asked(
                Step::AttributeCollectionSubmit,
                request.user_created_at(),
                recording,
                self.patience(),
            )
            .await;
        Claims::new(outcome.number(), outcome.status())
    }

    /// The token step without an object id.
    fn nobody(&self, site: &Site, id: RequestId) -> Claims {
        let problem = "`user.id` is missing or no GUID";
        let refusal = Refusal::NoObjectId;
        refusals::unanswerable(DIALECT, &self.tenant, refusal, problem, Some(id));
        let status = match site.mode {
            Mode::Enforce => LinkStatus::Refused,
            Mode::Off | Mode::Observe => LinkStatus::None,
        };
        Claims::new(None, status)
    }

    fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn email_otp(&self, id: RequestId) -> HttpResponse {
        match self.external.email_otp {
            EmailOtp::Unchanged => Reply::OtpUnchanged.into_response(id),
            // An error lets the platform's own sender take over.
            EmailOtp::Refuse => self.not_understood(
                "emailOtpSend is not answered: take the extension away, or set `email_otp`",
                Some(id),
            ),
        }
    }

    /// What people are told of whom not even the site is known.
    fn unknown_application(&self, request: &Request, id: RequestId) -> String {
        let reference = refusals::unknown_application(&self.tenant, request.client_id(), Some(id));
        self.connectors.fallback.text(
            Topic::NotPossible,
            Stage::SignUp,
            &request.ui_locales(),
            &reference,
        )
    }

    /// A caller who is believed for one directory speaks of another: somebody
    /// is trying, or the settings join what does not belong together.
    fn foreign_directory(&self, id: RequestId) -> HttpResponse {
        let problem = "`data.tenantId` is not the directory of the caller's token";
        refusals::unanswerable(DIALECT, &self.tenant, Refusal::Malformed, problem, Some(id));
        metrics::counter!(
            "idlink_foreign_directory_total",
            "tenant" => self.tenant.name.clone()
        )
        .increment(1);
        HttpResponse::Forbidden()
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(r#"{"error":"forbidden"}"#)
    }

    /// The platform fails the sign-in over this, which is as it should be: no
    /// action of ours would fit an event that we do not know.
    fn not_understood(&self, problem: &str, id: Option<RequestId>) -> HttpResponse {
        refusals::unanswerable(DIALECT, &self.tenant, Refusal::Malformed, problem, id);
        HttpResponse::build(StatusCode::BAD_REQUEST)
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(r#"{"error":"unacceptable request"}"#)
    }
}

/// The caller is told nothing, not even whether there is such a tenant.
fn refuse_caller() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((WWW_AUTHENTICATE, "Bearer realm=\"idlink\""))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(r#"{"error":"unauthorized"}"#)
}
