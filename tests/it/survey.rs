//! `idlink emulate survey`: what a robot makes of policies, and of stories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::program::Folder;

fn our_base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/base")
}

fn survey(path: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(["emulate", "survey"])
        .arg(path)
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{:?}", output.stderr);
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn report(path: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let arguments = [arguments, &["--format", "json"]].concat();
    let output = survey(path, &arguments);
    let report = serde_json::from_str(&stdout(&output)).unwrap();
    (output.status.code(), report)
}

/// A policy that is a relying party on `base`.
fn relying_party(id: &str, base: &str) -> String {
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="yourtenant.onmicrosoft.com" PolicyId="{id}"
  PublicPolicyUri="http://yourtenant.onmicrosoft.com/{id}">
  <BasePolicy>
    <TenantId>yourtenant.onmicrosoft.com</TenantId>
    <PolicyId>{base}</PolicyId>
  </BasePolicy>
  <RelyingParty>
    <DefaultUserJourney ReferenceId="SignUpOrSignIn" />
    <TechnicalProfile Id="PolicyProfile">
      <DisplayName>PolicyProfile</DisplayName>
      <Protocol Name="OpenIdConnect" />
      <OutputClaims>
        <OutputClaim ClaimTypeReferenceId="objectId" PartnerClaimType="sub" />
      </OutputClaims>
      <SubjectNamingInfo ClaimType="sub" />
    </TechnicalProfile>
  </RelyingParty>
</TrustFrameworkPolicy>
"#
    )
}

/// A base whose only journey asks what the emulator does not run.
const BASE: &str = r#"<TrustFrameworkPolicy
  xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="yourtenant.onmicrosoft.com" PolicyId="B2C_1A_Base"
  PublicPolicyUri="http://yourtenant.onmicrosoft.com/B2C_1A_Base">
  <BuildingBlocks>
    <ClaimsSchema>
      <ClaimType Id="objectId"><DisplayName>Id</DisplayName><DataType>string</DataType></ClaimType>
    </ClaimsSchema>
  </BuildingBlocks>
  <UserJourneys>
    <UserJourney Id="SignUpOrSignIn">
      <OrchestrationSteps>
        <OrchestrationStep Order="1" Type="ConsentScreen" />
      </OrchestrationSteps>
    </UserJourney>
  </UserJourneys>
</TrustFrameworkPolicy>
"#;

#[test]
fn our_base_completes_is_refused_and_is_cancelled() {
    let (code, report) = report(&our_base(), &[]);
    assert_eq!(code, Some(0));
    assert_eq!(
        report["totals"],
        json!({
            "policies": 3, "completes": 3, "refuses": 0, "wrong": 0,
            "stories": 0, "stories_failed": 0,
        })
    );
    let parties = report["parties"].as_array().unwrap();
    let policies: Vec<_> = parties.iter().map(|party| &party["policy"]).collect();
    assert_eq!(
        policies,
        [
            "B2C_1A_PasswordReset",
            "B2C_1A_ProfileEdit",
            "B2C_1A_signup_signin"
        ]
    );
    for party in parties {
        for way in ["happy", "refused", "cancelled"] {
            assert_eq!(party[way]["outcome"], "done", "{way}: {party}");
        }
        let cancelled = party["cancelled"]["reason"].as_str().unwrap();
        assert!(
            cancelled.starts_with("access_denied: AADB2C90091"),
            "{cancelled}"
        );
    }
    let happy = &parties[2]["happy"]["visits"];
    assert_eq!(happy[1]["about"], "Signs in with the new account");
    assert!(happy[1]["end"].as_str().unwrap().starts_with("token ("));
}

#[test]
fn what_does_not_load_or_is_not_run_is_told_with_its_place() {
    let folder = Folder::new();
    folder.write("Base.xml", BASE);
    folder.write("1.xml", &relying_party("B2C_1A_Unsupported", "B2C_1A_Base"));
    folder.write("2.xml", &relying_party("B2C_1A_Orphan", "B2C_1A_Nowhere"));
    folder.write("3.xml", "<TrustFrameworkPolicy><RelyingParty>");
    let (code, report) = report(&folder.0, &[]);
    assert_eq!(code, Some(0), "no story, no failure");
    assert_eq!(report["totals"]["refuses"], 3);
    for (policy, kind, file, line, what) in [
        (
            "B2C_1A_Unsupported",
            "unsupported",
            "Base.xml",
            13,
            "step 1 is of the type ConsentScreen",
        ),
        (
            "B2C_1A_Orphan",
            "does-not-load",
            "2.xml",
            4,
            "the base policy B2C_1A_Nowhere is in none of the files",
        ),
        (
            "3.xml",
            "does-not-load",
            "3.xml",
            1,
            "the file is not XML: ",
        ),
    ] {
        let mut parties = report["parties"].as_array().unwrap().iter();
        let party = parties.find(|party| party["policy"] == policy).unwrap();
        let obstacle = &party["obstacles"][0];
        assert_eq!(obstacle["kind"], kind, "{policy}");
        let place = format!("{}:{line}", folder.0.join(file).display());
        assert_eq!(obstacle["place"], place, "{policy}");
        let told = obstacle["what"].as_str().unwrap();
        assert!(told.starts_with(what), "{policy}: {told}");
        assert_eq!(party["happy"]["outcome"], "not-tried", "{policy}");
    }
}

const STORY: &str = r#"
[[story]]
title = "Ada signs up"
policy = "b2c_1a_signup_signin"
folder = "policies/base"

[[story.happy]]
type.email = "ada@contoso.com"
asks = ["newPassword"]
token.sub = "*"

[[story.happy.directory]]
find.signInNames.emailAddress = "ada@contoso.com"
has.objectId = "{{token.sub}}"

[[story.refused]]
press = ["next"]
type.signInName = "nobody@contoso.com"
message = "account"
"#;

fn told(story: &str) -> (Option<i32>, Value) {
    let folder = Folder::new();
    let file = folder.write("x.toml", story);
    let stories = file.display().to_string();
    let arguments = ["--stories", stories.as_str(), "--only", "signup"];
    report(&our_base(), &arguments)
}

#[test]
fn a_story_comes_true() {
    let (code, report) = told(STORY);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["totals"]["stories"], 1);
    assert_eq!(report["parties"][0]["story"], "Ada signs up");
    assert_eq!(report["parties"][0]["verdict"], "completes");
}

#[test]
fn a_story_that_does_not_come_true_fails_the_command_and_says_why() {
    for (from, to, reason) in [
        ("token.sub = \"*\"", "token.sub = \"1\"", "expected \"1\""),
        (
            "token.sub = \"*\"",
            "page = \"Done\"",
            "not a last page with \"Done\"",
        ),
        (
            "asks = [\"newPassword\"]",
            "never_asks = [\"newPassword\"]",
            "a page asked for newPassword",
        ),
        (
            "has.objectId = \"{{token.sub}}\"",
            "absent = true",
            "is in the directory",
        ),
    ] {
        let (code, report) = told(&STORY.replace(from, to));
        assert_eq!(code, Some(1), "{to}");
        let party = &report["parties"][0];
        assert_eq!(party["verdict"], "wrong", "{to}");
        let told = party["happy"]["reason"].as_str().unwrap();
        assert!(told.contains(reason), "{to}: {told}");
    }
}

#[test]
fn a_person_gets_a_table_or_a_page() {
    let output = survey(&our_base(), &["--only", "ProfileEdit", "--details"]);
    let table = stdout(&output);
    assert!(
        table.starts_with("set   relying party"),
        "the headings: {table}"
    );
    assert!(
        table.contains("[LocalAccountSigninEmailExchange]"),
        "{table}"
    );
    assert!(!table.contains("Known-robot-4711"), "no password is told");
    assert!(table.contains("1 complete, 0 refuse with reasons, 0 wrong"));

    let folder = Folder::new();
    let traces = folder.0.join("traces").display().to_string();
    let arguments = [
        "--only",
        "ProfileEdit",
        "--format",
        "html",
        "--traces",
        traces.as_str(),
    ];
    let page = stdout(&survey(&our_base(), &arguments));
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.contains("<strong>B2C_1A_ProfileEdit</strong>"));
    let mut kept = fs::read_dir(&traces).unwrap();
    assert!(kept.next().is_some(), "a trace of each visit");
}

#[test]
fn nothing_to_walk_through_is_an_error() {
    let output = survey(&our_base(), &["--only", "B2C_1A_None"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no relying party has B2C_1A_None"), "{told}");
}

/// Signs up at a link that names no exchange of the next step, to a page whose
/// validation looks at what only its input claims hold.
const SMALL: &str = r#"<TrustFrameworkPolicy
  xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="yourtenant.onmicrosoft.com" PolicyId="B2C_1A_Small"
  PublicPolicyUri="http://yourtenant.onmicrosoft.com/B2C_1A_Small">
  <BuildingBlocks>
    <ClaimsSchema>
      <ClaimType Id="signInName"><DisplayName>Name</DisplayName><DataType>string</DataType><UserInputType>TextBox</UserInputType></ClaimType>
      <ClaimType Id="password"><DisplayName>Password</DisplayName><DataType>string</DataType><UserInputType>Password</UserInputType></ClaimType>
      <ClaimType Id="nickname"><DisplayName>Nickname</DisplayName><DataType>string</DataType><UserInputType>TextBox</UserInputType>
        <Restriction><Pattern RegularExpression="^N-[0-9]{4}$" HelpText="N-1234"/></Restriction></ClaimType>
      <ClaimType Id="given"><DisplayName>Given</DisplayName><DataType>string</DataType></ClaimType>
      <ClaimType Id="found"><DisplayName>Found</DisplayName><DataType>string</DataType></ClaimType>
    </ClaimsSchema>
    <ClaimsTransformations>
      <ClaimsTransformation Id="LookUp" TransformationMethod="LookupValue">
        <InputClaims><InputClaim ClaimTypeReferenceId="given" TransformationClaimType="inputParameterId"/></InputClaims>
        <InputParameters><InputParameter Id="x" DataType="string" Value="y"/></InputParameters>
        <OutputClaims><OutputClaim ClaimTypeReferenceId="found" TransformationClaimType="outputClaim"/></OutputClaims>
      </ClaimsTransformation>
    </ClaimsTransformations>
    <ContentDefinitions>
      <ContentDefinition Id="page"><LoadUri>~/tenant/templates/AzureBlue/selfAsserted.cshtml</LoadUri>
        <RecoveryUri>~/common/default_page_error.html</RecoveryUri>
        <DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri></ContentDefinition>
    </ContentDefinitions>
  </BuildingBlocks>
  <ClaimsProviders>
    <ClaimsProvider>
      <DisplayName>Small</DisplayName>
      <TechnicalProfiles>
        <TechnicalProfile Id="SignIn">
          <DisplayName>Sign in</DisplayName>
          <Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/>
          <Metadata><Item Key="SignUpTarget">SignUpExchange</Item></Metadata>
          <OutputClaims><OutputClaim ClaimTypeReferenceId="signInName" Required="true"/><OutputClaim ClaimTypeReferenceId="password" Required="true"/></OutputClaims>
        </TechnicalProfile>
        <TechnicalProfile Id="SignUp">
          <DisplayName>Sign up</DisplayName>
          <Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/>
          <Metadata><Item Key="ContentDefinitionReferenceId">page</Item></Metadata>
          <InputClaims><InputClaim ClaimTypeReferenceId="given" DefaultValue="x"/></InputClaims>
          <OutputClaims><OutputClaim ClaimTypeReferenceId="nickname" Required="true"/><OutputClaim ClaimTypeReferenceId="found"/></OutputClaims>
          <ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Check"/></ValidationTechnicalProfiles>
        </TechnicalProfile>
        <TechnicalProfile Id="Check">
          <DisplayName>Check</DisplayName>
          <Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.ClaimsTransformationProtocolProvider, Web.TPEngine"/>
          <OutputClaims><OutputClaim ClaimTypeReferenceId="found"/></OutputClaims>
          <OutputClaimsTransformations><OutputClaimsTransformation ReferenceId="LookUp"/></OutputClaimsTransformations>
        </TechnicalProfile>
        <TechnicalProfile Id="JwtIssuer">
          <DisplayName>Issuer</DisplayName>
          <Protocol Name="None"/>
          <OutputTokenFormat>JWT</OutputTokenFormat>
        </TechnicalProfile>
      </TechnicalProfiles>
    </ClaimsProvider>
  </ClaimsProviders>
  <UserJourneys>
    <UserJourney Id="J">
      <OrchestrationSteps>
        <OrchestrationStep Order="1" Type="CombinedSignInAndSignUp" ContentDefinitionReferenceId="page">
          <ClaimsProviderSelections><ClaimsProviderSelection ValidationClaimsExchangeId="SignInExchange"/></ClaimsProviderSelections>
          <ClaimsExchanges><ClaimsExchange Id="SignInExchange" TechnicalProfileReferenceId="SignIn"/></ClaimsExchanges>
        </OrchestrationStep>
        <OrchestrationStep Order="2" Type="ClaimsExchange">
          <ClaimsExchanges><ClaimsExchange Id="AnotherExchange" TechnicalProfileReferenceId="SignUp"/></ClaimsExchanges>
        </OrchestrationStep>
        <OrchestrationStep Order="3" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="JwtIssuer"/>
      </OrchestrationSteps>
    </UserJourney>
  </UserJourneys>
  <RelyingParty>
    <DefaultUserJourney ReferenceId="J"/>
    <TechnicalProfile Id="PolicyProfile">
      <DisplayName>PolicyProfile</DisplayName>
      <Protocol Name="OpenIdConnect"/>
      <OutputClaims>
        <OutputClaim ClaimTypeReferenceId="nickname" PartnerClaimType="sub"/>
        <OutputClaim ClaimTypeReferenceId="found"/>
      </OutputClaims>
      <SubjectNamingInfo ClaimType="sub"/>
    </TechnicalProfile>
  </RelyingParty>
</TrustFrameworkPolicy>
"#;

#[test]
fn what_public_samples_rely_on_runs() {
    let folder = Folder::new();
    folder.write("Small.xml", SMALL);
    let story = folder.write(
        "small.toml",
        r#"
        [[story]]
        title = "Small"
        policy = "B2C_1A_Small"
        folder = ""
        [[story.happy]]
        about = "The robot makes up what the pattern asks for"
        token = { sub = "N-1111", found = "y" }
        "#,
    );
    let story = story.display().to_string();
    let (code, report) = report(&folder.0, &["--stories", story.as_str()]);
    assert_eq!(code, Some(0), "{report:#}");
    assert_eq!(report["parties"][0]["verdict"], "completes");
}
