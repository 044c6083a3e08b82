//! Claims on their way into a technical profile and out of it.

use serde_json::Value as Json;

use super::{
    Scene,
    bag::Bag,
    failure::Failure,
    resolvers::{has_resolver, resolve},
    trace::{InputRecord, MASK, Note, NoteLevel, ProfileRecord},
    value::Value,
};
use crate::{
    emulator::settings::Fidelity,
    policy::{
        merge::folded,
        view::{ClaimRef, ProviderKind, TechnicalProfile},
    },
};

/// A claim on its way to the other side.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) claim: String,
    /// What the other side calls it.
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// What the other side told, by its own names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    members: Vec<(String, Json)>,
    names: Names,
    found: Found,
}

/// Whether there was somebody to tell of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Found {
    #[default]
    Somebody,
    Nobody,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Names {
    /// Of JSON: their case counts.
    #[default]
    Exact,
    /// Of the directory: it does not.
    Folded,
    /// They are ids of claims already.
    Claims,
}

impl Given {
    /// JSON of a service.
    pub(crate) fn exact(members: impl IntoIterator<Item = (String, Json)>) -> Self {
        Self {
            members: members.into_iter().collect(),
            names: Names::Exact,
            ..Self::default()
        }
    }

    /// Attributes of the directory.
    pub(crate) fn folded(members: impl IntoIterator<Item = (String, Json)>) -> Self {
        Self {
            members: members.into_iter().collect(),
            names: Names::Folded,
            ..Self::default()
        }
    }

    /// What was told for claims, by their ids.
    pub(crate) fn claims(members: impl IntoIterator<Item = (String, Json)>) -> Self {
        Self {
            members: members.into_iter().collect(),
            names: Names::Claims,
            ..Self::default()
        }
    }

    /// Nobody was found, and that is no error: then nothing comes out of the
    /// profile, not even default values (inferred: what asserts something of
    /// the account would fail otherwise, and published policies rely on it).
    pub(crate) fn nobody() -> Self {
        Self {
            found: Found::Nobody,
            ..Self::default()
        }
    }

    pub(crate) fn is_of_nobody(&self) -> bool {
        self.found == Found::Nobody
    }

    /// What was told for a claim that the other side calls by a name.
    pub(crate) fn told(&self, claim: &str, name: &str) -> Option<&Json> {
        match self.names {
            Names::Exact | Names::Folded => self.get(name),
            Names::Claims => self.get(claim),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        let is = |own: &str| match self.names {
            Names::Exact => own == name,
            Names::Folded | Names::Claims => folded(own) == folded(name),
        };
        let found = self.members.iter().find(|(own, _)| is(own));
        found.map(|(_, value)| value)
    }
}

/// The input claims of a profile, in their order. One without a value stays at
/// home.
pub(crate) fn inputs(
    scene: &Scene<'_>,
    profile: &TechnicalProfile<'_>,
    record: &mut ProfileRecord,
) -> Result<Vec<Input>, Failure> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut missing = Vec::new();
    for reference in profile.input_claims() {
        let Some(claim) = reference.claim() else {
            continue;
        };
        let default = default_value(scene, profile, &reference, claim, &mut record.notes);
        let value = match reference.always_use_default() {
            true => default,
            false => scene.bag.get(claim).cloned().or(default),
        };
        let name = reference.partner_name().unwrap_or(claim).to_owned();
        let Some(value) = value.filter(|value| !(reference.required() && value.is_empty())) else {
            if reference.required() {
                missing.push((name, claim, reference.element));
            }
            continue;
        };
        let is_secret = scene.program.is_masked(claim);
        record.inputs.push(InputRecord {
            claim: claim.to_owned(),
            name: name.clone(),
            value: match is_secret {
                true => MASK.into(),
                false => value.to_json(),
            },
        });
        inputs.push(Input {
            claim: claim.to_owned(),
            name,
            value,
        });
    }
    // Another claim may go under the same name: the starter pack's change of a
    // password sends the old one as the one that it inherits.
    missing.retain(|(name, _, _)| !inputs.iter().any(|input| input.name == *name));
    for (_, claim, element) in missing {
        match scene.tenant.fidelity {
            Fidelity::Strict => return Err(Failure::missing_input(profile.id(), claim)),
            Fidelity::Lenient => record.notes.push(Note {
                level: NoteLevel::Warning,
                text: format!("The required input claim {claim} has no value."),
                place: scene.program.place(element),
            }),
        }
    }
    Ok(inputs)
}

/// What a profile's output claims make of what the other side told, laid over
/// the claims that are there.
pub(crate) fn outputs(
    scene: &Scene<'_>,
    profile: &TechnicalProfile<'_>,
    given: &Given,
    record: &mut ProfileRecord,
) -> Result<Bag, Failure> {
    let mut set = Bag::default();
    let protocol = protocol(profile);
    for reference in profile.output_claims() {
        let Some(claim) = reference.claim() else {
            continue;
        };
        let default = || {
            let mut notes = Vec::new();
            let value = default_value(scene, profile, &reference, claim, &mut notes);
            (value, notes)
        };
        let claim_type = scene.program.claim_type(claim);
        let usual = claim_type.and_then(|claim| claim.default_partner_name(protocol?));
        let name = reference.partner_name().or(usual).unwrap_or(claim);
        let told = match reference.always_use_default() {
            true => None,
            false => given.told(claim, name).filter(|told| !told.is_null()),
        };
        let value = match told {
            Some(told) => Some(read(scene, profile, claim, told)?),
            None if reference.always_use_default() || !scene.bag.has(claim) => {
                let (value, notes) = default();
                record.notes.extend(notes);
                value
            }
            None => None,
        };
        if let Some(value) = value {
            set.set(claim, value);
        }
    }
    Ok(set)
}

fn read(
    scene: &Scene<'_>,
    profile: &TechnicalProfile<'_>,
    claim: &str,
    told: &Json,
) -> Result<Value, Failure> {
    Value::from_json(told, scene.program.kind(claim)).ok_or_else(|| {
        let text = format!(
            "The claim '{claim}' of the technical profile '{}' cannot take the value that it was \
             given: it is not of the claim's type.",
            profile.id()
        );
        Failure::technical("AADB2C90261", text)
    })
}

/// `DefaultValue`, its resolver looked up where B2C does that.
pub(crate) fn default_value(
    scene: &Scene<'_>,
    profile: &TechnicalProfile<'_>,
    reference: &ClaimRef<'_>,
    claim: &str,
    notes: &mut Vec<Note>,
) -> Option<Value> {
    let written = reference.default_value()?;
    let mut warn = |text: String| {
        notes.push(Note {
            level: NoteLevel::Warning,
            text,
            place: scene.program.place(reference.element),
        });
    };
    let text = if has_resolver(written) {
        let resolves = resolves(scene, profile, reference);
        if !resolves {
            warn(format!(
                "{written} is a claim resolver, and is only looked up with \
                 IncludeClaimResolvingInClaimsHandling and AlwaysUseDefaultValue{}",
                match scene.tenant.fidelity {
                    Fidelity::Strict => ": it is taken as it is written.",
                    Fidelity::Lenient => ". Looked up all the same: --lenient.",
                }
            ));
        }
        match resolves || scene.tenant.fidelity == Fidelity::Lenient {
            true => resolve(written, scene)?.into_owned(),
            false => written.to_owned(),
        }
    } else {
        written.to_owned()
    };
    let value = Value::read(&text, scene.program.kind(claim));
    if value.is_none() {
        warn(format!(
            "The default value of {claim} is not of the claim's type, and was left out."
        ));
    }
    value
}

/// "Both metadata IncludeClaimResolvingInClaimsHandling and
/// AlwaysUseDefaultValue are needed"; what is sent to the relying party needs
/// the latter only, Application Insights neither.
fn resolves(scene: &Scene<'_>, profile: &TechnicalProfile<'_>, reference: &ClaimRef<'_>) -> bool {
    let is_relying_party = scene
        .program
        .relying_party()
        .and_then(|party| party.profile())
        .is_some_and(|own| std::ptr::eq(own.element, profile.element));
    match profile.provider() {
        Some(ProviderKind::ApplicationInsights) => true,
        _ if is_relying_party => reference.always_use_default(),
        _ => {
            reference.always_use_default()
                && profile
                    .metadata_flag("IncludeClaimResolvingInClaimsHandling")
                    .unwrap_or(false)
        }
    }
}

/// The protocol whose usual names (`DefaultPartnerClaimTypes`) count.
fn protocol(profile: &TechnicalProfile<'_>) -> Option<&'static str> {
    match profile.provider()? {
        ProviderKind::OpenIdConnect => Some("OpenIdConnect"),
        ProviderKind::OAuth2 => Some("OAuth2"),
        ProviderKind::OAuth1 => Some("OAuth1"),
        ProviderKind::Saml2 => Some("SAML2"),
        _ => None,
    }
}
