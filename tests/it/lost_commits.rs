//! The answer to a COMMIT gets lost: the transaction has happened, or has not,
//! and the service cannot know. A proxy in front of the server hangs up when a
//! COMMIT comes by, before or after it has been passed on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use idlink::domain::customer::CustomerType;
use idlink::domain::site::SecondIdentity;
use idlink::linking::{Linking, Outcome};
use idlink::tracked::Tracked;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::linking::{check_invariants, record};
use crate::support::business::{OnFile, cold_store, identity, proven, site, store};
use crate::support::postgres::{connect, database};

/// Every third COMMIT is followed by a lost connection, turn by turn after the
/// server has it and before.
const EVERY: usize = 3;

/// The database of `config` behind a proxy.
async fn behind_a_proxy(config: &Config) -> Config {
    let Some(Host::Unix(folder)) = config.get_hosts().first() else {
        panic!("the test server listens on a Unix socket");
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let server = folder.join(format!(".s.PGSQL.{port}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut through = Config::new();
    through
        .host("127.0.0.1")
        .port(listener.local_addr().unwrap().port())
        .user(config.get_user().unwrap())
        .dbname(config.get_dbname().unwrap());
    if let Some(password) = config.get_password() {
        through.password(password);
    }
    tokio::spawn(async move {
        let commits = Arc::new(AtomicUsize::new(0));
        while let Ok((client, _)) = listener.accept().await {
            client.set_nodelay(true).unwrap();
            tokio::spawn(pass_on(client, server.clone(), commits.clone()));
        }
    });
    through
}

async fn pass_on(mut client: TcpStream, server: PathBuf, commits: Arc<AtomicUsize>) {
    let mut server = UnixStream::connect(server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let Ok(length @ 1..) = length else { return };
                let message = &asked[..length];
                if message.windows(6).any(|part| part == b"COMMIT") {
                    let turn = commits.fetch_add(1, Ordering::SeqCst);
                    if turn.is_multiple_of(2 * EVERY) {
                        return;
                    }
                    if turn.is_multiple_of(EVERY) {
                        // The server does it, and tells nobody.
                        server.write_all(message).await.unwrap();
                        let _ = server.read(&mut answered).await;
                        return;
                    }
                }
                server.write_all(message).await.unwrap();
            }
            length = server.read(&mut answered) => {
                let Ok(length @ 1..) = length else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_told_a_number_has_it_and_nobody_has_two() {
    let database = database().await;
    let direct = store(database.config()).await;
    let sql = connect(&database.config()).await;
    let through = cold_store(behind_a_proxy(&database.config()).await);
    let linking = Linking::new(through, Tracked::new(Handle::current()));
    let (shop, trade) = (site(CustomerType::B2c), {
        let mut trade = site(CustomerType::B2b);
        trade.rules.second_identity = SecondIdentity::Replace;
        trade
    });
    OnFile::person("B1", "both@example.org", CustomerType::B2b)
        .add(&direct)
        .await;
    let mut numbers = BTreeSet::new();
    for n in 0..30_u128 {
        let (site, address, expected) = match n % 3 {
            0 => (&trade, "both@example.org".to_owned(), Some("B1")),
            _ => (&shop, format!("p{n}@example.org"), None),
        };
        let who = identity(n, "local");
        let outcome = record(&linking, site, &who, proven(&address)).await;
        let Outcome::Linked { number, .. } = outcome else {
            panic!("{n}: {outcome:?}");
        };
        match expected {
            Some(expected) => assert_eq!(number.as_str(), expected),
            None => assert!(numbers.insert(number.clone()), "{n}: {number} twice"),
        }
        let again = record(&linking, site, &who, proven(&address)).await;
        assert!(
            matches!(&again, Outcome::Linked { number: same, .. } if *same == number),
            "{n}: {again:?}"
        );
    }
    let customers: i64 = sql
        .query_one("SELECT count(*) FROM customer", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(customers, 21);
    check_invariants(&sql).await;
}
