//! `idlink emulate`: a mock tenant on this machine that runs policy files.

mod survey;
mod tenant;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use super::policy::Misuse;
use super::{Context, Failure};
use crate::config::{EmulatorSettings, Problems, Unsupported};
use crate::emulator::{self, Fidelity, Loaded, PolicyRequest, load_policies};
use crate::telemetry;

/// Run B2C policies on this machine, in a browser, without a tenant
///
/// Policies need not be built: what is left open gets values that hold here
/// only. What a policy reaches and the emulator does not run is told before
/// anything is served. It is a mock: nothing here is proof that B2C would take
/// a policy.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct EmulateCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// A folder of policies or a policy file; once for each
    #[arg(long, value_name = "PATH")]
    policies: Vec<PathBuf>,
    /// The environment of appsettings.json whose values count [default: the
    /// first that is not for production]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A value for {Settings:NAME}, before those of appsettings.json
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Serve this policy, and no other that is not named so
    #[arg(long, value_name = "POLICY_ID")]
    only: Vec<String>,
    /// Serve what can be run, and list the others with what stands in the way
    #[arg(long)]
    skip_unsupported: bool,
    /// Where to listen [default: 127.0.0.1:4190, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where to listen with TLS [default: 127.0.0.1:4191, or a free port]
    #[arg(long, value_name = "ADDRESS")]
    https_listen: Option<SocketAddr>,
    /// Let other machines in: they can read and change everything
    #[arg(long)]
    allow_remote: bool,
    /// Where the documents are silent, the stricter reading [default]
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Where the documents are silent, the reading that lets a journey go on
    #[arg(long)]
    lenient: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    Survey(survey::SurveyCommand),
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        Some(_) | None => Err("write NAME=VALUE".to_owned()),
    }
}

/// The file that a variable names is most likely that of the service.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0}\nIDLINK_CONFIG names this file. The emulator has settings of its own: unset it, or name \
     them with --config"
)]
struct OfService(Problems);

impl EmulateCommand {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match &self.action {
            Some(Action::Survey(command)) => command.run().await,
            None => self.serve(context).await,
        }
    }

    async fn serve(&self, context: &Context) -> Result<ExitCode, Failure> {
        let mut settings = self.settings(context)?;
        let loaded = match settings.policies.paths.is_empty() {
            true => None,
            false => Some(load(&settings).await?),
        };
        if let Some(loaded) = &loaded {
            eprint!("{}", words::warnings(loaded, &settings.policies.paths));
            if is_refused(loaded, settings.policies.unsupported) {
                println!("{}", words::refusal(loaded));
                return Ok(ExitCode::FAILURE);
            }
        }
        let mut stop = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let made_up = tenant::complete(&mut settings, loaded.as_ref(), context.data_dir())?;
        let started = words::Started::of(&settings.tenant, loaded.as_ref(), made_up);
        let running = emulator::start(settings.tenant).await?;
        println!("{}", started.words(&running));
        let _log = telemetry::start_logs();
        tokio::select! {
            _ = stop.recv() => {}
            _ = terminate.recv() => {}
        }
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    /// The file, and what the command line says over it.
    fn settings(&self, context: &Context) -> Result<EmulatorSettings, Failure> {
        let source = context.source();
        let environment = source.environment();
        let read = EmulatorSettings::load(source.file(), environment.clone());
        let mut settings = read.map_err(|problems| -> Failure {
            let named = environment.get("IDLINK_CONFIG").map(PathBuf::from);
            match named.as_deref() == source.file() {
                true => OfService(problems).into(),
                false => problems.into(),
            }
        })?;
        let policies = &mut settings.policies;
        if !self.policies.is_empty() {
            policies.paths.clone_from(&self.policies);
        }
        if !self.only.is_empty() {
            policies.only.clone_from(&self.only);
        }
        if self.environment.is_some() {
            policies.environment.clone_from(&self.environment);
        }
        if self.skip_unsupported {
            policies.unsupported = Unsupported::Skip;
        }
        override_settings(&mut policies.settings, &self.set);
        match (self.strict, self.lenient) {
            (true, _) => settings.tenant.fidelity = Fidelity::Strict,
            (false, true) => settings.tenant.fidelity = Fidelity::Lenient,
            (false, false) => {}
        }
        settings.server.listen = self.listen.or(settings.server.listen);
        settings.server.https_listen = self.https_listen.or(settings.server.https_listen);
        self.check_addresses(&settings)?;
        Ok(settings)
    }

    fn check_addresses(&self, settings: &EmulatorSettings) -> Result<(), Misuse> {
        let addresses = [settings.server.listen, settings.server.https_listen];
        let remote = addresses
            .into_iter()
            .flatten()
            .find(|address| !address.ip().is_loopback());
        match remote.filter(|_| !self.allow_remote) {
            None => Ok(()),
            Some(address) => Err(Misuse(format!(
                "{address} can be reached from other machines, and the emulator asks nobody who \
                 they are: take a loopback address such as 127.0.0.1:{}, or say --allow-remote",
                address.port()
            ))),
        }
    }
}

/// The same name in another case is the same setting.
fn override_settings(settings: &mut BTreeMap<String, String>, set: &[(String, String)]) {
    for (name, value) in set {
        settings.retain(|own, _| !own.eq_ignore_ascii_case(name));
        settings.insert(name.clone(), value.clone());
    }
}

/// Reading and checking are work for the processor.
async fn load(settings: &EmulatorSettings) -> Result<Loaded, Failure> {
    let (policies, tenant) = (&settings.policies, &settings.tenant);
    let request = PolicyRequest {
        paths: policies.paths.clone(),
        environment: policies.environment.clone(),
        settings: policies.settings.clone(),
        only: policies.only.clone(),
        domain: format!("{}.onmicrosoft.com", tenant.tenant_name.to_lowercase()),
        tenant_id: tenant.tenant_id,
        extensions_app_id: tenant.extensions_app_id.clone(),
    };
    let loaded = tokio::task::spawn_blocking(move || load_policies(&request))
        .await
        .map_err(io::Error::other)?;
    loaded.map_err(|error| Misuse(error.to_string()).into())
}

/// Whether nothing is served: never half of what was asked for, unless that is
/// what was asked for.
fn is_refused(loaded: &Loaded, unsupported: Unsupported) -> bool {
    let policies = &loaded.policies;
    match unsupported {
        Unsupported::Refuse => !policies.refused().is_empty(),
        Unsupported::Skip => policies.is_empty(),
    }
}
