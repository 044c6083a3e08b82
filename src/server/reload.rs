//! Settings, secrets and certificates that are exchanged while we run: looked
//! at every two seconds by their content, because a mounted secret changes
//! without any signal. What is broken is said once and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use tokio::sync::Mutex;

use super::state::State;
use crate::config::{Settings, Source};

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Reloader {
    source: Source,
    state: Arc<State>,
    last: Arc<Mutex<Last>>,
}

/// What was found the last time.
struct Last {
    /// Of the content of all files.
    digest: Vec<u8>,
    /// Said in the log already. As long as there are any, reading is tried
    /// again, because what is missing may be a file that nobody watches yet.
    problems: Vec<String>,
}

impl Reloader {
    pub(super) fn new(source: Source, state: &Arc<State>) -> Self {
        let digest = digest_of(&files(&source, &state.settings.load()));
        Self {
            source,
            state: Arc::clone(state),
            last: Arc::new(Mutex::new(Last {
                digest,
                problems: Vec::new(),
            })),
        }
    }

    /// Never returns.
    pub(super) async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let mut last = self.last.lock().await;
            let digest = self.current_digest().await;
            if digest != last.digest || !last.problems.is_empty() {
                self.exchange(&mut last).await;
            }
        }
    }

    /// Reads everything again, changed or not.
    pub(super) async fn read_again(&self) {
        let mut last = self.last.lock().await;
        last.problems.clear();
        self.exchange(&mut last).await;
    }

    async fn exchange(&self, last: &mut Last) {
        // Taken first: what changes while we read is seen the next time.
        last.digest = self.current_digest().await;
        let mut problems = self.exchange_settings().await;
        if let Err(error) = self.state.exchange_certificate() {
            problems.push(error.to_string());
        }
        if problems != last.problems {
            for problem in &problems {
                tracing::error!(problem, "not reloaded, the old one stays in use");
            }
        }
        if problems.is_empty() {
            tracing::info!("settings and certificates were read again");
            // New settings may name other files.
            last.digest = self.current_digest().await;
        }
        last.problems = problems;
    }

    async fn exchange_settings(&self) -> Vec<String> {
        let source = self.source.clone();
        match tokio::task::spawn_blocking(move || source.load()).await {
            Ok(Ok(settings)) => match self.state.exchange(settings).await {
                Ok(()) => Vec::new(),
                Err(refusal) => vec![refusal.to_string()],
            },
            Ok(Err(problems)) => problems.iter().map(ToString::to_string).collect(),
            Err(_) => vec!["reading the settings was interrupted".to_owned()],
        }
    }

    async fn current_digest(&self) -> Vec<u8> {
        let files = files(&self.source, &self.state.settings.load());
        tokio::task::spawn_blocking(move || digest_of(&files))
            .await
            .unwrap_or_default()
    }
}

/// Every file that the settings in use were made from.
fn files(source: &Source, settings: &Settings) -> Vec<PathBuf> {
    let tls = settings.server.tls.iter();
    source
        .file()
        .map(Path::to_owned)
        .into_iter()
        .chain(settings.secret_files.iter().cloned())
        .chain(tls.flat_map(|tls| [tls.certificate.clone(), tls.private_key.clone()]))
        .collect()
}

/// A digest, so that no secret stays in memory for the comparison.
fn digest_of(files: &[PathBuf]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    for file in files {
        // A file that cannot be read differs from every one that can.
        let content = std::fs::read(file).map(|content| digest::digest(&digest::SHA256, &content));
        match content {
            Ok(content) => context.update(content.as_ref()),
            Err(_) => context.update(b"unreadable"),
        }
    }
    context.finish().as_ref().to_vec()
}
