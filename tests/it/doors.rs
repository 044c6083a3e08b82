//! The same story at every door of the service, told by the mock tenant as
//! the platform would tell it and judged as the platform would judge it.

mod external_id;

use aws_lc_rs::digest;
use idlink::config::Source;
use idlink::domain::customer::CustomerType;
use idlink::emulator::{
    self, ClientCertificate, Emulator, OutputClaim, PolicyAuthentication, PolicyCall,
    PolicyOutcome, PolicyPlace, PolicyReport, ScalarVariant, SendClaimsIn, Settings,
};
use idlink::server;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, generate_simple_self_signed};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::business::{OnFile, cold_store, store, usmf};
use crate::support::postgres::{Database, own_server};
use crate::support::program::Folder;
use crate::support::service::{PASSWORD, SHOP, Service, TRADE, USERNAME};

const TRANSPORTS: [(SendClaimsIn, ScalarVariant); 6] = [
    (SendClaimsIn::Body, ScalarVariant::Native),
    (SendClaimsIn::Body, ScalarVariant::String),
    (SendClaimsIn::Form, ScalarVariant::Native),
    (SendClaimsIn::QueryString, ScalarVariant::Native),
    (SendClaimsIn::Url, ScalarVariant::Native),
    (SendClaimsIn::Header, ScalarVariant::Native),
];

/// Somebody who signs up, or signs in.
#[derive(Clone, Copy)]
struct Person {
    site: &'static str,
    email: &'static str,
    /// None is an account of the tenant's own.
    provider: Option<&'static str>,
    object_id: u128,
}

const fn local(site: &'static str, email: &'static str, object_id: u128) -> Person {
    Person {
        site,
        email,
        provider: None,
        object_id,
    }
}

impl Person {
    fn through(self, provider: &'static str) -> Self {
        Self {
            provider: Some(provider),
            ..self
        }
    }

    fn claims(&self) -> Map<String, Value> {
        let mut claims = json!({
            "clientId": self.site,
            "email": self.email,
            "newUser": true,
            "uiLocales": "en-US",
            "correlationId": Uuid::new_v4(),
        });
        if let Some(provider) = self.provider {
            claims["identityProvider"] = json!(provider);
            claims["issuerUserId"] = json!(format!("subject-{}", self.object_id));
        }
        claims.as_object().unwrap().clone()
    }
}

/// The service and the tenant that calls it.
struct Desk {
    service: Service,
    tenant: Emulator,
}

impl Desk {
    async fn new() -> (Self, Database) {
        let (service, database) = Service::start(|_| {}).await;
        for (number, email, customer_type) in [
            ("B1", "one@example.org", CustomerType::B2b),
            ("C1", "one@example.org", CustomerType::B2c),
            ("B2", "two@example.org", CustomerType::B2b),
            ("B3", "two@example.org", CustomerType::B2b),
            ("C2", "two@example.org", CustomerType::B2c),
            ("C3", "two@example.org", CustomerType::B2c),
            ("B4", "google@example.org", CustomerType::B2b),
            ("B5", "taken@example.org", CustomerType::B2b),
        ] {
            OnFile::person(number, email, customer_type)
                .add(&service.store)
                .await;
        }
        (Self::at(service).await, database)
    }

    async fn at(service: Service) -> Self {
        let tenant = emulator::start(Settings::new("contoso")).await.unwrap();
        Self { service, tenant }
    }

    fn profile(&self, name: &str, claims: Map<String, Value>) -> PolicyCall {
        let address = self.service.address();
        PolicyCall {
            technical_profile: format!("REST-{name}"),
            service_url: format!("http://{address}/connectors/contoso/custom-policy/{name}"),
            authentication: PolicyAuthentication::Basic {
                username: USERNAME.to_owned(),
                password: PASSWORD.to_owned(),
            },
            claims,
            ..PolicyCall::default()
        }
    }

    /// Behind the page that a person submits.
    fn check(&self, person: &Person) -> PolicyCall {
        PolicyCall {
            output_claims: vec![OutputClaim::new("customerId"), OutputClaim::new("checkId")],
            ..self.profile("check-customer", person.claims())
        }
    }

    /// A step of the journey, before an account is written.
    fn outcome(&self, person: &Person) -> PolicyCall {
        let outputs = ["message", "customerId", "checkId"].map(OutputClaim::new);
        let outcome = OutputClaim::new("outcome").or("block");
        PolicyCall {
            output_claims: [outcome].into_iter().chain(outputs).collect(),
            place: PolicyPlace::OrchestrationStep,
            ..self.profile("customer-outcome", person.claims())
        }
    }

    /// The step before the token is sent.
    fn link(&self, person: &Person) -> PolicyCall {
        let mut claims = person.claims();
        let object_id = Uuid::from_u128(person.object_id).to_string();
        claims.insert("objectId".to_owned(), object_id.into());
        PolicyCall {
            output_claims: ["customerId", "customerLink"].map(OutputClaim::new).into(),
            place: PolicyPlace::OrchestrationStep,
            ..self.profile("record-link", claims)
        }
    }

    /// Places a call, about which a strict platform has nothing to remark.
    async fn place(&self, call: &PolicyCall, why: &str) -> PolicyReport {
        let report = self.tenant.call_as_policy(call).await.unwrap();
        assert_eq!(report.number_of_attempts, 1, "{why}: {report:?}");
        assert_eq!(report.error_code, None, "{why}: {report:?}");
        assert!(report.warnings.is_empty(), "{why}: {report:?}");
        report
    }

    /// What the page shows: nothing, with the number if there is one, or the
    /// text of a refusal.
    async fn checked(&self, call: &PolicyCall, why: &str) -> Result<String, String> {
        match self.place(call, why).await.outcome {
            PolicyOutcome::Continue { claims } => {
                assert!(claims["checkId"].is_string(), "{why}");
                let number = claims.get("customerId").and_then(Value::as_str);
                Ok(number.unwrap_or_default().to_owned())
            }
            PolicyOutcome::PageStays { message } => Err(topic(&message)),
            other => panic!("{why}: {other:?}"),
        }
    }

    /// The same, told by claims.
    async fn came_out(&self, call: &PolicyCall, why: &str) -> Result<String, String> {
        let claims = self.went_on(call, why).await;
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        match (text("outcome").as_str(), text("message").as_str()) {
            ("allow", "") => Ok(text("customerId")),
            ("block", message) => {
                assert_eq!(text("customerId"), "", "{why}");
                Err(topic(message))
            }
            other => panic!("{why}: {other:?}"),
        }
    }

    /// Number and status for the token.
    async fn linked(&self, call: &PolicyCall, why: &str) -> (String, String) {
        let claims = self.went_on(call, why).await;
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        (text("customerId"), text("customerLink"))
    }

    async fn went_on(&self, call: &PolicyCall, why: &str) -> Map<String, Value> {
        match self.place(call, why).await.outcome {
            PolicyOutcome::Continue { claims } => claims,
            other => panic!("{why}: {other:?}"),
        }
    }
}

/// The texts of the tests' sites are topic, stage and reference.
fn topic(message: &str) -> String {
    message.split(' ').next().unwrap().to_owned()
}

fn by(
    mut call: PolicyCall,
    (send_claims_in, scalars): (SendClaimsIn, ScalarVariant),
) -> PolicyCall {
    if send_claims_in == SendClaimsIn::Url {
        let pairs: Vec<_> = call
            .claims
            .keys()
            .map(|name| format!("{name}={{{name}}}"))
            .collect();
        call.service_url = format!("{}?{}", call.service_url, pairs.join("&"));
    }
    PolicyCall {
        send_claims_in,
        scalars,
        ..call
    }
}

/// Who comes, what they are told before there is an account, and what their
/// token says.
type Story = [(
    &'static str,
    Person,
    Result<&'static str, &'static str>,
    (&'static str, &'static str),
)];

const REFUSED: (&str, &str) = ("", "refused");

#[tokio::test]
async fn the_story_comes_out_right_through_a_custom_policy() {
    let (desk, _database) = Desk::new().await;
    let first = local(TRADE, "taken@example.org", 99);
    let (number, status) = desk.linked(&desk.link(&first), "first").await;
    assert_eq!((number.as_str(), status.as_str()), ("B5", "linked"));
    let story: &Story = &[
        (
            "one",
            local(TRADE, "one@example.org", 1),
            Ok("B1"),
            ("B1", "linked"),
        ),
        (
            "one",
            local(SHOP, "One@Example.ORG", 2),
            Ok("C1"),
            ("C1", "linked"),
        ),
        (
            "one, by a trusted provider",
            local(TRADE, "google@example.org", 3).through("google.com"),
            Ok("B4"),
            ("B4", "linked"),
        ),
        (
            "none",
            local(TRADE, "new@example.org", 4),
            Err("customer_not_found"),
            REFUSED,
        ),
        (
            "none",
            local(SHOP, "new@example.org", 5),
            Ok(""),
            ("C000001", "linked"),
        ),
        (
            "several",
            local(TRADE, "two@example.org", 6),
            Err("multiple_customers"),
            REFUSED,
        ),
        (
            "several",
            local(SHOP, "two@example.org", 7),
            Err("multiple_customers"),
            REFUSED,
        ),
        (
            "unverified",
            local(TRADE, "one@example.org", 8).through("facebook.com"),
            Err("unverified_address"),
            REFUSED,
        ),
        (
            "already linked",
            local(TRADE, "taken@example.org", 9),
            Err("already_linked"),
            REFUSED,
        ),
    ];
    for (why, person, answer, (number, status)) in story {
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        for transport in TRANSPORTS {
            let why = format!("{why} at {} by {transport:?}", person.site);
            let check = by(desk.check(person), transport);
            assert_eq!(desk.checked(&check, &why).await, answer, "{why}");
            let outcome = by(desk.outcome(person), transport);
            assert_eq!(desk.came_out(&outcome, &why).await, answer, "{why}");
        }
        // At every sign-in, and alike each time.
        for transport in TRANSPORTS {
            let why = format!("{why} at {} by {transport:?}", person.site);
            let link = by(desk.link(person), transport);
            let told = desk.linked(&link, &why).await;
            assert_eq!(told, ((*number).to_owned(), (*status).to_owned()), "{why}");
        }
    }
    let links = desk.service.store.links(&usmf(), None).await.unwrap();
    assert_eq!(links.len(), 5);
}

#[tokio::test]
async fn a_refusal_in_a_step_goes_back_to_the_application() {
    let (desk, _database) = Desk::new().await;
    let call = PolicyCall {
        place: PolicyPlace::OrchestrationStep,
        ..desk.check(&local(TRADE, "new@example.org", 1))
    };
    match desk.place(&call, "a step").await.outcome {
        PolicyOutcome::ErrorRedirect {
            error_description, ..
        } => assert!(
            error_description.contains("Reason 'customer_not_found sign_up "),
            "{error_description}"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_policy_whose_key_is_wrong_gets_nowhere() {
    let (desk, _database) = Desk::new().await;
    let person = local(TRADE, "one@example.org", 1);
    for call in [
        desk.check(&person),
        desk.outcome(&person),
        desk.link(&person),
    ] {
        for authentication in [
            PolicyAuthentication::None,
            PolicyAuthentication::Basic {
                username: USERNAME.to_owned(),
                password: "wrong".to_owned(),
            },
            PolicyAuthentication::Bearer {
                token: PASSWORD.to_owned(),
            },
        ] {
            let call = PolicyCall {
                authentication,
                place: PolicyPlace::OrchestrationStep,
                ..call.clone()
            };
            let report = desk.tenant.call_as_policy(&call).await.unwrap();
            let PolicyOutcome::ErrorRedirect {
                error_description, ..
            } = &report.outcome
            else {
                panic!("{report:?}");
            };
            assert_eq!(report.status, Some(401));
            let text = "with Code 'Unauthorized' and Reason 'Unauthorized'.";
            assert!(error_description.contains(text), "{error_description}");
        }
    }
}

/// Everything that a technical profile may show, and the pin of the last.
fn callers() -> ([PolicyAuthentication; 4], String) {
    let mut params = CertificateParams::new(vec!["b2c".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let pin = digest::digest(&digest::SHA256, certificate.der());
    let pin: Vec<_> = pin.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let callers = [
        PolicyAuthentication::Basic {
            username: USERNAME.to_owned(),
            password: PASSWORD.to_owned(),
        },
        PolicyAuthentication::Bearer {
            token: "canary-token-0123456789".to_owned(),
        },
        PolicyAuthentication::ApiKeyHeader {
            name: "x-contoso-key".to_owned(),
            value: "canary-key-0123456789ab".to_owned(),
        },
        PolicyAuthentication::ClientCertificate {
            certificates: vec![ClientCertificate {
                certificate: certificate.pem(),
                key: key.serialize_pem(),
            }],
        },
    ];
    (callers, pin.concat())
}

fn settings_file(folder: &Folder, pin: &str) -> Source {
    let text = format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        management_listen = "127.0.0.1:0"
        workers = 2
        [server.tls]
        certificate = "server.pem"
        private_key = "server.key"
        [legal_entities.USMF]
        [tenants.contoso]
        issuer = "http://127.0.0.1:9/contoso/v2.0/"
        metadata_url = "http://127.0.0.1:9/contoso/{{policy}}/metadata"
        policies = ["B2C_1A_signup_signin"]
        trusted_providers = ["local"]
        credentials = [{{ username = "{USERNAME}", password = "{PASSWORD}" }}]
        bearer_tokens = [{{ token = "canary-token-0123456789" }}]
        api_key_header = "X-Contoso-Key"
        api_keys = [{{ key = "canary-key-0123456789ab" }}]
        certificates = [{{ sha256 = "{pin}" }}]
        [sites.trade]
        customer_type = "b2b"
        legal_entity = "USMF"
        tenant = "contoso"
        client_ids = ["{TRADE}"]
        "#
    );
    Source::new(Some(folder.write("idlink.toml", &text)), [])
}

#[tokio::test]
async fn a_policy_may_prove_itself_in_four_ways() {
    let folder = Folder::new();
    let own = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("server.key", &own.signing_key.serialize_pem());
    folder.write("server.pem", &own.cert.pem());
    let (callers, pin) = callers();
    let source = settings_file(&folder, &pin);
    let mut nowhere = tokio_postgres::Config::new();
    nowhere.host("/nonexistent").dbname("idlink").user("idlink");
    let loaded = source.load().unwrap();
    let running = server::start(loaded, cold_store(nowhere), Some(source));
    let running = running.await.unwrap();
    let mut settings = Settings::new("contoso");
    settings.connector_roots = vec![own.cert.pem()];
    let tenant = emulator::start(settings).await.unwrap();
    let person = local(TRADE, "one@example.org", 1);
    let place = async |authentication: PolicyAuthentication| {
        let call = PolicyCall {
            service_url: format!(
                "https://localhost:{}/connectors/contoso/custom-policy/record-link",
                running.address.port()
            ),
            authentication,
            claims: person.claims(),
            ..PolicyCall::default()
        };
        tenant.call_as_policy(&call).await.unwrap()
    };
    for caller in callers {
        let why = format!("{caller:?}");
        let report = place(caller).await;
        assert_eq!(report.status, Some(200), "{why}: {report:?}");
        assert!(report.warnings.is_empty(), "{why}: {report:?}");
    }
    let (strangers, _) = self::callers();
    let [.., stranger] = strangers;
    for caller in [PolicyAuthentication::None, stranger] {
        let why = format!("{caller:?}");
        let report = place(caller).await;
        assert_eq!(report.status, Some(401), "{why}: {report:?}");
    }
}

async fn assert_outage(desk: &Desk, why: &str) {
    let person = local(TRADE, "one@example.org", 1);
    let (check, outcome, link) = (
        desk.check(&person),
        desk.outcome(&person),
        desk.link(&person),
    );
    let (checked, came_out, linked) = tokio::join!(
        desk.checked(&check, why),
        desk.came_out(&outcome, why),
        desk.linked(&link, why)
    );
    assert_eq!(checked, Err("try_again_later".to_owned()), "{why}");
    assert_eq!(came_out, Err("try_again_later".to_owned()), "{why}");
    assert_eq!(linked, (String::new(), "unavailable".to_owned()), "{why}");
}

#[tokio::test]
async fn a_store_that_stalls_or_is_gone_is_told_in_time_and_recovers() {
    let server = own_server().await;
    let desk = Desk::at(Service::on(store(server.config()).await, |_| {}).await).await;
    let person = local(TRADE, "one@example.org", 1);
    let not_found = Err("customer_not_found".to_owned());
    assert_eq!(desk.checked(&desk.check(&person), "up").await, not_found);
    server.signal_all("STOP");
    // One attempt each: the platform never got to its second one.
    assert_outage(&desk, "stalled").await;
    server.signal_all("CONT");
    assert_eq!(desk.checked(&desk.check(&person), "on").await, not_found);
    server.signal_all("KILL");
    assert_outage(&desk, "gone").await;
    let _server = server.restart().await;
    assert_eq!(desk.checked(&desk.check(&person), "back").await, not_found);
}
