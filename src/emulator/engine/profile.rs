//! The life of a technical profile that shows no page: input transformations,
//! input claims, the provider, output claims, output transformations
//! ("Technical profiles overview: Technical profile flow").

use std::time::Instant;

use serde_json::Value as Json;

use super::{
    Scene,
    bag::Bag,
    failure::Failure,
    mapping::{self, Given},
    program::Program,
    providers::{self, Call, CallPlace, provider_name},
    trace::{FailureRecord, Note, NoteLevel, ProfileRecord, TransformationRecord, seen},
    transformations,
};
use crate::policy::{
    view::{ProviderKind, TechnicalProfile},
    xml::Element,
};

pub(super) fn record(program: &Program, profile: &TechnicalProfile<'_>) -> ProfileRecord {
    ProfileRecord {
        id: profile.id().to_owned(),
        provider: provider_name(profile).to_owned(),
        place: program.place(profile.element),
        ..ProfileRecord::default()
    }
}

/// Runs the profile over the claims of the scene. What it sets is returned, and
/// told in the record, also when it fails.
pub(super) async fn run(
    scene: Scene<'_>,
    profile: TechnicalProfile<'_>,
    place: CallPlace<'_>,
    record: &mut ProfileRecord,
) -> Result<Bag, Failure> {
    let begun = Instant::now();
    let done = run_inside(scene, profile, place, record).await;
    match &done {
        Ok(set) => record.outputs = seen(set, |id| scene.program.is_masked(id)),
        Err(failure) => fail(record, failure),
    }
    record.took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    done
}

pub(super) fn fail(record: &mut ProfileRecord, failure: &Failure) {
    record.failure = Some(FailureRecord {
        code: failure.code.clone(),
        text: failure.text.clone(),
    });
}

async fn run_inside(
    scene: Scene<'_>,
    profile: TechnicalProfile<'_>,
    place: CallPlace<'_>,
    record: &mut ProfileRecord,
) -> Result<Bag, Failure> {
    let mut all = scene.bag.clone();
    let mut set = transform(scene, profile.input_transformations(), "input", record)?;
    all.extend(&set);
    let inputs = mapping::inputs(&scene.with(&all), &profile, record)?;
    let call = Call {
        scene: scene.with(&all),
        profile,
        inputs: &inputs,
        place,
    };
    let given = providers::execute(&call, record).await?;
    // Nothing but its transformations runs in such a profile: they see what its
    // input claims hold.
    if profile.provider() == Some(ProviderKind::ClaimsTransformation) {
        for input in &inputs {
            all.set(&input.claim, input.value.clone());
        }
    }
    let out = take(scene.with(&all), profile, &given, record)?;
    set.extend(&out);
    Ok(set)
}

/// What comes out of a profile once its provider has spoken.
pub(super) fn take(
    scene: Scene<'_>,
    profile: TechnicalProfile<'_>,
    given: &Given,
    record: &mut ProfileRecord,
) -> Result<Bag, Failure> {
    if given.is_of_nobody() {
        return Ok(Bag::default());
    }
    let mut set = mapping::outputs(&scene, &profile, given, record)?;
    let mut all = scene.bag.clone();
    all.extend(&set);
    let transformed = transform(
        scene.with(&all),
        profile.output_transformations(),
        "output",
        record,
    )?;
    set.extend(&transformed);
    Ok(set)
}

/// Runs transformations one after the other; each sees what those before it
/// set.
pub(super) fn transform<'a>(
    scene: Scene<'_>,
    references: impl Iterator<Item = &'a Element>,
    side: &'static str,
    record: &mut ProfileRecord,
) -> Result<Bag, Failure> {
    let mut all = scene.bag.clone();
    let mut set = Bag::default();
    for reference in references {
        let id = reference.value("ReferenceId").unwrap_or_default().trim();
        let Some(transformation) = scene.program.effective.claims_transformation(id) else {
            record.notes.push(Note {
                level: NoteLevel::Warning,
                text: format!("The claims transformation {id} is not declared."),
                place: scene.program.place(reference),
            });
            continue;
        };
        let done = transformations::run(&scene.with(&all), &transformation, &record.id);
        let mut told = TransformationRecord {
            id: id.to_owned(),
            method: transformation.method().unwrap_or_default().to_owned(),
            place: scene.program.place(transformation.element),
            side,
            outputs: serde_json::Map::new(),
            failure: None,
        };
        match done {
            Ok(outputs) => {
                told.outputs = seen(&outputs, |id| scene.program.is_masked(id));
                for id in outputs.cleared() {
                    told.outputs.insert(id.to_owned(), Json::Null);
                }
                record.transformations.push(told);
                all.extend(&outputs);
                set.extend(&outputs);
            }
            Err(failure) => {
                told.failure = Some(failure.text.clone());
                record.transformations.push(told);
                return Err(failure);
            }
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::engine::{
        trial::{TRANSFORMS, Trial, bag},
        value::Value,
    };

    #[tokio::test]
    async fn transformations_of_a_profile_that_is_nothing_else_see_its_input_claims() {
        let copy = r#"<ClaimsTransformations>
            <ClaimsTransformation Id="Copy" TransformationMethod="CopyClaim">
              <InputClaims><InputClaim ClaimTypeReferenceId="given" TransformationClaimType="inputClaim"/></InputClaims>
              <OutputClaims><OutputClaim ClaimTypeReferenceId="made" TransformationClaimType="outputClaim"/></OutputClaims>
            </ClaimsTransformation></ClaimsTransformations>"#;
        let profile = format!(
            r#"<TechnicalProfile Id="P"><DisplayName>P</DisplayName>{TRANSFORMS}
            <InputClaims><InputClaim ClaimTypeReferenceId="given" DefaultValue="x"/></InputClaims>
            <OutputClaims><OutputClaim ClaimTypeReferenceId="made"/></OutputClaims>
            <OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="Copy"/></OutputClaimsTransformations>
            </TechnicalProfile>"#
        );
        let trial = Trial::with(&["given", "made"], copy, &profile, |_| {});
        let (done, _) = trial.run("P", &Bag::default()).await;
        assert_eq!(done.unwrap(), bag([("made", Value::from("x"))]));
    }

    #[tokio::test]
    async fn a_required_input_claim_is_not_missing_where_another_goes_under_its_name() {
        let profile = format!(
            r#"<TechnicalProfile Id="P"><DisplayName>P</DisplayName>{TRANSFORMS}
            <InputClaims><InputClaim ClaimTypeReferenceId="old" PartnerClaimType="word"/>
            <InputClaim ClaimTypeReferenceId="word" Required="true"/></InputClaims>
            </TechnicalProfile>"#
        );
        let trial = Trial::new(&["old", "word"], &profile);
        let (done, _) = trial.run("P", &bag([("old", Value::from("x"))])).await;
        assert_eq!(done, Ok(Bag::default()));
        let (done, _) = trial.run("P", &Bag::default()).await;
        assert_eq!(done.unwrap_err().code, "AADB2C90037");
    }
}
