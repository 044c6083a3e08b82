//! The story at the door of External ID.

use idlink::domain::customer::CustomerType;
use idlink::emulator::{
    self, CallerToken, Emulator, EntraIssuer, EventKind, EventOutcome, ExtensionEvent,
    FederatedIdentity, Settings, Shape, TokenVersion,
};
use idlink::oidc::CallerIssuer;
use idlink::store::Store;

use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::{Person, local, topic};
use crate::support::business::{OnFile, store, usmf};
use crate::support::external::External;
use crate::support::postgres::{Database, database, own_server};
use crate::support::service::{SHOP, TRADE};

const ISSUERS: [EntraIssuer; 3] = [
    EntraIssuer::Workforce,
    EntraIssuer::ExternalDomain,
    EntraIssuer::ExternalId,
];

/// The service and the External ID tenant that calls it.
struct Desk {
    external: External,
    tenant: Emulator,
}

impl Desk {
    async fn new() -> (Self, Database) {
        let database = database().await;
        let desk = Self::on(store(database.config()).await).await;
        for (number, email, customer_type) in [
            ("B1", "one@example.org", CustomerType::B2b),
            ("C1", "one@example.org", CustomerType::B2c),
            ("B2", "two@example.org", CustomerType::B2b),
            ("B3", "two@example.org", CustomerType::B2b),
            ("B4", "google@example.org", CustomerType::B2b),
            ("B5", "taken@example.org", CustomerType::B2b),
        ] {
            OnFile::person(number, email, customer_type)
                .add(&desk.external.service.store)
                .await;
        }
        (desk, database)
    }

    /// A service that believes each of the tenant's issuers.
    async fn on(store: Store) -> Self {
        let tenant = emulator::start(Settings::new("contoso")).await.unwrap();
        tenant.entra_token(&CallerToken::default()).await.unwrap();
        let issuers = ISSUERS.into_iter().map(|issuer| CallerIssuer {
            issuer: tenant.entra_issuer(issuer, TokenVersion::V2),
            jwks_uri: tenant.entra_jwks_url(issuer).parse().unwrap(),
        });
        let external = External::on(store, |setup| setup.bearer.issuers.extend(issuers)).await;
        let desk = Self { external, tenant };
        desk.all_keys_are_loaded().await;
        desk
    }

    async fn all_keys_are_loaded(&self) {
        for issuer in ISSUERS {
            let event = ExtensionEvent {
                token: CallerToken {
                    issuer,
                    ..CallerToken::default()
                },
                ..self.event(EventKind::EmailOtpSend, &local(TRADE, "x@example.org", 1))
            };
            for _ in 0..500 {
                let report = self.tenant.raise_event(&event).await.unwrap();
                if report.status != Some(401) {
                    break;
                }
                sleep(Duration::from_millis(10)).await;
            }
        }
    }

    fn event(&self, event: EventKind, person: &Person) -> ExtensionEvent {
        let address = self.external.service.address();
        ExtensionEvent {
            event,
            target_url: format!("http://{address}/connectors/aurora/external-id"),
            client_id: person.site.to_owned(),
            email: Some(person.email.to_owned()),
            federated: person.provider.map(|issuer| FederatedIdentity {
                issuer: issuer.to_owned(),
                subject: format!("subject-{}", person.object_id),
            }),
            object_id: (event == EventKind::TokenIssuanceStart)
                .then(|| Uuid::from_u128(person.object_id)),
            claims_for_token: Some(["customerId", "customerLink"].map(str::to_owned).into()),
            // The machine that runs the tests may be busy.
            time_limit_ms: 2_000,
            maximum_retries: 0,
            ..ExtensionEvent::default()
        }
    }

    /// Raises an event, about whose answer a strict platform has nothing to
    /// remark.
    async fn raise(&self, event: &ExtensionEvent, why: &str) -> EventOutcome {
        let report = self.tenant.raise_event(event).await.unwrap();
        assert_eq!(report.error_code, None, "{why}: {report:?}");
        assert!(report.warnings.is_empty(), "{why}: {report:?}");
        report.outcome
    }

    /// Number and status in a token of `person`.
    async fn token(&self, person: &Person, shape: Shape, sign_in: Uuid, why: &str) -> Told {
        let event = ExtensionEvent {
            shape,
            correlation_id: Some(sign_in),
            ..self.event(EventKind::TokenIssuanceStart, person)
        };
        claims(self.raise(&event, why).await, why)
    }
}

type Told = (String, String);

fn claims(outcome: EventOutcome, why: &str) -> Told {
    let EventOutcome::Claims { claims } = outcome else {
        panic!("{why}: {outcome:?}");
    };
    let text = |name: &str| claims[name].as_str().unwrap().to_owned();
    (text("customerId"), text("customerLink"))
}

/// Ok to go on, or the topic of a block page.
fn let_in(outcome: EventOutcome, why: &str) -> Result<(), String> {
    match outcome {
        EventOutcome::Continue => Ok(()),
        EventOutcome::BlockPage { message, .. } => Err(topic(&message)),
        other => panic!("{why}: {other:?}"),
    }
}

/// Who comes, what the form says, and the number in the token.
type Story = [(&'static str, Person, Result<&'static str, &'static str>)];

#[tokio::test]
async fn the_story_comes_out_right_through_external_id() {
    for shape in [Shape::Docs, Shape::Capture] {
        let (desk, _database) = Desk::new().await;
        let story: &Story = &[
            ("first", local(TRADE, "taken@example.org", 99), Ok("B5")),
            ("one", local(TRADE, "one@example.org", 1), Ok("B1")),
            ("one", local(SHOP, "One@Example.ORG", 2), Ok("C1")),
            (
                "one, by a trusted provider",
                local(TRADE, "google@example.org", 3).through("google.com"),
                Ok("B4"),
            ),
            (
                "none",
                local(TRADE, "new@example.org", 4),
                Err("customer_not_found"),
            ),
            ("none", local(SHOP, "new@example.org", 5), Ok("C000001")),
            (
                "several",
                local(TRADE, "two@example.org", 6),
                Err("multiple_customers"),
            ),
            (
                "unverified",
                local(TRADE, "one@example.org", 8).through("facebook.com"),
                Err("unverified_address"),
            ),
            (
                "already linked",
                local(TRADE, "taken@example.org", 9),
                Err("already_linked"),
            ),
        ];
        for (why, person, answer) in story {
            let why = format!("{why} at {} in {shape:?}", person.site);
            let sign_up = Uuid::new_v4();
            let told = |event| ExtensionEvent {
                shape,
                correlation_id: Some(sign_up),
                ..desk.event(event, person)
            };
            let start = told(EventKind::AttributeCollectionStart);
            let started = let_in(desk.raise(&start, &why).await, &why);
            let submit = told(EventKind::AttributeCollectionSubmit);
            let submitted = let_in(desk.raise(&submit, &why).await, &why);
            match answer {
                Err(topic) => {
                    assert_eq!(started, Err((*topic).to_owned()), "{why}");
                    assert_eq!(submitted, Err((*topic).to_owned()), "{why}");
                }
                Ok(number) => {
                    assert_eq!((started, submitted), (Ok(()), Ok(())), "{why}");
                    let linked = ((*number).to_owned(), "linked".to_owned());
                    let token = desk.token(person, shape, sign_up, &why).await;
                    assert_eq!(token, linked, "{why}");
                    let later = desk.token(person, shape, Uuid::new_v4(), &why).await;
                    assert_eq!(later, linked, "{why}, at a later sign-in");
                }
            }
        }
        let store = &desk.external.service.store;
        let links = store.links(&usmf(), None).await.unwrap();
        assert_eq!(links.len(), 5);
    }
}

#[tokio::test]
async fn a_token_without_its_sign_up_has_no_number() {
    let (desk, _database) = Desk::new().await;
    for (person, shape) in [
        (local(TRADE, "one@example.org", 1), Shape::Docs),
        (
            local(TRADE, "one@example.org", 2).through("google.com"),
            Shape::Capture,
        ),
    ] {
        let (number, status) = desk.token(&person, shape, Uuid::new_v4(), "alone").await;
        assert_eq!(number, "");
        assert_ne!(status, "linked");
    }
}

async fn assert_outage(desk: &Desk, why: &str) {
    let person = local(TRADE, "one@example.org", 1);
    let events = [
        EventKind::AttributeCollectionStart,
        EventKind::AttributeCollectionSubmit,
        EventKind::TokenIssuanceStart,
    ]
    .map(|event| desk.event(event, &person));
    let [start, submit, token] = &events;
    let (start, submit, token) = tokio::join!(
        desk.raise(start, why),
        desk.raise(submit, why),
        desk.raise(token, why)
    );
    let blocked = Err("try_again_later".to_owned());
    assert_eq!(let_in(start, why), blocked, "{why}");
    let EventOutcome::ValidationError { message, .. } = submit else {
        panic!("{why}: {submit:?}");
    };
    assert_eq!(topic(&message), "try_again_later", "{why}");
    let unavailable = (String::new(), "unavailable".to_owned());
    assert_eq!(claims(token, why), unavailable, "{why}");
}

#[tokio::test]
async fn a_store_that_stalls_or_is_gone_is_told_in_time_and_recovers() {
    let server = own_server().await;
    let desk = Desk::on(store(server.config()).await).await;
    let person = local(TRADE, "one@example.org", 1);
    let submit = desk.event(EventKind::AttributeCollectionSubmit, &person);
    let not_found = Err("customer_not_found".to_owned());
    assert_eq!(let_in(desk.raise(&submit, "up").await, "up"), not_found);
    server.signal_all("STOP");
    assert_outage(&desk, "stalled").await;
    server.signal_all("CONT");
    assert_eq!(let_in(desk.raise(&submit, "on").await, "on"), not_found);
    server.signal_all("KILL");
    assert_outage(&desk, "gone").await;
    let _server = server.restart().await;
    assert_eq!(let_in(desk.raise(&submit, "back").await, "back"), not_found);
}
