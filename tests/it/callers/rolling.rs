//! A credential is exchanged for the next one while people sign up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::certificates::{params, self_signed};
use super::door::{Door, basic};
use crate::support::program::Folder;

const TENANT: &str = "rolling";
const ENDED: &str = ", not_after = 2020-01-01T00:00:00Z";

/// With the old credential, and with the new one.
type Callers = Box<dyn Fn(&Door) -> [Caller; 2] + Send + Sync>;

/// One method with two credentials: as the settings spell each, and who shows
/// it.
struct Method {
    name: &'static str,
    list: &'static str,
    spelt: [String; 2],
    callers: Callers,
}

/// Somebody with connections of their own: one that another has opened and not
/// used is closed after a while, when somebody may be about to use it.
struct Caller {
    client: Client,
    header: Option<(&'static str, String)>,
}

impl Caller {
    fn ask(&self, door: &Door) -> RequestBuilder {
        let request = door.ask_by(&self.client, TENANT);
        match &self.header {
            Some((name, value)) => request.header(*name, value),
            None => request,
        }
    }
}

impl Method {
    fn header(
        name: &'static str,
        list: &'static str,
        header: &'static str,
        credentials: [(String, String); 2],
    ) -> Self {
        let [(old, shown_old), (new, shown_new)] = credentials;
        let shown = [shown_old, shown_new];
        Self {
            name,
            list,
            spelt: [old, new],
            callers: Box::new(move |door| {
                shown.clone().map(|value| Caller {
                    client: door.client_builder().build().unwrap(),
                    header: Some((header, value)),
                })
            }),
        }
    }

    fn all() -> Vec<Self> {
        let certificates = [(); 2].map(|()| self_signed(&params("b2c")));
        vec![
            Self::header(
                "basic",
                "credentials",
                "Authorization",
                ["old", "new"].map(|password| {
                    (
                        format!("username = \"caller\", password = \"{password}\""),
                        basic("caller", password),
                    )
                }),
            ),
            Self::header(
                "bearer",
                "bearer_tokens",
                "Authorization",
                ["old-token-0123456789", "new-token-0123456789"]
                    .map(|token| (format!("token = \"{token}\""), format!("Bearer {token}"))),
            ),
            Self::header(
                "api_key",
                "api_keys",
                "X-Api-Key",
                ["old-key-0123456789", "new-key-0123456789"]
                    .map(|key| (format!("key = \"{key}\""), key.to_owned())),
            ),
            Self {
                name: "certificate",
                list: "certificates",
                spelt: certificates
                    .each_ref()
                    .map(|shown| format!("sha256 = \"{}\"", shown.pin())),
                callers: Box::new(move |door| {
                    certificates.each_ref().map(|shown| Caller {
                        client: shown.client(door),
                        header: None,
                    })
                }),
            },
        ]
    }

    fn keys(&self, entries: &[String]) -> String {
        let entries: Vec<_> = entries.iter().map(|keys| format!("{{ {keys} }}")).collect();
        format!("{} = [{}]", self.list, entries.join(", "))
    }
}

/// Callers that ask without a pause until they are told to stop.
struct Load {
    callers: JoinSet<()>,
    stop: Arc<AtomicBool>,
    /// Which of the two credentials they show.
    shows_new: Arc<AtomicBool>,
    /// By each caller.
    answered: Vec<Arc<AtomicUsize>>,
    failed: Arc<Mutex<Vec<String>>>,
}

impl Load {
    fn start(door: &Arc<Door>, method: &Method) -> Self {
        let mut load = Self {
            callers: JoinSet::new(),
            stop: Arc::default(),
            shows_new: Arc::default(),
            answered: Vec::new(),
            failed: Arc::default(),
        };
        for _ in 0..4 {
            let answered = Arc::<AtomicUsize>::default();
            load.answered.push(Arc::clone(&answered));
            let (door, callers) = (Arc::clone(door), (method.callers)(door));
            let (stop, shows_new) = (Arc::clone(&load.stop), Arc::clone(&load.shows_new));
            let failed = Arc::clone(&load.failed);
            load.callers.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let which = usize::from(shows_new.load(Ordering::SeqCst));
                    let failure = match callers[which].ask(&door).send().await {
                        Ok(response) if response.status() == 200 => None,
                        Ok(response) => Some(response.status().to_string()),
                        Err(error) => Some(format!("{error:?}")),
                    };
                    failed.lock().unwrap().extend(failure);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        load
    }

    /// Until every caller has been answered so many times more: what it had
    /// begun before has ended, however slow it was beside the others.
    async fn go_on(&self) {
        let reached = async {
            for answered in &self.answered {
                let enough = answered.load(Ordering::SeqCst) + 10;
                while answered.load(Ordering::SeqCst) < enough {
                    sleep(Duration::from_millis(5)).await;
                }
            }
        };
        timeout(Duration::from_secs(30), reached).await.unwrap();
    }

    /// What went wrong.
    async fn end(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut self.failed.lock().unwrap())
    }
}

#[tokio::test]
async fn a_credential_is_rolled_under_load_without_a_failure() {
    let begin = "credentials = [{ username = \"x\", password = \"x\" }]";
    let door = Arc::new(Door::open_tls(Folder::new(), &[(TENANT, begin)]).await);
    for method in Method::all() {
        let [old, new] = method.spelt.clone();
        let old_alone = method.keys(std::slice::from_ref(&old));
        door.change(&[(TENANT, &old_alone)]).await;
        let load = Load::start(&door, &method);
        load.go_on().await;
        door.change(&[(TENANT, &method.keys(&[new.clone(), old.clone()]))])
            .await;
        load.go_on().await;
        load.shows_new.store(true, Ordering::SeqCst);
        // Those that had begun with the old one end.
        load.go_on().await;
        door.change(&[(TENANT, &method.keys(&[new, format!("{old}{ENDED}")]))])
            .await;
        load.go_on().await;
        assert_eq!(load.end().await, [""; 0], "{}", method.name);

        let [old, new] = (method.callers)(&door);
        let told = [old, new].map(|caller| door.status(caller.ask(&door)));
        let told = futures_util::future::join_all(told).await;
        assert_eq!(told, [401, 200], "{}: old, new", method.name);
        assert_eq!(door.refused(TENANT, method.name, "ended").await, 1);
    }
}

#[tokio::test]
async fn a_credential_ends_at_its_moment_without_a_reload() {
    let end = time::OffsetDateTime::now_utc() + time::Duration::seconds(2);
    let end = end
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let keys = format!(
        "credentials = [{{ username = \"caller\", password = \"old\", not_after = {end} }}]"
    );
    let door = Door::open(&[("moment-a", &keys)]).await;
    let ask = || {
        door.ask("moment-a")
            .header("Authorization", basic("caller", "old"))
    };
    let begun = Instant::now();
    let mut statuses = Vec::new();
    while begun.elapsed() < Duration::from_secs(20) && statuses.last() != Some(&401) {
        statuses.push(door.status(ask()).await);
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(statuses.last(), Some(&401));
    assert!(
        statuses.iter().rev().skip(1).all(|status| *status == 200),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_secret_in_a_file_is_seen_without_a_signal() {
    let keys = "api_keys = [{ key_file = \"key\" }]";
    let folder = Folder::new();
    folder.write("key", "canary-key-0123456789ab\n");
    let door = Door::open_tls(folder, &[("file-a", keys)]).await;
    let ask = |key: &str| door.ask("file-a").header("x-api-key", key);
    assert_eq!(door.status(ask("canary-key-0123456789ab")).await, 200);
    door.folder.write("key", "canary-key-of-new-times\n");
    let seen = async {
        while door.status(ask("canary-key-of-new-times")).await != 200 {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(30), seen).await.unwrap();
    assert_eq!(door.status(ask("canary-key-0123456789ab")).await, 401);
}
