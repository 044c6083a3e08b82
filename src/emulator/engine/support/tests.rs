use std::sync::Arc;

use super::*;
use crate::{emulator::audit::Dialect, policy::set::PolicySet};

const SELF_ASSERTED: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/>"#;
const REST: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.RestfulProvider, Web.TPEngine"/>"#;
const DIRECTORY: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.AzureActiveDirectoryProvider, Web.TPEngine"/>"#;
const TRANSFORMS: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.ClaimsTransformationProtocolProvider, Web.TPEngine"/>"#;

/// A policy's parts; `«` stands where a finding should point.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    blocks: &'a str,
    /// What the technical profile `It` of step 1 consists of.
    it: &'a str,
    more: &'a str,
    /// In the place of step 1.
    step: Option<&'a str>,
    sub_journeys: &'a str,
    party: Option<&'a str>,
    issuer: Option<&'a str>,
}

fn text(parts: Parts<'_>) -> String {
    let Parts {
        blocks,
        it,
        more,
        step,
        sub_journeys,
        party,
        issuer,
    } = parts;
    let step = step.unwrap_or(
        r#"<OrchestrationStep Order="1" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="A" TechnicalProfileReferenceId="it"/></ClaimsExchanges></OrchestrationStep>"#,
    );
    let issuer = issuer
        .unwrap_or(r#"<Protocol Name="OpenIdConnect"/><OutputTokenFormat>JWT</OutputTokenFormat>"#);
    let party = party.unwrap_or(
        r#"<TechnicalProfile Id="PolicyProfile"><DisplayName>R</DisplayName><Protocol Name="OpenIdConnect"/></TechnicalProfile>"#,
    );
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="t" PolicyId="B2C_1A_Trial" PublicPolicyUri="http://t">
<BuildingBlocks><ClaimsSchema>
<ClaimType Id="email"><DataType>string</DataType><UserInputType>TextBox</UserInputType></ClaimType>
<ClaimType Id="code"><DataType>string</DataType>
<UserInputType>«Button</UserInputType></ClaimType>
<ClaimType Id="password"><DataType>string</DataType><UserInputType>Password</UserInputType>
<PredicateValidationReference Id="Strong"/></ClaimType>
</ClaimsSchema>
{blocks}</BuildingBlocks>
<ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>
<TechnicalProfile Id="Issuer"><DisplayName>I</DisplayName>{issuer}</TechnicalProfile>
<TechnicalProfile Id="It"><DisplayName>T</DisplayName>{it}</TechnicalProfile>
{more}
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<UserJourneys><UserJourney Id="J"><OrchestrationSteps>
{step}
<OrchestrationStep Order="2" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="Issuer"/>
</OrchestrationSteps></UserJourney></UserJourneys>
<SubJourneys>{sub_journeys}</SubJourneys>
<RelyingParty><DefaultUserJourney ReferenceId="J"/>{party}</RelyingParty>
</TrustFrameworkPolicy>"#
    )
}

/// What is found, each as `line: what`, and the line with the mark.
fn found(parts: Parts<'_>, with_mark: &str) -> (Vec<String>, usize) {
    // The mark of the claims schema counts where nothing else is marked.
    let mut text = text(parts);
    if with_mark != "Button" {
        text = text.replacen("«Button", "Button", 1);
    }
    let line = text.split('«').next().unwrap().matches('\n').count() + 1;
    let program = program(&text.replace('«', ""));
    let obstacles = look(&program).obstacles.into_iter();
    let told = obstacles.map(|obstacle| {
        let place = obstacle.place.unwrap();
        assert_eq!(place.file, "trial.xml");
        format!("{}: {}", place.line, obstacle.what)
    });
    (told.collect(), line)
}

fn program(text: &str) -> Program {
    let set = PolicySet::from_texts([("trial.xml", text)]);
    assert_eq!(set.broken, []);
    let effective = set.effective(set.files[0].file).unwrap();
    Program::new(Dialect::CustomPolicy, effective, Arc::new(set.sources)).unwrap()
}

#[test]
fn every_provider_that_is_not_there_is_refused_by_name() {
    for (protocol, what) in [
        (r#"Name="OAuth1""#, "OAuth 1"),
        (r#"Name="SAML2""#, "SAML 2"),
        (r#"Name="WsFed""#, "WS-Federation"),
        (r#"Name="WsTrust""#, "WS-Trust"),
        (
            r#"Name="None""#,
            "the Protocol None, which reads a token of the request (id_token_hint)",
        ),
        (
            r#"Name="Proprietary" Handler="Web.TPEngine.Providers.PhoneFactorProtocolProvider, Web.TPEngine""#,
            "the phone factor provider (codes by text message and call)",
        ),
        (
            r#"Name="Proprietary" Handler="Web.TPEngine.Providers.AzureMfaProtocolProvider, Web.TPEngine""#,
            "the Azure MFA provider",
        ),
        (
            r#"Name="Proprietary" Handler="Web.TPEngine.Providers.OneTimePasswordProtocolProvider, Web.TPEngine""#,
            "the one-time password provider",
        ),
        (
            r#"Name="Proprietary" Handler="Web.TPEngine.Providers.AadSsprProtocolProvider, Web.TPEngine""#,
            "the self-service password reset provider",
        ),
        (
            r#"Name="Proprietary" Handler="Web.TPEngine.Providers.ConditionalAccessProtocolProvider, Web.TPEngine""#,
            "Conditional Access",
        ),
        (
            r#"Name="Proprietary" Handler="Web.TPEngine.SSO.DefaultSSOSessionProvider, Web.TPEngine""#,
            "a session provider, which runs no step",
        ),
        (
            r#"Name="Proprietary" Handler="Contoso.Provider, Contoso""#,
            "Contoso.Provider, which is unknown",
        ),
    ] {
        let it = format!("\n«<Protocol {protocol}/>");
        let parts = Parts {
            it: &it,
            ..Parts::default()
        };
        let (told, line) = found(parts, "");
        assert_eq!(told, [format!("{line}: It is run by {what}")], "{protocol}");
    }
}

#[test]
fn what_a_page_shows_is_looked_at() {
    let shows = |list: &str, claims: &str| format!("{SELF_ASSERTED}<{list}>\n«{claims}\n</{list}>");
    for (list, claims, mark, what, why) in [
        (
            "DisplayClaims",
            r#"<DisplayClaim DisplayControlReferenceId="verify"/>"#,
            "",
            Some("It shows the display control verify"),
            "display controls are left for later",
        ),
        (
            "OutputClaims",
            r#"<OutputClaim ClaimTypeReferenceId="CODE"/>"#,
            "Button",
            Some("It asks for code with the input Button"),
            "a button is not rendered",
        ),
        (
            "OutputClaims",
            r#"<OutputClaim ClaimTypeReferenceId="nothing"/>"#,
            "",
            Some("the claim nothing is not declared"),
            "B2C refuses it, too",
        ),
        (
            "InputClaims",
            r#"<InputClaim ClaimTypeReferenceId="code"/>"#,
            "",
            None,
            "it is not shown",
        ),
    ] {
        let it = shows(list, claims);
        let it = match mark {
            "" => it,
            _ => it.replace('«', ""),
        };
        let parts = Parts {
            it: &it,
            ..Parts::default()
        };
        let (told, line) = found(parts, mark);
        let expected: Vec<_> = what.iter().map(|what| format!("{line}: {what}")).collect();
        assert_eq!(told, expected, "{claims}: {why}");
    }
    let it = shows(
        "OutputClaims",
        r#"<OutputClaim ClaimTypeReferenceId="password"/>"#,
    );
    let parts = Parts {
        it: &it,
        ..Parts::default()
    };
    let (told, _) = found(parts, "");
    // The line of the reference in the claims schema.
    assert_eq!(
        told,
        ["7: It asks for password, which the predicates of Strong check"]
    );
}

#[test]
fn steps_and_journeys_are_looked_at() {
    let exchange = |profile: &str| {
        format!(
            r#"<ClaimsExchanges><ClaimsExchange Id="A" TechnicalProfileReferenceId="{profile}"/></ClaimsExchanges>"#
        )
    };
    let step = |kind: &str, content: &str| {
        format!("\n«<OrchestrationStep Order=\"1\" Type=\"{kind}\">{content}</OrchestrationStep>")
    };
    let precondition = |kind: &str, claim: &str| {
        format!(
            "<Preconditions>\n«<Precondition Type=\"{kind}\" ExecuteActionsIf=\"true\"><Value>{claim}</Value><Action>SkipThisOrchestrationStep</Action></Precondition></Preconditions>"
        )
    };
    let selection = r#"<ClaimsProviderSelections>
«<ClaimsProviderSelection TargetClaimsExchangeId="Gone"/></ClaimsProviderSelections>"#;
    let list = |id: &str| {
        format!("<JourneyList>\n«<Candidate SubJourneyReferenceId=\"{id}\"/></JourneyList>")
    };
    let unmarked = |text: String| text.replacen('«', "", 1);
    for (step, what) in [
        (step("GetClaims", ""), "step 1 is of the type GetClaims"),
        (
            step("ConsentScreen", ""),
            "step 1 is of the type ConsentScreen",
        ),
        (
            step("ReviewScreen", ""),
            "step 1 is of the type ReviewScreen",
        ),
        (step("UserDialog", ""), "step 1 is of the type UserDialog"),
        (step("Dance", ""), "step 1 is of the type Dance"),
        (
            unmarked(step(
                "ClaimsExchange",
                &exchange("Nobody").replace("<ClaimsExchange ", "\n«<ClaimsExchange "),
            )),
            "the technical profile Nobody is not declared",
        ),
        (
            unmarked(step("Noop", &precondition("ClaimsExist", "unheard"))),
            "the claim unheard is not declared",
        ),
        (
            unmarked(step("Noop", &precondition("ClaimsMatch", "email"))),
            "a precondition is of the type ClaimsMatch",
        ),
        (
            unmarked(step("ClaimsProviderSelection", selection)),
            "the claims exchange Gone is not in the next step",
        ),
        (step("InvokeSubJourney", ""), "step 1 calls no sub-journey"),
        (
            unmarked(step("InvokeSubJourney", &list("Nowhere"))),
            "the sub-journey Nowhere is not declared",
        ),
    ] {
        let parts = Parts {
            step: Some(&step),
            ..Parts::default()
        };
        let (told, line) = found(parts, "");
        assert_eq!(told, [format!("{line}: {what}")], "{step}");
    }
    let page = r#"<OrchestrationStep Order="1" Type="CombinedSignInAndSignUp"
 ContentDefinitionReferenceId="api.none"></OrchestrationStep>"#;
    let parts = Parts {
        step: Some(page),
        ..Parts::default()
    };
    let (told, _) = found(parts, "");
    assert_eq!(
        told,
        ["16: the content definition api.none is not declared"]
    );
}

#[test]
fn a_sub_journey_is_followed_once_even_in_a_circle() {
    let call = r#"<OrchestrationStep Order="1" Type="InvokeSubJourney"><JourneyList><Candidate SubJourneyReferenceId="S"/></JourneyList></OrchestrationStep>"#;
    let sub = format!(
        "<SubJourney Id=\"S\" Type=\"Call\"><OrchestrationSteps>{call}\n«<OrchestrationStep Order=\"2\" Type=\"GetClaims\"/></OrchestrationSteps></SubJourney>"
    );
    let parts = Parts {
        step: Some(call),
        sub_journeys: &sub,
        ..Parts::default()
    };
    let (told, line) = found(parts, "");
    assert_eq!(told, [format!("{line}: step 2 is of the type GetClaims")]);
}

#[test]
fn profiles_are_looked_at_with_all_that_they_run() {
    let metadata = |key: &str, value: &str| {
        format!("<Metadata>\n«<Item Key=\"{key}\">{value}</Item></Metadata>")
    };
    let url = r#"<Item Key="ServiceUrl">https://x.example/</Item></Metadata>"#;
    let validation = |id: &str| {
        format!(
            "{SELF_ASSERTED}<ValidationTechnicalProfiles>\n«<ValidationTechnicalProfile ReferenceId=\"{id}\"/></ValidationTechnicalProfiles>"
        )
    };
    let session = |id: &str| {
        format!("{TRANSFORMS}\n«<UseTechnicalProfileForSessionManagement ReferenceId=\"{id}\"/>")
    };
    let rest = |key, value| format!("{REST}{}", metadata(key, value).replace("</Metadata>", url));
    for (it, what) in [
        (
            rest("AuthenticationType", "Kerberos"),
            "It has the AuthenticationType Kerberos",
        ),
        (
            rest("SendClaimsIn", "Cookie"),
            "It has the SendClaimsIn Cookie",
        ),
        (
            format!("{DIRECTORY}{}", metadata("Operation", "Upsert")),
            "It has the Operation Upsert",
        ),
        (
            validation("Nobody"),
            "the technical profile Nobody is not declared",
        ),
        (
            session("Nobody"),
            "the technical profile Nobody is not declared",
        ),
        (
            format!("{TRANSFORMS}\n«<IncludeTechnicalProfile ReferenceId=\"Nobody\"/>"),
            "the technical profile Nobody is not declared",
        ),
        (
            format!(
                "{SELF_ASSERTED}{}",
                metadata("ContentDefinitionReferenceId", "api.none")
            ),
            "the content definition api.none is not declared",
        ),
        (
            format!(
                "{TRANSFORMS}<InputClaimsTransformations>\n«<InputClaimsTransformation ReferenceId=\"None\"/></InputClaimsTransformations>"
            ),
            "the claims transformation None is not declared",
        ),
    ] {
        let parts = Parts {
            it: &it,
            ..Parts::default()
        };
        let (told, line) = found(parts, "");
        assert_eq!(told, [format!("{line}: {what}")], "{it}");
    }
}

#[test]
fn what_others_run_is_told_where_it_stands_itself() {
    let profile = |id: &str, content: &str| {
        format!(
            "<TechnicalProfile Id=\"{id}\"><DisplayName>D</DisplayName>\n«{content}</TechnicalProfile>"
        )
    };
    let page = format!(
        "{SELF_ASSERTED}<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId=\"Other\"/></ValidationTechnicalProfiles>"
    );
    let session =
        format!("{TRANSFORMS}<UseTechnicalProfileForSessionManagement ReferenceId=\"Other\"/>");
    let saml = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.SSO.SamlSSOSessionProvider, Web.TPEngine"/>"#;
    for (it, other, what) in [
        (
            &page,
            r#"<Protocol Name="OAuth2"/>"#,
            "Other shows a page, and stands behind another one",
        ),
        (
            &page,
            SELF_ASSERTED,
            "Other shows a page, and stands behind another one",
        ),
        (&session, saml, "Other keeps a session of SAML"),
        (
            &session,
            TRANSFORMS,
            "Other is to keep a session, and is no session provider",
        ),
    ] {
        let more = profile("Other", other);
        let parts = Parts {
            it,
            more: &more,
            ..Parts::default()
        };
        let (told, line) = found(parts, "");
        assert_eq!(told, [format!("{line}: {what}")], "{other}");
    }
}

#[test]
fn an_unknown_method_is_refused() {
    let it = format!(
        "{TRANSFORMS}<OutputClaimsTransformations><OutputClaimsTransformation ReferenceId=\"Guess\"/></OutputClaimsTransformations>"
    );
    let blocks = "<ClaimsTransformations>\n«<ClaimsTransformation Id=\"Guess\" TransformationMethod=\"GuessName\"/></ClaimsTransformations>\n";
    let parts = Parts {
        blocks,
        it: &it,
        ..Parts::default()
    };
    let (told, line) = found(parts, "");
    assert_eq!(
        told,
        [format!(
            "{line}: Guess transforms claims by the method GuessName"
        )]
    );
}

#[test]
fn what_is_sent_and_how_is_looked_at() {
    let saml = "<TechnicalProfile Id=\"PolicyProfile\"><DisplayName>R</DisplayName>\n«<Protocol Name=\"SAML2\"/></TechnicalProfile>";
    let odd = "<TechnicalProfile Id=\"PolicyProfile\"><DisplayName>R</DisplayName><Protocol Name=\"OpenIdConnect\"/><OutputClaims>\n«<OutputClaim ClaimTypeReferenceId=\"odd\"/></OutputClaims></TechnicalProfile>";
    let assertion = "<Protocol Name=\"SAML2\"/>\n«<OutputTokenFormat>SAML2</OutputTokenFormat>";
    for (party, issuer, what) in [
        (Some(saml), None, "applications of this policy speak SAML2"),
        (Some(odd), None, "the claim odd is not declared"),
        (None, Some(assertion), "Issuer issues SAML2 tokens"),
    ] {
        let parts = Parts {
            it: TRANSFORMS,
            party,
            issuer,
            ..Parts::default()
        };
        let (told, line) = found(parts, "");
        assert_eq!(told, [format!("{line}: {what}")]);
    }
}

#[test]
fn a_declared_endpoint_is_a_note_and_no_obstacle() {
    let party = "<Endpoints><Endpoint Id=\"Token\" UserJourneyReferenceId=\"RedeemRefreshToken\"/></Endpoints>\
                 <TechnicalProfile Id=\"PolicyProfile\"><DisplayName>R</DisplayName><Protocol Name=\"OpenIdConnect\"/></TechnicalProfile>";
    let parts = Parts {
        it: TRANSFORMS,
        party: Some(party),
        ..Parts::default()
    };
    let support = look(&program(&text(parts).replace('«', "")));
    assert_eq!(support.obstacles, []);
    assert_eq!(
        support.notes[0].text,
        "the endpoint Token is answered as B2C does by default: its journey RedeemRefreshToken is \
         not run"
    );
}

#[test]
fn what_is_not_reached_or_switched_off_keeps_nothing_from_running() {
    let parts = Parts {
        it: r#"<Protocol Name="SAML2"/><EnabledForUserJourneys>false</EnabledForUserJourneys>"#,
        more: r#"<TechnicalProfile Id="Idle"><DisplayName>D</DisplayName><Protocol Name="OAuth1"/></TechnicalProfile>"#,
        ..Parts::default()
    };
    assert_eq!(found(parts, "").0, Vec::<String>::new());
}
