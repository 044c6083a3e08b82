//! A small business to test with: one tenant, a B2B and a B2C site, and
//! customers in the legal entity `USMF`.

use std::collections::BTreeMap;
use std::sync::Arc;

use idlink::domain::customer::{
    AddressOrigin, CustomerId, CustomerKind, CustomerNumber, CustomerOrigin, CustomerState,
    CustomerType, LegalEntity,
};
use idlink::domain::email::Email;
use idlink::domain::identity::{Identity, Issuer, Provider, Subject};
use idlink::domain::language::Language;
use idlink::domain::site::{
    CustomerEmail, Disclosure, Messages, Mode, Outage, Rules, SecondIdentity, Site, Stage, Topic,
    UnverifiedEmail,
};
use idlink::domain::tenant::{ClaimNames, MissingProvider, Platform, Tenant};
use idlink::domain::trust::{Address, Trust};
use idlink::store::customers::CustomerRow;
use idlink::store::features::{AUTOMATIC_LINKING, Switch};
use idlink::store::legal_entities::NumberFormat;
use idlink::store::{Limits, Statements, Store, StoreSettings};
use time::OffsetDateTime;
use tokio_postgres::Config;
use uuid::Uuid;

pub(crate) const ISSUER: &str =
    "https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/";

pub(crate) fn usmf() -> LegalEntity {
    LegalEntity::parse("USMF").unwrap()
}

pub(crate) fn tenant() -> Arc<Tenant> {
    Arc::new(Tenant {
        name: "contoso".to_owned(),
        issuer: Issuer::new(ISSUER),
        issuer_aliases: Vec::new(),
        policies: vec!["B2C_1_signupsignin".to_owned()],
        trust: Trust::new([Provider::local(), Provider::named("google.com")]),
        missing_identities: MissingProvider::Local,
        missing_idp: MissingProvider::Local,
        claims: ClaimNames::new(None, "CustomerId", Some("CustomerLink")),
        platform: Platform::B2c,
    })
}

pub(crate) fn site(customer_type: CustomerType) -> Site {
    let name = match customer_type {
        CustomerType::B2b => "trade",
        CustomerType::B2c => "shop",
    };
    Site {
        name: name.to_owned(),
        display_name: name.to_owned(),
        legal_entity: usmf(),
        tenant: "contoso".to_owned(),
        client_ids: [format!("{name}-client")].into(),
        mode: Mode::Enforce,
        rules: Rules {
            customer_type,
            unverified_email: UnverifiedEmail::Refuse,
            customer_email: CustomerEmail::Any,
            second_identity: SecondIdentity::Refuse,
            feed_max_age: None,
        },
        outage: Outage::Refuse,
        disclosure: Disclosure::Specific,
        messages: messages(),
    }
}

/// Each text names its topic and stage, so that a test sees which was chosen.
fn messages() -> Messages {
    let english = Language::parse("en").unwrap();
    let mut texts = BTreeMap::new();
    for topic in Topic::ALL {
        for stage in Stage::ALL {
            let text = format!("{} {} {{reference}}", topic.key(), stage.key());
            texts.insert((topic, stage), text);
        }
    }
    Messages::new(english.clone(), [(english, texts)].into()).unwrap()
}

pub(crate) fn identity(n: u128, provider: &str) -> Identity {
    let subject = Uuid::from_u128(0x1000_0000_0000 + n).to_string();
    Identity {
        issuer: Issuer::new(ISSUER),
        subject: Subject::parse(&subject).unwrap(),
        provider: Provider::named(provider),
    }
}

pub(crate) fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

pub(crate) fn proven(text: &str) -> Address {
    Address::Proven(email(text))
}

/// A pool on a test's own database, with linking switched on.
pub(crate) async fn store(config: Config) -> Store {
    furnished(cold_store(config)).await
}

/// The same for a pool of the test's making.
pub(crate) async fn furnished(store: Store) -> Store {
    let format = NumberFormat {
        prefix: "C".to_owned(),
        width: 6,
    };
    store.ensure_legal_entity(&usmf(), &format).await.unwrap();
    turn(&store, Switch::On).await;
    store
}

/// A pool and nothing else.
pub(crate) fn cold_store(config: Config) -> Store {
    store_with(config, Statements::Prepared)
}

pub(crate) fn store_with(config: Config, statements: Statements) -> Store {
    store_of(8, config, statements)
}

pub(crate) fn store_of(connections: usize, config: Config, statements: Statements) -> Store {
    Store::new(StoreSettings {
        config,
        tls: None,
        connections,
        limits: Limits::default(),
        statements,
    })
    .unwrap()
}

pub(crate) async fn turn(store: &Store, switch: Switch) {
    store
        .turn_feature(AUTOMATIC_LINKING, switch, "test", OffsetDateTime::now_utc())
        .await
        .unwrap();
}

/// A customer on file as an import leaves it.
pub(crate) struct OnFile {
    pub(crate) number: &'static str,
    pub(crate) email: &'static str,
    pub(crate) customer_type: CustomerType,
    pub(crate) kind: CustomerKind,
    pub(crate) state: CustomerState,
    pub(crate) address_origin: AddressOrigin,
}

impl OnFile {
    pub(crate) fn person(
        number: &'static str,
        email: &'static str,
        customer_type: CustomerType,
    ) -> Self {
        Self {
            number,
            email,
            customer_type,
            kind: CustomerKind::Person,
            state: CustomerState::Active,
            address_origin: AddressOrigin::Imported,
        }
    }

    pub(crate) async fn add(self, store: &Store) -> CustomerId {
        let id = CustomerId(Uuid::now_v7());
        let number = CustomerNumber::parse(self.number).unwrap();
        let email = email(self.email);
        let tx = store.begin().await.unwrap();
        tx.insert_customer(
            &usmf(),
            &CustomerRow {
                id,
                number: &number,
                kind: self.kind,
                customer_type: self.customer_type,
                name: Some("Somebody"),
                email: Some((&email, self.address_origin)),
                state: self.state,
                origin: CustomerOrigin::Import,
            },
            OffsetDateTime::now_utc(),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        id
    }
}
