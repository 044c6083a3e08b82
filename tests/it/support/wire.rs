//! The wire between the service and its database, on which round trips are
//! counted.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// How long a message is under way, so that what is sent together arrives
/// together.
const UNDER_WAY: Duration = Duration::from_millis(3);

pub(crate) struct Wire {
    config: Config,
    trips: Arc<AtomicUsize>,
}

impl Wire {
    /// The database of `config` at the other end.
    pub(crate) async fn to(config: &Config) -> Self {
        let [Host::Unix(folder)] = config.get_hosts() else {
            panic!("the tests' servers have one socket");
        };
        let server = folder.join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut here = Config::new();
        here.host("127.0.0.1")
            .port(listener.local_addr().unwrap().port())
            .user(config.get_user().unwrap())
            .dbname(config.get_dbname().unwrap());
        let trips = Arc::new(AtomicUsize::new(0));
        let counted = trips.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), counted.clone()));
            }
        });
        Self {
            config: here,
            trips,
        }
    }

    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    /// How many round trips there were since this was asked last.
    pub(crate) fn trips(&self) -> usize {
        self.trips.swap(0, Ordering::SeqCst)
    }
}

/// A round trip begins with whatever is sent after an answer.
async fn carry(mut client: TcpStream, server: PathBuf, trips: Arc<AtomicUsize>) {
    client.set_nodelay(true).unwrap();
    let mut server = UnixStream::connect(server).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    let mut has_answered = true;
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let Ok(mut length @ 1..) = length else { return };
                if has_answered {
                    trips.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(UNDER_WAY).await;
                    length += client.try_read(&mut asked[length..]).unwrap_or_default();
                }
                has_answered = false;
                server.write_all(&asked[..length]).await.unwrap();
            }
            length = server.read(&mut answered) => {
                let Ok(length @ 1..) = length else { return };
                has_answered = true;
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
