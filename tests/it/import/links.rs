//! Links in bulk.

use std::sync::Arc;

use idlink::domain::customer::{CustomerNumber, CustomerState, CustomerType};
use idlink::domain::directory::Directory;
use idlink::domain::identity::Subject;
use idlink::domain::site::SecondIdentity;
use idlink::domain::tenant::Tenant;
use idlink::import::engine::Told;
use idlink::import::links::{LinkPlan, LinkSummary, import_links};
use idlink::import::meter::Meter;
use idlink::import::row::{LinkRecord, Row, Rows};
use idlink::import::{ImportError, Input};

use super::customers::{Listed, Noted, Silent};
use crate::linking::{Desk, check_invariants, desk, number};
use crate::support::business::{ISSUER, OnFile, identity, proven, site, tenant, usmf};

const ALIAS: &str = "https://login.contoso.example/tfp/v2.0/";

pub(super) fn plan(second_identity: SecondIdentity) -> LinkPlan {
    let mut shop = site(CustomerType::B2c);
    shop.rules.second_identity = second_identity;
    let tenant = Tenant {
        issuer_aliases: vec![ALIAS.to_owned()],
        ..Tenant::clone(&tenant())
    };
    LinkPlan {
        legal_entities: vec![usmf()],
        site: None,
        dry_run: false,
        max_errors: 100,
        actor: "ines".to_owned(),
        directory: Directory::new([tenant], [shop]),
    }
}

pub(super) fn link(who: u128, number: &str) -> LinkRecord {
    LinkRecord {
        legal_entity: None,
        issuer: ISSUER.to_owned(),
        subject: Subject::parse(&identity(who, "local").subject.as_text()).unwrap(),
        provider: None,
        number: CustomerNumber::parse(number).unwrap(),
    }
}

pub(super) async fn import(
    desk: &Desk,
    plan: LinkPlan,
    links: Vec<LinkRecord>,
) -> (Result<LinkSummary, ImportError>, Vec<(u64, String)>) {
    let rejects = Noted::default();
    let rows = links.into_iter().zip(2..);
    let rows = rows.map(|(record, line)| Row::Good { line, record });
    let input = Input {
        name: "links.csv".to_owned(),
        rows: Box::new(Listed(rows.collect())) as Box<dyn Rows<LinkRecord>>,
    };
    let told = Told {
        meter: Meter::default(),
        size: None,
        rejects: Box::new(rejects.clone()),
        progress: Arc::new(Silent),
    };
    let result = import_links(&desk.store, plan, vec![input], told).await;
    (result, rejects.take())
}

async fn customers(desk: &Desk) {
    for (number, address) in [("1", "one@example.org"), ("2", "two@example.org")] {
        let person = OnFile::person(number, address, CustomerType::B2c);
        person.add(&desk.store).await;
    }
    let mut erased = OnFile::person("3", "three@example.org", CustomerType::B2c);
    erased.state = CustomerState::Erased;
    erased.add(&desk.store).await;
}

#[tokio::test]
async fn a_link_from_a_file_is_the_one_that_a_sign_in_would_record() {
    let desk = desk().await;
    customers(&desk).await;
    let of_alias = LinkRecord {
        issuer: ALIAS.to_owned(),
        ..link(2, "2")
    };
    let links = vec![link(1, "1"), of_alias.clone()];
    let (summary, rejected) = import(&desk, plan(SecondIdentity::Refuse), links.clone()).await;
    assert_eq!(summary.unwrap().legal_entities[0].1.added, 2);
    assert_eq!(rejected, []);
    let shop = site(CustomerType::B2c);
    for (who, expected) in [(1, "1"), (2, "2")] {
        // Whatever the address: the identity is linked.
        let outcome = desk
            .record(&shop, &identity(who, "local"), proven("any@example.org"))
            .await;
        assert_eq!(number(&outcome).0, expected);
    }
    let rows = "SELECT count(*) FROM identity_link
                 WHERE recorded_via = 'import' AND basis = 'imported' AND site = 'shop'
                   AND issuer = 'https://contoso.b2clogin.com/7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10/v2.0/'";
    assert_eq!(desk.count(rows).await, 2);
    check_invariants(&desk.sql).await;

    let (summary, _) = import(&desk, plan(SecondIdentity::Refuse), links).await;
    let counts = summary.unwrap().legal_entities[0].1;
    assert_eq!((counts.added, counts.unchanged), (0, 2));
    let audited = "SELECT count(*) FROM audit WHERE action = 'link.created' AND actor = 'ines'";
    assert_eq!(desk.count(audited).await, 2);
}

#[tokio::test]
async fn what_cannot_be_a_link_is_rejected_by_line() {
    let desk = desk().await;
    customers(&desk).await;
    let stranger = LinkRecord {
        issuer: "https://elsewhere.example/".to_owned(),
        ..link(9, "1")
    };
    let odd = LinkRecord {
        provider: Some("a\nb".to_owned()),
        ..link(9, "1")
    };
    let links = vec![
        stranger,
        odd,
        link(1, "404"),
        link(1, "3"),
        link(1, "1"),
        link(1, "2"),
        link(2, "1"),
    ];
    let (summary, rejected) = import(&desk, plan(SecondIdentity::Refuse), links.clone()).await;
    let summary = summary.unwrap();
    assert_eq!(
        (summary.legal_entities[0].1.added, summary.rejected),
        (1, 6)
    );
    let expected = [
        (2, "is of an issuer that no tenant of the settings has"),
        (3, "has a provider that is no name of one"),
        (4, "has a number that no customer has"),
        (5, "is of a customer that was erased"),
        (7, "is of an identity that is linked to another customer"),
        (
            8,
            "is of a customer that another identity of the same provider is linked to",
        ),
    ];
    let expected = expected.map(|(line, reason)| (line, reason.to_owned()));
    assert_eq!(rejected, expected);

    let (summary, _) = import(&desk, plan(SecondIdentity::Add), vec![link(2, "1")]).await;
    assert_eq!(summary.unwrap().legal_entities[0].1.added, 1);

    let mut strict = plan(SecondIdentity::Add);
    strict.max_errors = 0;
    let (result, _) = import(&desk, strict, vec![link(5, "2"), links[0].clone()]).await;
    assert!(matches!(
        result,
        Err(ImportError::TooManyRejected { limit: 0 })
    ));
    let mut dry = plan(SecondIdentity::Add);
    dry.dry_run = true;
    let (summary, _) = import(&desk, dry, vec![link(5, "2")]).await;
    assert_eq!(summary.unwrap().legal_entities[0].1.added, 1);
    assert_eq!(desk.count("SELECT count(*) FROM identity_link").await, 2);
}
