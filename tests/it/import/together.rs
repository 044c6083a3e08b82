//! Imports beside sign-ups, and beside each other.

use std::sync::Arc;
use std::sync::mpsc;

use idlink::domain::customer::CustomerType;
use idlink::import::engine::{Told, import_customers};
use idlink::import::meter::Meter;
use idlink::import::row::{CustomerRecord, Row, Rows, Unreadable};
use idlink::import::{ImportError, Input};
use idlink::store::imports::Feed;

use super::customers::{Noted, Silent, customer, import_rows, lines, plan};
use crate::linking::{check_invariants, desk, number, record};
use crate::support::business::{identity, proven, site, usmf};

/// However an import and the sign-ups of its customers meet, an address never
/// belongs to a customer of the one and another of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_created_beside_a_row_that_arrives_at_that_moment() {
    const ROWS: u32 = 6_000;
    let desk = Arc::new(desk().await);
    let shop = Arc::new(site(CustomerType::B2c));
    let many = |n: u32| customer(&format!("K{n}"), &format!("p{n}@example.org"));
    let rows = lines((0..ROWS).map(many).collect());
    let callers: Vec<_> = (0..6_u32)
        .map(|caller| {
            let (desk, shop) = (desk.clone(), shop.clone());
            tokio::spawn(async move {
                let mut told = Vec::new();
                // From both ends, so that some come before their row and some after it.
                for n in 0..60 {
                    let n = (caller * 997 + n * 101) % ROWS;
                    let address = format!("p{n}@example.org");
                    let who = identity(u128::from(n), "local");
                    let outcome = record(&desk.linking, &shop, &who, proven(&address)).await;
                    told.push((n, number(&outcome).0.to_owned()));
                }
                told
            })
        })
        .collect();
    let (summary, _) = import_rows(&desk, plan(Feed::Delta), rows).await;
    let counts = summary.unwrap().legal_entities[0].1;
    let mut told = Vec::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }

    let shared = "SELECT count(*) FROM (
        SELECT 1 FROM customer WHERE state = 'active' AND kind = 'person'
         GROUP BY email_canonical HAVING count(*) > 1) AS x";
    assert_eq!(desk.count(shared).await, 0);
    let created = "SELECT count(*) FROM customer WHERE origin = 'sign_up'";
    let created = u64::try_from(desk.count(created).await).unwrap();
    assert_eq!(counts.for_review, created, "each of them is left to people");
    assert_eq!(counts.added + created, u64::from(ROWS));
    for (n, number) in told {
        let imported = number == format!("K{n}");
        assert!(imported || number.starts_with("C0"), "{number} for p{n}");
    }
    check_invariants(&desk.sql).await;
}

/// Rows that come when the test lets them.
struct Slow(mpsc::Receiver<Row<CustomerRecord>>);

impl Rows<CustomerRecord> for Slow {
    fn next_row(&mut self) -> Result<Option<Row<CustomerRecord>>, Unreadable> {
        Ok(self.0.recv().ok())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_imports_of_one_legal_entity_keep_out_of_each_others_way() {
    let desk = desk().await;
    let (rows, receiver) = mpsc::channel();
    let input = Input {
        name: "slow.csv".to_owned(),
        rows: Box::new(Slow(receiver)) as Box<dyn Rows<CustomerRecord>>,
    };
    let told = Told {
        meter: Meter::default(),
        size: None,
        rejects: Box::new(Noted::default()),
        progress: Arc::new(Silent),
    };
    let mut first = Box::pin(import_customers(
        &desk.store,
        plan(Feed::Full),
        vec![input],
        told,
    ));
    let second = lines(vec![customer("1", "")]);
    let meanwhile = async {
        let running = "SELECT count(*) FROM import WHERE state = 'running'";
        while desk.count(running).await == 0 {
            tokio::task::yield_now().await;
        }
        import_rows(&desk, plan(Feed::Delta), second.clone()).await
    };
    let (result, _) = tokio::select! {
        result = &mut first => panic!("has rows to wait for: {result:?}"),
        result = meanwhile => result,
    };
    let Err(ImportError::Held {
        legal_entity,
        holder: Some(holder),
    }) = result
    else {
        panic!("the first import holds it: {result:?}");
    };
    assert_eq!((legal_entity, holder.actor), (usmf(), "ines".to_owned()));

    // Whoever dies in the middle is in nobody's way.
    drop(first);
    drop(rows);
    let (result, _) = import_rows(&desk, plan(Feed::Delta), second).await;
    assert_eq!(result.unwrap().legal_entities[0].1.added, 1);
    let imports = desk.store.imports(&usmf()).await.unwrap();
    let states: Vec<_> = imports.iter().map(|import| import.state.as_str()).collect();
    assert_eq!(states, ["completed", "interrupted"]);
}
