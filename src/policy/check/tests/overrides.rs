//! P20 and P21.

use super::{BASE, found, middle, only, with};

fn sign_up(validations: &str) -> String {
    middle(&format!(
        "<ClaimsProviders><ClaimsProvider><TechnicalProfiles><TechnicalProfile Id=\"signup\"><ValidationTechnicalProfiles>{validations}</ValidationTechnicalProfiles></TechnicalProfile></TechnicalProfiles></ClaimsProvider></ClaimsProviders>"
    ))
}

const CREATE: &str = "<ValidationTechnicalProfile ReferenceId=\"aad-create\" />";

#[test]
fn creating_the_account_twice_is_an_error() {
    let middle = sign_up(CREATE);
    let files = [("base.xml", BASE), ("middle.xml", middle.as_str())];
    assert_eq!(found(&files), ["middle.xml:6:155 P20 error `aad-create`"]);
    let finding = only(&files);
    assert_eq!(finding.related.len(), 1);
    assert!(
        finding
            .b2c
            .unwrap_or_default()
            .starts_with("A user with the specified ID already exists.")
    );
}

#[test]
fn what_may_run_twice_is_information() {
    let base = with(
        BASE,
        "<Item Key=\"RaiseErrorIfClaimsPrincipalAlreadyExists\">true</Item>",
        "",
    );
    let middle = sign_up(CREATE);
    assert_eq!(
        found(&[("base.xml", &base), ("middle.xml", &middle)]),
        ["middle.xml:6:155 P20 info `aad-create`"]
    );
}

#[test]
fn one_precondition_does_not_keep_them_apart_but_two_may() {
    const GUARDED: &str = "<ValidationTechnicalProfile ReferenceId=\"AAD-Create\"><Preconditions><Precondition Type=\"ClaimsExist\" ExecuteActionsIf=\"true\"><Value>newUser</Value><Action>SkipThisValidationTechnicalProfile</Action></Precondition></Preconditions></ValidationTechnicalProfile>";
    let middle = sign_up(GUARDED);
    assert_eq!(
        found(&[("base.xml", BASE), ("middle.xml", &middle)]),
        ["middle.xml:6:155 P20 error `AAD-Create`"]
    );
    let base = with(
        BASE,
        "<ValidationTechnicalProfile ReferenceId=\"AAD-Create\" />",
        GUARDED,
    );
    assert_eq!(
        found(&[("base.xml", &base), ("middle.xml", &middle)]),
        ["middle.xml:6:155 P20 warning `AAD-Create`"]
    );
}

#[test]
fn what_is_only_added_is_right() {
    let middle = sign_up("<ValidationTechnicalProfile ReferenceId=\"AAD-Read\" />");
    assert_eq!(
        found(&[("base.xml", BASE), ("middle.xml", &middle)]),
        Vec::<String>::new()
    );
}

/// The journey of the base, with `steps` of its own.
fn join(steps: &str) -> String {
    middle(&format!(
        "<UserJourneys><UserJourney Id=\"Join\"><OrchestrationSteps>{steps}</OrchestrationSteps></UserJourney></UserJourneys>"
    ))
}

#[test]
fn a_part_of_a_journey_is_information() {
    let middle = join(
        "<OrchestrationStep Order=\"4\" Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\" />",
    );
    let files = [("base.xml", BASE), ("middle.xml", middle.as_str())];
    assert_eq!(found(&files), ["middle.xml:6:34 P21 info `Join`"]);
    assert_eq!(
        only(&files).message,
        "journey `Join` is inherited, and merged with it: 1 SignInExchange (of B2C_1A_Base), 2 SignUpExchange (of B2C_1A_Base), 3 ReadExchange (of B2C_1A_Base), 4 SendClaims"
    );
}

#[test]
fn a_whole_journey_over_another_is_a_warning() {
    let middle = join(
        "<OrchestrationStep Order=\"1\" Type=\"CombinedSignInAndSignUp\" ContentDefinitionReferenceId=\"api.signin\"><ClaimsProviderSelections><ClaimsProviderSelection ValidationClaimsExchangeId=\"SignInExchange\" /></ClaimsProviderSelections><ClaimsExchanges><ClaimsExchange Id=\"SignInExchange\" TechnicalProfileReferenceId=\"SignIn\" /></ClaimsExchanges></OrchestrationStep><OrchestrationStep Order=\"2\" Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\" />",
    );
    let files = [("base.xml", BASE), ("middle.xml", middle.as_str())];
    assert_eq!(found(&files), ["middle.xml:6:34 P21 warning `Join`"]);
    // Steps 3 and 4 stay, and of step 2 the exchange.
    assert_eq!(only(&files).related.len(), 3);
}
