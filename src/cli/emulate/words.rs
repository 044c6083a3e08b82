//! What the command says: where everything is, what was made up, what stands
//! in the way.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::emulator::{Emulator, Filled, Loaded, Note, Obstacle, Place, Refused, Settings};

use super::tenant::{MadeUp, described};

/// Lines of a list that are told at most; `idlink policy check` tells all.
const MOST_WARNINGS: usize = 20;

/// What B2C would refuse, for standard error.
pub(super) fn warnings(loaded: &Loaded, paths: &[PathBuf]) -> String {
    let errors = &loaded.refused_by_b2c;
    let mut text = String::new();
    if errors.is_empty() {
        return text;
    }
    for error in errors.iter().take(MOST_WARNINGS) {
        line(&mut text, &format!("warning: {error}"));
    }
    if let Some(more) = errors
        .len()
        .checked_sub(MOST_WARNINGS)
        .filter(|more| *more > 0)
    {
        line(&mut text, &format!("warning: and {more} more like these"));
    }
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let hint = format!(
        "B2C would refuse the upload for these. More: idlink policy check {}",
        paths.join(" ")
    );
    line(&mut text, &hint);
    text
}

/// Why nothing is served.
pub(super) fn refusal(loaded: &Loaded) -> String {
    let refused = loaded.policies.refused();
    let mut text = String::from("These policies cannot be served, so that nothing is:\n\n");
    text.push_str(&obstacles(refused));
    let served = loaded.policies.ids().collect::<Vec<_>>().join(", ");
    text.push_str(&match served.as_str() {
        "" => "No other policy could be served.".to_owned(),
        served => format!("--skip-unsupported serves the others: {served}"),
    });
    text
}

/// The same obstacle in several policies is told once, with all their names.
fn obstacles(refused: &[Refused]) -> String {
    let mut told: Vec<(&Obstacle, Vec<&str>)> = Vec::new();
    for policy in refused {
        for obstacle in &policy.obstacles {
            match told.iter_mut().find(|(own, _)| *own == obstacle) {
                Some((_, policies)) => policies.push(&policy.policy),
                None => told.push((obstacle, vec![&policy.policy])),
            }
        }
    }
    let mut text = String::new();
    let mut mend = "";
    for (obstacle, policies) in told {
        let Obstacle {
            place,
            what,
            mend: own,
        } = obstacle;
        line(&mut text, &format!("{}: {what}", located(place.as_ref())));
        line(&mut text, &format!("    in {}", policies.join(", ")));
        if own != mend {
            line(&mut text, &format!("    {own}"));
            mend = own;
        }
    }
    text.push('\n');
    text
}

fn located(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| {
        format!("{}:{}", place.file, place.line)
    })
}

fn line(text: &mut String, line: &str) {
    // Writing to memory cannot fail.
    let _ = writeln!(text, "{line}");
}

/// What is known before the tenant runs, and told when it does.
pub(super) struct Started {
    tenant: String,
    applications: Vec<String>,
    keys: Vec<String>,
    filled: Vec<Filled>,
    environments: Vec<(PathBuf, String)>,
    notes: Vec<(String, Note)>,
    refused: Vec<Refused>,
}

impl Started {
    pub(super) fn of(tenant: &Settings, loaded: Option<&Loaded>, made_up: MadeUp) -> Self {
        let (name, id) = (tenant.tenant_name.to_lowercase(), tenant.tenant_id);
        Self {
            tenant: format!("{name}.onmicrosoft.com ({id})"),
            applications: described(tenant, &made_up),
            keys: made_up.keys,
            filled: loaded.map(|own| own.filled.clone()).unwrap_or_default(),
            environments: loaded
                .map(|own| own.environments.clone())
                .unwrap_or_default(),
            notes: loaded.map(|own| own.notes.clone()).unwrap_or_default(),
            refused: loaded
                .map(|own| own.policies.refused().to_vec())
                .unwrap_or_default(),
        }
    }

    pub(super) fn words(&self, running: &Emulator) -> String {
        let mut text = String::from(
            "\nThe emulator is running. It is a mock: never type a real password. Ctrl-C stops it.\n\n",
        );
        self.addresses(running, &mut text);
        policies(running, &mut text);
        list(&mut text, "Applications", self.applications.iter().cloned());
        self.made_up(&mut text);
        let notes = self.notes.iter();
        let notes = notes.map(|(policy, note)| {
            format!("{}: {policy}: {}", located(note.place.as_ref()), note.text)
        });
        list(&mut text, "Done otherwise than the policies say", notes);
        if !self.refused.is_empty() {
            text.push_str("\nNot served\n");
            text.push_str(&obstacles(&self.refused));
        }
        text
    }

    fn addresses(&self, running: &Emulator, text: &mut String) {
        let base = running.base_url();
        let mut lines = vec![
            ("Tenant", self.tenant.clone()),
            ("HTTP", format!("{base}/")),
        ];
        if let Some(https) = running.https_url() {
            lines.push(("HTTPS", format!("{https}/")));
        }
        if let Some(authority) = running.authority() {
            let file = authority.display();
            lines.push(("  its authority", file.to_string()));
            lines.push(("  trust it", format!("NODE_EXTRA_CA_CERTS={file} (Node.js), SSL_CERT_FILE={file} (OpenSSL, Python), or among your browser's authorities")));
        }
        lines.push(("Mailbox", format!("{base}/__emulator/mailbox")));
        lines.push(("Traces", format!("{base}/__emulator/traces")));
        for (title, value) in lines {
            line(text, &format!("  {title:<16}{value}"));
        }
    }

    fn made_up(&self, text: &mut String) {
        let environments = self.environments.iter();
        let environments =
            environments.map(|(folder, name)| format!("{}: {name}", folder.display()));
        list(
            text,
            "Settings of appsettings.json, by environment",
            environments,
        );
        let filled = self.filled.iter().map(|filled| {
            let times = match filled.times {
                1 => String::new(),
                times => format!(", {times} times"),
            };
            format!(
                "{} = {} ({}:{}{times})",
                filled.what,
                filled.value,
                filled.file.display(),
                filled.line
            )
        });
        let title = "Left open in the policies, and filled in for this machine";
        list(text, title, filled);
        let keys = self.keys.iter();
        let keys = keys.map(|key| format!("{key}: its own name, or a certificate made for it"));
        list(text, "Policy keys that nobody has given", keys);
    }
}

fn policies(running: &Emulator, text: &mut String) {
    text.push_str("\nPolicies, each with a link to try it\n");
    for policy in running.policies() {
        line(text, &format!("  {policy}"));
        if let Some(url) = running.try_it_url(&policy) {
            line(text, &format!("    {url}"));
        }
    }
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (number, one) in lines.enumerate() {
        if number == 0 {
            let _ = writeln!(text, "\n{title}");
        }
        line(text, &format!("  {one}"));
    }
}
