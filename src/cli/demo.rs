//! `idlink demo`: the whole main job on this machine, with mock tenants and
//! two shops to try it in.

mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use time::OffsetDateTime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::{Context, ContextError};
use crate::config::{Problems, Settings};
use crate::demo::place::{Place, PlaceError};
use crate::demo::policies::{self, PoliciesError};
use crate::demo::ports::{self, Claim, PortError, Ports};
use crate::demo::sample::{self, SampleError};
use crate::demo::shop::{self, Dialect, Shop, Way};
use crate::demo::{self, DemoSite, external, tenant};
use crate::domain::customer::LegalEntity;
use crate::emulator::{self, Emulator};
use crate::server::{self, Pace, Running};
use crate::store::embedded::{Embedded, EmbeddedError};
use crate::store::features::{AUTOMATIC_LINKING, Switch};
use crate::store::{Store, StoreError};
use crate::telemetry;

/// How long another command may keep the database before we give up.
const DATABASE_LIMIT: Duration = Duration::from_secs(10);

/// Run everything on this machine: idlink, mock tenants and two demo shops
#[derive(Debug, Args)]
pub(super) struct DemoCommand {
    /// The first of six ports in a row, 0 for any free ones; counts at the
    /// first start [default: 4180, or free ones when those are taken]
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
}

/// Why the demo does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "the demo has settings of its own, in {}: leave out --config (and IDLINK_CONFIG)",
        .0.display()
    )]
    OwnSettings(PathBuf),
    #[error(
        "another idlink has had the database in {} for {} seconds: stop it, or take another \
         folder with --data-dir",
        .0.display(), DATABASE_LIMIT.as_secs()
    )]
    DatabaseInUse(PathBuf),
    #[error(
        "{} lacks sites, tenants or policies that the demo has now, as one of an earlier version does: \
         move it away, and it is written anew; customers and links stay",
        .0.display()
    )]
    OldSettings(PathBuf),
    #[error("a demo shop could not be opened: {0}")]
    Shop(#[source] io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Ports(#[from] PortError),
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    #[error("the demo's policies could not be read: {0}")]
    Reading(#[source] tokio::task::JoinError),
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error(transparent)]
    Settings(#[from] Problems),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    #[error(transparent)]
    Sample(#[from] SampleError),
    #[error(transparent)]
    Tenant(#[from] emulator::StartError),
    #[error(transparent)]
    Service(#[from] server::StartError),
}

type Result<T> = std::result::Result<T, Failure>;

impl DemoCommand {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let mut interrupts = Interrupts::new()?;
        let begun = tokio::select! {
            begun = Demo::start(context.data_dir(), context, self.port_base) => begun?,
            () = interrupts.next() => return Ok(()),
        };
        println!("{}", begun.words());
        let _log = telemetry::start_logs();
        interrupts.next().await;
        tokio::select! {
            stopped = begun.stop() => stopped,
            () = interrupts.again() => Ok(()),
        }
    }
}

/// Everything that runs. Parts that are dropped stop at once; the order of the
/// fields is the order in which they go.
struct Demo {
    shops: Vec<Shop>,
    service: Running,
    external: Emulator,
    tenant: Emulator,
    embedded: Option<Embedded>,
    place: Place,
}

impl Demo {
    async fn start(data_dir: &Path, context: &Context, port_base: Option<u16>) -> Result<Self> {
        if context.source().file().is_some() {
            return Err(Failure::OwnSettings(data_dir.join("demo.toml")));
        }
        let steps = Steps::new();
        steps.begin("Looking for a place and for ports");
        let mut place = Place::open(data_dir)?;
        let Claim { ports, trade, shop } = ports::claim(&place, port_base)?;
        place.announce(&shop::url(ports.trade()))?;
        let of_tenant = tenant::settings(&place, ports)?;
        let file = demo::settings::file(&place, ports, &tenant::issuer(&of_tenant))?;
        let context = context.with_settings(file.clone());
        let settings = context.settings()?;
        if !demo::settings::are_whole(&settings) {
            return Err(Failure::OldSettings(file));
        }
        steps.done(&format!("Settings: {}", file.display()));

        steps.begin("Starting PostgreSQL");
        let (store, embedded) = database(&context, &settings).await?;
        steps.done(&match &embedded {
            Some(embedded) => format!("PostgreSQL: {}", embedded.directory().display()),
            None => "PostgreSQL: the configured one".to_owned(),
        });
        prepare(&steps, &store, &settings, &file).await?;

        steps.begin("Starting the mock tenants");
        let of_external = external::settings(&place, ports)?;
        let (place, of_tenant) = with_policies(place, ports, of_tenant).await?;
        let tenant = emulator::start(of_tenant).await?;
        steps.done(&format!("Mock B2C tenant: {}/", tenant.base_url()));
        let external = emulator::start(of_external).await?;
        steps.done(&format!(
            "Mock External ID tenant: {}/",
            external.base_url()
        ));
        steps.begin("Starting idlink");
        let source = Some(context.source().clone());
        let service = server::start(settings, store, source).await?;
        steps.done(&format!("idlink: {}", service.public_url));
        steps.begin("Opening the shops");
        let mut shops = Vec::new();
        for (site, listener) in [(demo::TRADE, trade), (demo::SHOP, shop)] {
            let settings = shop_settings(&place, ports, &site)?;
            shops.push(shop::start(settings, listener).map_err(Failure::Shop)?);
            steps.done(&format!(
                "{}: {}",
                site.title,
                shop::url(port(ports, &site))
            ));
        }
        Ok(Self {
            shops,
            service,
            external,
            tenant,
            embedded,
            place,
        })
    }

    /// The shops first, PostgreSQL last.
    async fn stop(self) -> Result<()> {
        println!("\nStopping.");
        for shop in self.shops {
            shop.stop().await;
        }
        self.service.stop(Pace::AtOnce).await;
        self.external.stop().await;
        self.tenant.stop().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await?;
        }
        println!(
            "Stopped. What happened is kept in {}, and `idlink demo` goes on with it.",
            self.place.data_dir().display()
        );
        Ok(())
    }

    /// The addresses, and what to try.
    fn words(&self) -> String {
        let (tenant, external) = (self.tenant.base_url(), self.external.base_url());
        let management = self.service.management_address.port();
        let shops = demo::SITES.iter().zip(&self.shops);
        let mut addresses: Vec<_> = shops
            .map(|(site, shop)| (words::title(site), shop.url().to_owned()))
            .collect();
        addresses.extend(
            [
                ("Mock B2C tenant", format!("{tenant}/")),
                ("  B2C mailbox", format!("{tenant}/__emulator/mailbox")),
                ("  B2C traces", format!("{tenant}/__emulator/traces")),
                ("Mock External ID tenant", format!("{external}/")),
                (
                    "  External ID mailbox",
                    format!("{external}/__emulator/mailbox"),
                ),
                (
                    "  External ID traces",
                    format!("{external}/__emulator/traces"),
                ),
                ("idlink, the connector", self.service.public_url.to_string()),
                (
                    "  its health",
                    format!("http://localhost:{management}/healthz"),
                ),
            ]
            .map(|(title, address)| (title.to_owned(), address)),
        );
        words::running(&addresses, &command(self.place.data_dir()))
    }
}

/// Reading policies is work for the processor.
async fn with_policies(
    place: Place,
    ports: Ports,
    mut tenant: emulator::Settings,
) -> Result<(Place, emulator::Settings)> {
    let work = move || {
        tenant.policies = policies::load(&place, ports, &tenant)?;
        Ok((place, tenant))
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Failure::Reading)?
}

/// A database that ends with us, not with a command that happens to have
/// started it a moment ago.
async fn database(context: &Context, settings: &Settings) -> Result<(Store, Option<Embedded>)> {
    let deadline = Instant::now() + DATABASE_LIMIT;
    loop {
        let (store, embedded) = context.connect(&settings.database).await?;
        match embedded {
            Some(embedded) if !embedded.owns_server() => store.close(),
            embedded => return Ok((store, embedded)),
        }
        if Instant::now() > deadline {
            return Err(Failure::DatabaseInUse(context.data_dir().to_owned()));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Schema, sample customers, the feature switch.
async fn prepare(steps: &Steps, store: &Store, settings: &Settings, file: &Path) -> Result<()> {
    steps.begin("Bringing the schema up to date");
    store.migrate().await?;
    let old = || Failure::OldSettings(file.to_owned());
    let code = LegalEntity::parse(demo::LEGAL_ENTITY).ok_or_else(old)?;
    let entities = &settings.legal_entities;
    let entity = entities.iter().find(|entity| entity.code == code);
    let entity = entity.ok_or_else(old)?;
    store.ensure_legal_entity(&code, &entity.number).await?;
    steps.done("Schema: up to date");

    steps.begin("Loading the sample customers");
    let now = OffsetDateTime::now_utc();
    let (all, added) = sample::load(store, &code, now).await?;
    steps.done(&match added {
        0 => format!("Customers: the {all} of an earlier start, as they are now"),
        added => format!("Customers: {added} added"),
    });
    let feature = store.feature(AUTOMATIC_LINKING).await?;
    // Whoever turned it since then meant it.
    if feature.changed.is_none() {
        store
            .turn_feature(AUTOMATIC_LINKING, Switch::On, sample::ACTOR, now)
            .await?;
    }
    let switch = store.feature(AUTOMATIC_LINKING).await?.switch;
    steps.done(match switch {
        Switch::On => "Automatic linking: on",
        Switch::Off => "Automatic linking: off, as somebody left it (idlink feature enable)",
    });
    Ok(())
}

fn shop_settings(place: &Place, ports: Ports, site: &DemoSite) -> Result<shop::Settings> {
    let policies = [
        (Dialect::CustomPolicy, demo::CUSTOM_POLICY),
        (Dialect::UserFlow, demo::USER_FLOW),
    ];
    let mut ways = Vec::new();
    for (dialect, policy) in policies {
        ways.push(b2c_way(place, ports, site, dialect, policy)?);
    }
    ways.push(external_way(place, ports, site)?);
    Ok(shop::Settings {
        name: site.title.to_owned(),
        kind: site.kind,
        ways,
        lookup: format!("{} attempt show", command(place.data_dir())),
    })
}

/// The site's own metadata, so that codes are redeemed at idlink.
fn b2c_way(
    place: &Place,
    ports: Ports,
    site: &DemoSite,
    dialect: Dialect,
    policy: &str,
) -> Result<Way> {
    let (service, name) = (ports.service(), site.name);
    let desk = desk(ports.tenant());
    Ok(Way {
        dialect,
        metadata_url: format!(
            "http://localhost:{service}/sites/{name}/.well-known/openid-configuration?p={policy}"
        ),
        client_id: site.client_id.to_owned(),
        client_secret: place.secret(&site.secret_name())?,
        mailbox: format!("{desk}/mailbox"),
        trace: format!("{desk}/traces?client-request-id="),
    })
}

/// The tenant's own metadata: the number is in its tokens.
fn external_way(place: &Place, ports: Ports, site: &DemoSite) -> Result<Way> {
    let desk = desk(ports.external());
    Ok(Way {
        dialect: Dialect::ExternalId,
        metadata_url: format!(
            "{}/v2.0/.well-known/openid-configuration",
            external::authority(ports)
        ),
        client_id: site.external_client_id.to_owned(),
        client_secret: place.secret(&site.external_secret_name())?,
        mailbox: format!("{desk}/mailbox"),
        trace: format!("{desk}/traces?client-request-id="),
    })
}

fn desk(port: u16) -> String {
    format!("http://localhost:{port}/__emulator")
}

fn port(ports: Ports, site: &DemoSite) -> u16 {
    match site.kind {
        shop::Kind::Business => ports.trade(),
        shop::Kind::Consumer => ports.shop(),
    }
}

/// How this very program is called from another terminal in this folder.
fn command(data_dir: &Path) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("idlink"));
    let here = std::env::current_dir().unwrap_or_default();
    let program = called_from(&here, &program);
    match data_dir == Path::new(".idlink") {
        true => program,
        false => format!(
            "{program} --data-dir {}",
            quoted(&data_dir.to_string_lossy())
        ),
    }
}

/// A shell looks along the PATH for a bare name, so that one gets its `./`.
fn called_from(here: &Path, program: &Path) -> String {
    let short = match program.strip_prefix(here) {
        Ok(inside) if inside.components().count() == 1 => Path::new(".").join(inside),
        Ok(inside) => inside.to_owned(),
        Err(_) => program.to_owned(),
    };
    quoted(&short.to_string_lossy())
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Ctrl-C, and the request of a supervisor to end.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(Failure::Signals)?,
            terminate: signal(SignalKind::terminate()).map_err(Failure::Signals)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for somebody who has lost patience. What comes along with the
    /// first signal, from a terminal and a supervisor at once, is none.
    async fn again(&mut self) {
        let begun = Instant::now();
        loop {
            self.next().await;
            if begun.elapsed() > Duration::from_secs(1) {
                return;
            }
        }
    }
}

/// What is being done, for a person at a terminal; what has been done, for
/// everybody.
struct Steps(ProgressBar);

impl Steps {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("  {spinner:.cyan} {msg} …") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(80));
        Self(bar)
    }

    fn begin(&self, what: &'static str) {
        self.0.set_message(what);
    }

    fn done(&self, what: &str) {
        self.0.suspend(|| println!("  ✓ {what}"));
    }
}

/// Also when a step fails: the error then stands alone.
impl Drop for Steps {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_printed_as_a_shell_takes_it() {
        let cases = [
            ("target/debug/idlink", "target/debug/idlink"),
            ("/home/a b/.idlink", "'/home/a b/.idlink'"),
            ("it's", r"'it'\''s'"),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn a_command_can_be_typed_in_the_folder_it_is_printed_in() {
        let here = Path::new("/home/me/idlink");
        let cases = [
            ("/home/me/idlink/target/debug/idlink", "target/debug/idlink"),
            ("/home/me/idlink/idlink", "./idlink"),
            ("/usr/bin/idlink", "/usr/bin/idlink"),
        ];
        for (program, expected) in cases {
            assert_eq!(called_from(here, Path::new(program)), expected);
        }
    }
}
