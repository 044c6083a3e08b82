//! The orchestration steps of a user flow.

use std::fmt::Write as _;

use super::{escaped, words::Page};
use crate::emulator::settings::UserFlow;

/// Written without numbers: they are counted.
pub(super) fn steps(flow: &UserFlow) -> String {
    let exists = |claim: &str| precondition("ClaimsExist", "true", &[claim]);
    let missing = |claim: &str| precondition("ClaimsExist", "false", &[claim]);
    let is = |claim: &str, value: &str| precondition("ClaimEquals", "true", &[claim, value]);
    let local = || is("authenticationSource", "localAccountAuthentication");
    let federated = || is("authenticationSource", "socialIdpAuthentication");
    let exchange = |profile: &str| {
        format!(
            "<ClaimsExchanges><ClaimsExchange Id=\"{profile}Exchange\" \
             TechnicalProfileReferenceId=\"{profile}\"/></ClaimsExchanges>"
        )
    };
    let step = |conditions: String, content: String| {
        format!("Type=\"ClaimsExchange\"><Preconditions>{conditions}</Preconditions>{content}")
    };
    let both = |one: String, other: String| format!("{one}{other}");
    let mut steps = vec![
        step(String::new(), exchange("Session")),
        choice(flow),
        step(exists("objectId"), exchanges(flow)),
        step(local(), exchange("Read-Federated")),
        step(exists("objectId"), exchange("PostFederationSignup")),
    ];
    if flow.ask_missing_email {
        steps.push(step(
            both(exists("objectId"), missing("email")),
            exchange("Attributes-WithEmail"),
        ));
        steps.push(step(
            both(exists("objectId"), exists("email")),
            exchange("Attributes"),
        ));
    } else {
        steps.push(step(exists("objectId"), exchange("Attributes")));
    }
    // With nothing to ask for there is no page, and the account is created
    // all the same.
    steps.push(step(
        exists("objectId"),
        exchange("PostAttributeCollection"),
    ));
    steps.push(step(exists("objectId"), exchange("Write-Federated")));
    steps.push(step(federated(), exchange("Read-Local")));
    steps.push(step(local(), exchange("Read-Account")));
    steps.push(step(
        both(missing("email"), exists("emails")),
        exchange("Emails"),
    ));
    steps.push(step(String::new(), exchange("PreTokenIssuance")));
    steps.push(step(String::new(), exchange("Session")));
    steps.push("Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"Token\">".to_owned());
    let numbered = steps.iter().enumerate().map(|(at, step)| {
        format!(
            "<OrchestrationStep Order=\"{}\" {step}</OrchestrationStep>\n",
            at + 1
        )
    });
    numbered.collect()
}

fn precondition(kind: &str, execute_if: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<Value>{value}</Value>"))
        .collect();
    format!(
        "<Precondition Type=\"{kind}\" ExecuteActionsIf=\"{execute_if}\">{values}\
         <Action>SkipThisOrchestrationStep</Action></Precondition>"
    )
}

fn choice(flow: &UserFlow) -> String {
    let providers: String = flow
        .providers
        .iter()
        .map(|provider| {
            let issuer = escaped(&provider.issuer);
            format!("<ClaimsProviderSelection TargetClaimsExchangeId=\"{issuer}\"/>")
        })
        .collect();
    let known = precondition("ClaimsExist", "true", &["objectId"]);
    let page = Page::SignIn.id();
    match flow.local_accounts {
        true => format!(
            "Type=\"CombinedSignInAndSignUp\" ContentDefinitionReferenceId=\"{page}\">\
             <Preconditions>{known}</Preconditions><ClaimsProviderSelections>{providers}<ClaimsProviderSelection \
             ValidationClaimsExchangeId=\"SignInExchange\"/></ClaimsProviderSelections>\
             <ClaimsExchanges><ClaimsExchange Id=\"SignInExchange\" \
             TechnicalProfileReferenceId=\"SignIn\"/></ClaimsExchanges>"
        ),
        false => format!(
            "Type=\"ClaimsProviderSelection\" ContentDefinitionReferenceId=\"{page}\">\
             <Preconditions>{known}</Preconditions><ClaimsProviderSelections DisplayOption=\"ShowSingleProvider\">{providers}\
             </ClaimsProviderSelections>"
        ),
    }
}

fn exchanges(flow: &UserFlow) -> String {
    let mut exchanges = String::new();
    for provider in &flow.providers {
        let issuer = escaped(&provider.issuer);
        let _ = write!(
            exchanges,
            "<ClaimsExchange Id=\"{issuer}\" TechnicalProfileReferenceId=\"Provider-{issuer}\"/>"
        );
    }
    if flow.local_accounts {
        exchanges.push_str(
            "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\"/>",
        );
    }
    format!("<ClaimsExchanges>{exchanges}</ClaimsExchanges>")
}
