use super::super::trial::{DIRECTORY, REST, finds, policy, running};
use super::*;
use Severity::Error;

#[test]
fn an_identity_provider_that_is_used_has_a_client() {
    let profile = |metadata: &str| {
        running(&format!(
            r#"<TechnicalProfile Id="It"><DisplayName>G</DisplayName><Protocol Name="OAuth2"/>{metadata}</TechnicalProfile>"#
        ))
    };
    let message = "technical profile `It` is used and has no `client_id`";
    for wrong in [
        r#"<«Metadata»><Item Key="scope">email</Item></Metadata>"#,
        r#"<Metadata><«Item» Key="client_id"></Item></Metadata>"#,
    ] {
        finds(22, &[&profile(wrong)], &[(Error, message)]);
    }
    finds(
        22,
        &[&profile(
            r#"<Metadata><Item Key="client_id">abc</Item></Metadata>"#,
        )],
        &[],
    );
    // What it includes may have it.
    let included = r#"<TechnicalProfile Id="Common"><Metadata><Item Key="client_id">abc</Item></Metadata></TechnicalProfile>
      <TechnicalProfile Id="It"><DisplayName>G</DisplayName><Protocol Name="OAuth2"/><IncludeTechnicalProfile ReferenceId="Common"/></TechnicalProfile>"#;
    finds(22, &[&running(included)], &[]);
    // One that nobody uses needs none, nor does one that issues an error.
    let others = r#"<TechnicalProfile Id="It"><DisplayName>E</DisplayName><Protocol Name="OAuth2"/><OutputTokenFormat>OAuth2Error</OutputTokenFormat></TechnicalProfile>
      <TechnicalProfile Id="Unused"><DisplayName>U</DisplayName><Protocol Name="OAuth2"/></TechnicalProfile>"#;
    finds(22, &[&running(others)], &[]);
}

#[test]
fn the_child_of_a_base_fills_in_its_client() {
    let base = running(
        r#"<TechnicalProfile Id="It"><DisplayName>G</DisplayName><Protocol Name="OpenIdConnect"/></TechnicalProfile>"#,
    )
    .replace("B2C_1A_Trial", "B2C_1A_Base");
    let (base, party) = base.split_once("  <RelyingParty>").unwrap();
    let base = format!("{base}</TrustFrameworkPolicy>");
    let party = format!(
        "  <RelyingParty>{}",
        party.replace("</TrustFrameworkPolicy>", "")
    );
    let filled = r#"<ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>
      <TechnicalProfile Id="it"><Metadata><Item Key="client_id">abc</Item></Metadata></TechnicalProfile>
    </TechnicalProfiles></ClaimsProvider></ClaimsProviders>"#;
    let child = policy(
        "B2C_1A_Party",
        Some("B2C_1A_Base"),
        &format!("{filled}{party}"),
    );
    finds(22, &[&base, &child], &[]);
    let child = policy("B2C_1A_Party", Some("B2C_1A_Base"), &party);
    let base = base.replace(
        r#"<TechnicalProfile Id="It">"#,
        r#"<«TechnicalProfile» Id="It">"#,
    );
    finds(
        22,
        &[&base, &child],
        &[(
            Error,
            "technical profile `It` is used and has no `client_id`",
        )],
    );
}

fn rest_profile(metadata: &str, rest: &str) -> String {
    running(&format!(
        r#"<TechnicalProfile Id="It"><DisplayName>R</DisplayName>{REST}<Metadata>{metadata}</Metadata>{rest}</TechnicalProfile>"#
    ))
}

const URL: &str = r#"<Item Key="ServiceUrl">https://api.example.org/check</Item>"#;

#[test]
fn a_rest_call_has_an_address() {
    let call = |metadata: &str| {
        rest_profile(
            &format!(r#"{metadata}<Item Key="AuthenticationType">Bearer</Item>"#),
            r#"<CryptographicKeys><Key Id="BearerAuthenticationToken" StorageReferenceId="B2C_1A_K"/></CryptographicKeys>"#,
        )
    };
    finds(23, &[&call(URL)], &[]);
    let message = "technical profile `It` calls no address";
    finds(
        23,
        &[&call(r#"<«Item» Key="ServiceUrl"/>"#)],
        &[(Error, message)],
    );
    let nothing = call("").replace("<Metadata>", "<«Metadata»>");
    finds(23, &[&nothing], &[(Error, message)]);
}

#[test]
fn a_rest_call_has_the_keys_of_its_authentication() {
    let call = |authentication: &str, keys: &str| {
        rest_profile(
            &format!(r#"{URL}<Item Key="AuthenticationType">{authentication}</Item>"#),
            keys,
        )
    };
    let keys = |inner: &str| format!("<CryptographicKeys>{inner}</CryptographicKeys>");
    let key = |id: &str| format!(r#"<Key Id="{id}" StorageReferenceId="B2C_1A_K"/>"#);
    let (user, password) = (
        key("BasicAuthenticationUsername"),
        key("BasicAuthenticationPassword"),
    );
    for right in [
        call("Basic", &keys(&format!("{user}{password}"))),
        call("basic", &keys(&format!("{user}{password}"))),
        call("Bearer", &keys(&key("BearerAuthenticationToken"))),
        call("ClientCertificate", &keys(&key("ClientCertificate"))),
        call("ApiKeyHeader", &keys(&key("x-functions-key"))),
        call("{Settings:AuthMode}", ""),
    ] {
        finds(23, &[&right], &[]);
    }
    let half = keys(&user)
        .replace("<Crypt", "<«Crypt")
        .replacen("Keys>", "Keys»>", 1);
    for (wrong, message) in [
        (
            call("Basic", &half),
            "technical profile `It` authenticates itself by Basic and lacks the key `BasicAuthenticationPassword`",
        ),
        (
            call("«Basic»", ""),
            "technical profile `It` authenticates itself by Basic and lacks the key `BasicAuthenticationUsername` and `BasicAuthenticationPassword`",
        ),
        (
            call("«Bearer»", ""),
            "technical profile `It` authenticates itself by Bearer and lacks the key `BearerAuthenticationToken`",
        ),
        (
            call("«ApiKeyHeader»", ""),
            "technical profile `It` authenticates itself by ApiKeyHeader and has no key",
        ),
        (
            call("«ClientCert»", ""),
            "`ClientCert` is no value of `AuthenticationType`; did you mean `ClientCertificate`?",
        ),
    ] {
        finds(23, &[&wrong], &[(Error, message)]);
    }
    finds(
        23,
        &[&rest_profile(URL, "").replace("<Metadata>", "<«Metadata»>")],
        &[(
            Error,
            "technical profile `It` does not say how it authenticates itself",
        )],
    );
}

#[test]
fn a_call_without_credentials_must_be_allowed() {
    let call = |more: &str, value: &str| {
        rest_profile(
            &format!(r#"{URL}<Item Key="AuthenticationType">{value}</Item>{more}"#),
            "",
        )
    };
    finds(
        23,
        &[&call("", "«None»")],
        &[(
            Error,
            "technical profile `It` calls its service without credentials",
        )],
    );
    let allowed = r#"<Item Key="AllowInsecureAuthInProduction">true</Item>"#;
    finds(23, &[&call(allowed, "None")], &[]);
    let development =
        call("", "None").replacen("PolicyId=", r#"DeploymentMode="Development" PolicyId="#, 1);
    finds(23, &[&development], &[]);
    let production =
        call("", "«None»").replacen("PolicyId=", r#"DeploymentMode="Production" PolicyId="#, 1);
    finds(
        23,
        &[&production],
        &[(
            Error,
            "technical profile `It` calls its service without credentials",
        )],
    );
}

#[test]
fn a_rest_call_sends_the_claims_that_its_metadata_name() {
    let call = |more: &str, claims: &str| {
        rest_profile(
            &format!(r#"{URL}<Item Key="AuthenticationType">Bearer</Item>{more}"#),
            claims,
        )
    };
    let bearer = r#"<Item Key="UseClaimAsBearerToken">email</Item>"#;
    let input = r#"<InputClaims><InputClaim ClaimTypeReferenceId="email"/></InputClaims>"#;
    finds(23, &[&call(bearer, input)], &[]);
    finds(
        23,
        &[&call(&bearer.replace("email", "«token»"), input)],
        &[(
            Error,
            "`token`, which `UseClaimAsBearerToken` names, is no input claim of technical profile `It`",
        )],
    );
    let way = format!(r#"{bearer}<Item Key="SendClaimsIn">«Bdy»</Item>"#);
    finds(
        23,
        &[&call(&way, input)],
        &[(
            Error,
            "`Bdy` is no value of `SendClaimsIn`; did you mean `Body`?",
        )],
    );
}

fn directory_profile(metadata: &str, claims: &str) -> String {
    running(&format!(
        r#"<TechnicalProfile Id="It"><DisplayName>D</DisplayName>{DIRECTORY}<Metadata>{metadata}</Metadata>{claims}</TechnicalProfile>"#
    ))
}

const READ: &str = r#"<Item Key="Operation">Read</Item>"#;
const KEY: &str = r#"<InputClaims><InputClaim ClaimTypeReferenceId="objectId"/></InputClaims>"#;

#[test]
fn attributes_of_ones_own_need_the_application_that_has_them() {
    let outputs = format!(
        r#"{KEY}<OutputClaims><OutputClaim ClaimTypeReferenceId="«extension_Tier»"/></OutputClaims>"#
    );
    finds(
        24,
        &[&directory_profile(READ, &outputs)],
        &[(
            Error,
            "technical profile `It` uses `extension_Tier`, an attribute of one's own, and has no `ApplicationObjectId` and no `ClientId`",
        )],
    );
    let half = format!(r#"{READ}<Item Key="ApplicationObjectId">a</Item>"#);
    finds(
        24,
        &[&directory_profile(&half, &outputs)],
        &[(
            Error,
            "technical profile `It` uses `extension_Tier`, an attribute of one's own, and has no `ClientId`",
        )],
    );
    let whole = format!(r#"{half}<Item Key="ClientId">b</Item>"#);
    let plain = outputs.replace(['«', '»'], "");
    finds(24, &[&directory_profile(&whole, &plain)], &[]);
    // The directory knows it by its partner name.
    let renamed = plain.replace(
        r#"ClaimTypeReferenceId="extension_Tier""#,
        r#"ClaimTypeReferenceId="extension_Tier" PartnerClaimType="jobTitle""#,
    );
    finds(24, &[&directory_profile(READ, &renamed)], &[]);
    let named = format!(
        r#"{KEY}<OutputClaims><OutputClaim ClaimTypeReferenceId="«city»" PartnerClaimType="extension_City"/></OutputClaims>"#
    );
    finds(
        24,
        &[&directory_profile(READ, &named)],
        &[(
            Error,
            "technical profile `It` uses `city`, an attribute of one's own, and has no `ApplicationObjectId` and no `ClientId`",
        )],
    );
}

#[test]
fn the_directory_is_told_what_to_do_with_one_account() {
    finds(25, &[&directory_profile(READ, KEY)], &[]);
    finds(
        25,
        &[&directory_profile("", KEY).replace("<Metadata>", "<«Metadata»>")],
        &[(
            Error,
            "technical profile `It` does not say what it does in the directory",
        )],
    );
    finds(
        25,
        &[&directory_profile(&READ.replace("Read", "«Wirte»"), KEY)],
        &[(
            Error,
            "`Wirte` is no operation of the directory; did you mean `Write`?",
        )],
    );
    let none = directory_profile(READ, "").replace(
        r#"<TechnicalProfile Id="It">"#,
        r#"<«TechnicalProfile» Id="It">"#,
    );
    finds(
        25,
        &[&none],
        &[(
            Error,
            "technical profile `It` has no input claim: the directory is not told whose account",
        )],
    );
    let two = KEY.replace(
        "</InputClaims>",
        r#"<InputClaim ClaimTypeReferenceId="«email»"/></InputClaims>"#,
    );
    finds(
        25,
        &[&directory_profile(READ, &two)],
        &[(
            Error,
            "technical profile `It` has 2 input claims: the directory finds an account by exactly one",
        )],
    );
}

#[test]
fn what_is_written_includes_the_key() {
    let write = r#"<Item Key="Operation">Write</Item>"#;
    let key = r#"<InputClaims><InputClaim ClaimTypeReferenceId="email" PartnerClaimType="signInNames.emailAddress"/></InputClaims>"#;
    let persisting = |claims: &str| {
        directory_profile(
            write,
            &format!("{key}<PersistedClaims>{claims}</PersistedClaims>"),
        )
    };
    for right in [
        r#"<PersistedClaim ClaimTypeReferenceId="email"/>"#,
        r#"<PersistedClaim ClaimTypeReferenceId="city" PartnerClaimType="signInNames.EmailAddress"/>"#,
    ] {
        finds(25, &[&persisting(right)], &[]);
    }
    let wrong = persisting(r#"<PersistedClaim ClaimTypeReferenceId="city"/>"#)
        .replace("<PersistedClaims>", "<«PersistedClaims»>");
    finds(
        25,
        &[&wrong],
        &[(
            Error,
            "technical profile `It` does not persist `email`, the key that it finds the account by",
        )],
    );
    // A child that adds a key has one too many, and it is the child's.
    let base = persisting(r#"<PersistedClaim ClaimTypeReferenceId="email"/>"#)
        .replace("B2C_1A_Trial", "B2C_1A_Base");
    let child = policy(
        "B2C_1A_Child",
        Some("B2C_1A_Base"),
        r#"<ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles><TechnicalProfile Id="It"><InputClaims><InputClaim ClaimTypeReferenceId="«objectId»"/></InputClaims></TechnicalProfile></TechnicalProfiles></ClaimsProvider></ClaimsProviders>
        <RelyingParty><DefaultUserJourney ReferenceId="J"/></RelyingParty>"#,
    );
    finds(
        25,
        &[&base, &child],
        &[(
            Error,
            "technical profile `It` has 2 input claims: the directory finds an account by exactly one",
        )],
    );
    // An account is deleted whole, without naming anything again.
    let delete = r#"<Item Key="Operation">DeleteClaimsPrincipal</Item>"#;
    finds(25, &[&directory_profile(delete, key)], &[]);
}

#[test]
fn what_no_journey_uses_must_fit_together_and_need_not_be_filled_in() {
    let idle = |profile: &str| {
        running(&format!(
            r#"<TechnicalProfile Id="It"><DisplayName>T</DisplayName></TechnicalProfile>{profile}"#
        ))
    };
    let read = |key: &str| {
        format!(
            r#"<TechnicalProfile Id="Idle"><DisplayName>D</DisplayName>{DIRECTORY}<Metadata><Item Key="Operation">{key}</Item></Metadata>{KEY}</TechnicalProfile>"#
        )
    };
    finds(25, &[&idle(&read("Read"))], &[]);
    finds(
        25,
        &[&idle(&read("«Reed»"))],
        &[(
            Error,
            "`Reed` is no operation of the directory; did you mean `Read`?",
        )],
    );
    let call = |authentication: &str| {
        format!(
            r#"<TechnicalProfile Id="Idle"><DisplayName>R</DisplayName>{REST}<Metadata>{URL}<Item Key="AuthenticationType">{authentication}</Item></Metadata></TechnicalProfile>"#
        )
    };
    finds(23, &[&idle(&call("None"))], &[]);
    finds(
        23,
        &[&idle(&call("«Basik»"))],
        &[(
            Error,
            "`Basik` is no value of `AuthenticationType`; did you mean `Basic`?",
        )],
    );
    // What is only a part of others has no operation of its own.
    let common = format!(
        r#"<TechnicalProfile Id="Common"><DisplayName>C</DisplayName>{DIRECTORY}</TechnicalProfile>{}"#,
        read("Read").replace(
            "</TechnicalProfile>",
            r#"<IncludeTechnicalProfile ReferenceId="common"/></TechnicalProfile>"#
        )
    );
    finds(25, &[&idle(&common)], &[]);
}
