//! A credential is exchanged for the next one while people sign up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::RequestBuilder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::certificates::{params, self_signed};
use super::door::{Door, basic};
use crate::support::program::Folder;

const TENANT: &str = "rolling";
const ENDED: &str = ", not_after = 2020-01-01T00:00:00Z";

type Show = Box<dyn Fn(&Door) -> RequestBuilder + Send + Sync>;

/// One method with two credentials: as the settings spell each, and as a
/// caller shows it.
struct Method {
    name: &'static str,
    list: &'static str,
    spelt: [String; 2],
    show: [Show; 2],
}

impl Method {
    fn header(
        name: &'static str,
        list: &'static str,
        header: &'static str,
        credentials: [(String, String); 2],
    ) -> Self {
        let (spelt, shown): (Vec<_>, Vec<_>) = credentials.into_iter().unzip();
        let show = <[String; 2]>::try_from(shown).unwrap().map(|value| {
            let show = move |door: &Door| door.ask(TENANT).header(header, &value);
            Box::new(show) as Show
        });
        Self {
            name,
            list,
            spelt: spelt.try_into().unwrap(),
            show,
        }
    }

    fn all(folder_door: &Door) -> Vec<Self> {
        let certificates = [(); 2].map(|()| self_signed(&params("b2c")));
        let clients = certificates
            .each_ref()
            .map(|shown| shown.client(folder_door));
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
                show: clients.map(|client| {
                    let show = move |door: &Door| door.ask_by(&client, TENANT);
                    Box::new(show) as Show
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
    answered: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

impl Load {
    fn start(door: &Arc<Door>, method: &Arc<Method>) -> Self {
        let mut load = Self {
            callers: JoinSet::new(),
            stop: Arc::default(),
            shows_new: Arc::default(),
            answered: Arc::default(),
            failed: Arc::default(),
        };
        for _ in 0..4 {
            let (door, method) = (Arc::clone(door), Arc::clone(method));
            let (stop, shows_new) = (Arc::clone(&load.stop), Arc::clone(&load.shows_new));
            let (answered, failed) = (Arc::clone(&load.answered), Arc::clone(&load.failed));
            load.callers.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let which = usize::from(shows_new.load(Ordering::SeqCst));
                    let status = door.status(method.show[which](&door)).await;
                    if status != 200 {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        load
    }

    /// Until so many more have been answered.
    async fn go_on(&self) {
        let enough = self.answered.load(Ordering::SeqCst) + 40;
        let reached = async {
            while self.answered.load(Ordering::SeqCst) < enough {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), reached).await.unwrap();
    }

    async fn end(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        self.failed.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_credential_is_rolled_under_load_without_a_failure() {
    let begin = "credentials = [{ username = \"x\", password = \"x\" }]";
    let door = Arc::new(Door::open_tls(Folder::new(), &[(TENANT, begin)]).await);
    for method in Method::all(&door) {
        let method = Arc::new(method);
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
        assert_eq!(load.end().await, 0, "{}", method.name);

        assert_eq!(
            door.status(method.show[0](&door)).await,
            401,
            "{}: old",
            method.name
        );
        assert_eq!(
            door.status(method.show[1](&door)).await,
            200,
            "{}: new",
            method.name
        );
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
