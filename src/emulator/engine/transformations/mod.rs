//! Claims transformations. Each method is a [`Row`] in the file of its family:
//! its name, and what it makes of the claims and parameters it is given.
//!
//! A method whose input claim has no value does what Microsoft's reference says
//! of it, and where that is silent, sets nothing (inferred).

mod ages;
mod booleans;
mod collections;
mod comparing;
mod dates;
mod dotnet;
mod general;
mod generators;
mod given;
mod json;
mod json_tree;
mod lookups;
mod numbers;
mod phone;
mod predicates;
mod social;
mod strings;
#[cfg(test)]
mod testing;
mod world;
mod xml_to_json;

use self::{
    given::{Given, Outcome, Sets, Stop, converted},
    world::{Live, World},
};
use super::{Scene, bag::Bag, failure::Failure};
use crate::policy::{merge::folded, view::ClaimsTransformation};

/// A method, by the name that Microsoft's reference gives it.
struct Row {
    name: &'static str,
    run: fn(&Given<'_>) -> Outcome,
}

impl Row {
    const fn new(name: &'static str, run: fn(&Given<'_>) -> Outcome) -> Self {
        Self { name, run }
    }
}

const FAMILIES: [&[Row]; 13] = [
    ages::ROWS,
    booleans::ROWS,
    collections::ROWS,
    comparing::ROWS,
    dates::ROWS,
    general::ROWS,
    generators::ROWS,
    json::ROWS,
    lookups::ROWS,
    numbers::ROWS,
    phone::ROWS,
    social::ROWS,
    strings::ROWS,
];

fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.into_iter().flatten()
}

/// In any casing: published policies write `setClaimsIfRegexMatch`.
fn row(method: &str) -> Option<&'static Row> {
    rows().find(|row| row.name.eq_ignore_ascii_case(method.trim()))
}

/// Whether the emulator runs a `TransformationMethod`.
pub(crate) fn is_known(method: &str) -> bool {
    row(method).is_some()
}

/// The claims that a transformation sets in a technical profile. An `Assert…`
/// that does not hold is a [`Failure`].
pub(crate) fn run(
    scene: &Scene<'_>,
    transformation: &ClaimsTransformation<'_>,
    profile: &str,
) -> Result<Bag, Failure> {
    run_in(&Live::new(scene, profile), scene.bag, transformation)
}

fn run_in(
    world: &dyn World,
    bag: &Bag,
    transformation: &ClaimsTransformation<'_>,
) -> Result<Bag, Failure> {
    let method = transformation.method().unwrap_or_default();
    let Some(row) = row(method) else {
        return Err(Failure::technical(
            "AADB2C90085",
            format!("The emulator does not run claims transformations of method '{method}'."),
        ));
    };
    let given = Given::read(world, bag, transformation);
    let done = (row.run)(&given).and_then(|sets| laid_out(&given, sets));
    match done {
        Ok(set) => Ok(set),
        Err(Stop::Missing) => Ok(Bag::default()),
        Err(Stop::Wrong(why)) => Err(Failure::technical(
            "AADB2C90037",
            format!(
                "An error occurred while processing the request: the claims transformation '{}' \
                 ({}) {why}.",
                transformation.id(),
                row.name
            ),
        )),
        Err(Stop::Refused { key, default }) => Err(Failure::named(
            "AADB2C90037",
            format!(
                "An error occurred while processing the request: the claims transformation '{}' \
                 ({}) says: {default}",
                transformation.id(),
                row.name
            ),
            key,
            default,
        )),
    }
}

/// Puts what a method sets into the output claims, as they are declared.
fn laid_out(given: &Given<'_>, sets: Sets) -> Result<Bag, Stop> {
    let mut bag = Bag::default();
    for (name, value) in sets {
        for (own, claim) in given.outputs() {
            if folded(own) != folded(&name) {
                continue;
            }
            let Some(value) = &value else {
                bag.clear(claim);
                continue;
            };
            match converted(value, given.world.kind(claim)) {
                Some(value) => bag.set(claim, value),
                None => {
                    return Err(Stop::Wrong(format!(
                        "sets the claim '{claim}' to something that is not of its type"
                    )));
                }
            }
        }
    }
    Ok(bag)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{testing::Trial, *};
    use crate::policy::check::transformations::methods::METHODS;

    #[test]
    fn every_method_that_is_known_to_the_checks_runs() {
        let ours: BTreeSet<&str> = rows().map(|row| row.name).collect();
        let theirs: BTreeSet<&str> = METHODS.iter().map(|method| method.name).collect();
        assert_eq!(ours, theirs);
        assert_eq!(rows().count(), ours.len(), "each has one row");
    }

    #[test]
    fn methods_are_known_in_any_casing() {
        assert!(is_known("setClaimsIfRegexMatch"));
        assert!(is_known("CREATESTRINGCLAIM"));
        assert!(!is_known("CreateGuid"));
        let failure = Trial::new("CreateGuid").failure();
        assert!(failure.text.contains("CreateGuid"), "{}", failure.text);
    }

    #[test]
    fn an_output_claim_of_another_type_is_an_error() {
        let failure = Trial::new("CreateStringClaim")
            .parameter("value", "soon")
            .output_as("createdClaim", super::super::value::Kind::Number)
            .failure();
        assert!(
            failure.text.contains("'out-createdClaim'"),
            "{}",
            failure.text
        );
    }
}
