//! External ID's journeys with the service behind their extensions: linked when
//! the form is sent, the number in the token.

use idlink::domain::customer::CustomerType;
use idlink::emulator::{
    CallerToken, EntraIssuer, Extension, Extensions, ExternalIdFlow, MappedClaim, TokenVersion,
};
use idlink::oidc::CallerIssuer;

use super::*;
use crate::support::{
    business::OnFile,
    external::External,
    postgres::Database,
    service::{SHOP, TRADE, send},
};

const TENANT: &str = "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10";
/// Entra wants more of a password than the other tests' has.
const PASSWORD: &str = "Correct horse 7";

struct Desk {
    tenant: Emulator,
    external: External,
    _database: Database,
}

impl Desk {
    async fn new() -> Self {
        let mut settings = Settings::new("aurora");
        settings.applications = vec![application(TRADE, None), application(SHOP, None)];
        let mut flow = ExternalIdFlow::new("Customers", &[TRADE, SHOP]);
        flow.claims = ["customerId", "customerLink"]
            .map(MappedClaim::same)
            .to_vec();
        settings.external_id = vec![flow];
        let tenant = emulator::start(settings).await.unwrap();
        let issuer = CallerIssuer {
            issuer: tenant.entra_issuer(EntraIssuer::ExternalId, TokenVersion::V2),
            jwks_uri: tenant
                .entra_jwks_url(EntraIssuer::ExternalId)
                .parse()
                .unwrap(),
        };
        let (external, database) = External::start(|setup| setup.bearer.issuers.push(issuer)).await;
        for (number, customer_type) in [("B1", CustomerType::B2b), ("C1", CustomerType::B2c)] {
            OnFile::person(number, "one@example.org", customer_type)
                .add(&external.service.store)
                .await;
        }
        let address = external.service.address();
        let extension = Extension {
            // The machine that runs the tests may be busy.
            time_limit_ms: 2_000,
            claims_for_token: Some(vec!["customerId".to_owned(), "customerLink".to_owned()]),
            ..Extension::at(&format!("http://{address}/connectors/aurora/external-id"))
        };
        let chosen = Extensions::all(&extension);
        tenant.set_extensions("Customers", chosen).unwrap();
        let desk = Self {
            tenant,
            external,
            _database: database,
        };
        let patience = Duration::from_secs(60);
        tokio::time::timeout(patience, desk.keys_are_loaded())
            .await
            .unwrap();
        desk
    }

    /// They are made, and loaded, behind the start.
    async fn keys_are_loaded(&self) {
        let token = self.tenant.entra_token(&CallerToken::default()).await;
        let token = token.unwrap().unwrap();
        loop {
            let request = self.external.post().bearer_auth(&token).body("{");
            if send(request).await.status != 401 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn begin(&self, browser: &mut Browser, client: &str, action: &str) -> Page {
        let digest = digest::digest(&digest::SHA256, VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest.as_ref());
        let url = self.endpoint("authorize");
        let parameters = [
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid profile email"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("prompt", "login"),
        ];
        let url = Url::parse_with_params(&url, parameters).unwrap();
        let page = browser.get(url.as_str()).await;
        browser.fill(&page, &[("action", action)]).await
    }

    fn endpoint(&self, name: &str) -> String {
        let base = self.tenant.base_url();
        format!("{base}/entra/{TENANT}.ciamlogin.com/{TENANT}/oauth2/v2.0/{name}")
    }

    /// Up to what follows the proof of the address.
    async fn proven(&self, browser: &mut Browser, client: &str, address: &str) -> Page {
        let page = self.begin(browser, client, "choose:SignUpExchange").await;
        let form = [("email", address), ("action", "send-code:email")];
        let page = browser.fill(&page, &form).await;
        let code = self.tenant.newest_code(address).unwrap();
        let form = [
            ("email_ver_input", code.as_str()),
            ("action", "verify-code:email"),
        ];
        let page = browser.fill(&page, &form).await;
        browser.fill(&page, &[("action", "continue")]).await
    }

    async fn details(&self, browser: &mut Browser, page: &Page) -> Page {
        let form = [
            ("newPassword", PASSWORD),
            ("reenterPassword", PASSWORD),
            ("displayName", "Jonas Weber"),
            ("action", "continue"),
        ];
        browser.fill(page, &form).await
    }

    /// Number and link of the token.
    async fn told(&self, client: &str, page: &Page) -> (Value, Value) {
        let code = page.code();
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let request = http().post(self.endpoint("token")).form(&form);
        let response: Value = request.send().await.unwrap().json().await.unwrap();
        let id = id_claims(&response);
        (id["customerId"].clone(), id["customerLink"].clone())
    }
}

fn is_blocked(page: &Page, topic: &str) {
    let message = page.text("block-message");
    let message = message.unwrap_or_else(|| panic!("{topic}: {:?} {}", page.location, page.body));
    assert!(message.starts_with(topic), "{topic}: {message}");
}

#[tokio::test]
async fn a_customer_is_linked_by_signing_up_and_keeps_the_number() {
    let desk = Desk::new().await;
    let mut browser = Browser::new(&desk.tenant.base_url());
    let page = desk.proven(&mut browser, TRADE, "one@example.org").await;
    let page = desk.details(&mut browser, &page).await;
    let linked = (json!("B1"), json!("linked"));
    assert_eq!(desk.told(TRADE, &page).await, linked);
    let page = desk.begin(&mut browser, TRADE, "none").await;
    let form = [
        ("signInName", "one@example.org"),
        ("password", PASSWORD),
        ("action", "continue"),
    ];
    let page = browser.fill(&page, &form).await;
    assert_eq!(desk.told(TRADE, &page).await, linked);
    for entry in audit(&desk.tenant).await {
        assert_eq!(entry["status"], 200, "{entry}");
        assert_eq!(entry["warnings"], json!([]), "{entry}");
    }
}

#[tokio::test]
async fn whoever_is_no_customer_is_stopped_or_becomes_one() {
    let desk = Desk::new().await;
    let mut browser = Browser::new(&desk.tenant.base_url());
    let page = desk.proven(&mut browser, TRADE, "new@example.org").await;
    is_blocked(&page, "customer_not_found");
    let page = desk.proven(&mut browser, SHOP, "new@example.org").await;
    let page = desk.details(&mut browser, &page).await;
    let created = (json!("C000001"), json!("linked"));
    assert_eq!(desk.told(SHOP, &page).await, created);
}

#[tokio::test]
async fn a_strangers_provider_does_not_prove_a_customers_address() {
    let desk = Desk::new().await;
    let mut browser = Browser::new(&desk.tenant.base_url());
    let page = desk.begin(&mut browser, TRADE, "choose:facebook.com").await;
    let form = [("email", "one@example.org"), ("action", "continue")];
    let page = browser.fill(&page, &form).await;
    is_blocked(&page, "unverified_address");
    assert!(users(&desk.tenant).await.is_empty());
    let page = desk.begin(&mut browser, TRADE, "choose:google.com").await;
    let page = browser.fill(&page, &form).await;
    let form = [("displayName", "Mina Kaur"), ("action", "continue")];
    let page = browser.fill(&page, &form).await;
    let linked = (json!("B1"), json!("linked"));
    assert_eq!(desk.told(TRADE, &page).await, linked, "a trusted one does");
}
