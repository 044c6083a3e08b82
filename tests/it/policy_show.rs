//! `idlink policy show`, as the author of a policy runs it.

use std::process::Output;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::program::Folder;

const BASE: &str = "\
<TrustFrameworkPolicy xmlns=\"http://schemas.microsoft.com/online/cpim/schemas/2013/06\" PolicyId=\"B2C_1A_Base\">
<ClaimsProviders><ClaimsProvider><TechnicalProfiles>
<TechnicalProfile Id=\"Read\">
<Metadata>
<Item Key=\"Operation\">Read</Item>
</Metadata>
<IncludeTechnicalProfile ReferenceId=\"Common\"/>
</TechnicalProfile>
<TechnicalProfile Id=\"Common\"><Protocol Name=\"Proprietary\" Handler=\"Web.TPEngine.Providers.AzureActiveDirectoryProvider\"/></TechnicalProfile>
<TechnicalProfile Id=\"Jwt\"><OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<UserJourneys><UserJourney Id=\"SignIn\"><OrchestrationSteps>
<OrchestrationStep Order=\"1\" Type=\"ClaimsExchange\"><ClaimsExchanges><ClaimsExchange Id=\"X\" TechnicalProfileReferenceId=\"read\"/></ClaimsExchanges></OrchestrationStep>
<OrchestrationStep Order=\"2\" Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"Jwt\"/>
</OrchestrationSteps></UserJourney></UserJourneys>
</TrustFrameworkPolicy>";

const RELYING_PARTY: &str = "\
<TrustFrameworkPolicy xmlns=\"http://schemas.microsoft.com/online/cpim/schemas/2013/06\" PolicyId=\"B2C_1A_SignIn\">
<BasePolicy><TenantId>t</TenantId><PolicyId>b2c_1a_base</PolicyId></BasePolicy>
<ClaimsProviders><ClaimsProvider><TechnicalProfiles>
<TechnicalProfile Id=\"Common\"><Metadata><Item Key=\"ClientId\">a &amp; b</Item></Metadata></TechnicalProfile>
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<RelyingParty><DefaultUserJourney ReferenceId=\"SignIn\"/></RelyingParty>
</TrustFrameworkPolicy>";

/// A folder with both.
fn policies() -> Folder {
    let folder = Folder::new();
    folder.write("base.xml", BASE);
    folder.write("rp.xml", RELYING_PARTY);
    folder
}

async fn show(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlink"))
        .current_dir(&folder.0)
        .args(["policy", "show"])
        .args(arguments)
        .output()
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a call prints that goes well.
async fn shown(folder: &Folder, arguments: &[&str]) -> String {
    let output = show(folder, arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).to_owned()
}

#[tokio::test]
async fn the_journey_of_the_only_relying_party_is_shown() {
    let journey = shown(&policies(), &["."]).await;
    assert_eq!(
        journey,
        "Journey SignIn of B2C_1A_SignIn  ./base.xml:12\n\
         \n\
         \x20 1  Reads the directory  ./base.xml:13\n\
         \x20    · Read: reads the directory  ./base.xml:3\n\
         \n\
         \x20 2  Send the claims to the app  ./base.xml:14\n\
         \x20    · Jwt: issues a JWT  ./base.xml:10\n"
    );
}

#[tokio::test]
async fn a_technical_profile_has_the_origin_of_each_line() {
    let folder = policies();
    let arguments = ["rp.xml", "base.xml", "--technical-profile", "READ"];
    assert_eq!(
        shown(&folder, &arguments).await,
        "base.xml:3  <TechnicalProfile Id=\"Read\">\n\
         base.xml:9    <Protocol Name=\"Proprietary\" Handler=\"Web.TPEngine.Providers.AzureActiveDirectoryProvider\"/>\n\
         base.xml:4    <Metadata>\n\
         base.xml:5      <Item Key=\"Operation\">Read</Item>\n\
         rp.xml:4        <Item Key=\"ClientId\">a &amp; b</Item>\n\
         base.xml:4    </Metadata>\n\
         base.xml:7    <IncludeTechnicalProfile ReferenceId=\"Common\"/>\n\
         base.xml:3  </TechnicalProfile>\n"
    );
    let json = shown(&folder, &[&arguments[..], &["--format", "json"]].concat()).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["policy"], "B2C_1A_SignIn");
    assert_eq!(json["technicalProfile"], "Read");
    assert_eq!(json["chain"], json!(["base.xml", "rp.xml"]));
    assert_eq!(
        json["lines"][4],
        json!({
            "depth": 2,
            "xml": "<Item Key=\"ClientId\">a &amp; b</Item>",
            "file": "rp.xml",
            "line": 4,
        })
    );
}

#[tokio::test]
async fn a_journey_is_shown_in_each_format() {
    let folder = policies();
    let in_format = async |format| shown(&folder, &[".", "--format", format]).await;
    let json: Value = serde_json::from_str(&in_format("json").await).unwrap();
    assert_eq!(
        json["steps"][0]["runs"],
        json!([{"exchange": "X", "profile": "read"}])
    );
    assert_eq!(json["profiles"][0]["family"], "directory");
    assert!(in_format("mermaid").await.starts_with("flowchart TD\n"));
    let svg = in_format("svg").await;
    assert!(
        svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    let html = in_format("html").await;
    assert!(
        html.starts_with("<!doctype html>\n") && html.ends_with("</html>\n"),
        "{html}"
    );
    assert!(
        html.contains("&#38;amp; b"),
        "the markup of the profile is text: {html}"
    );
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_with_what_can() {
    let folder = policies();
    let cases: [(&[&str], &str); 5] = [
        (
            &[".", "--journey", "SingIn"],
            "there is no journey SingIn; did you mean SignIn?; there are: SignIn",
        ),
        (
            &[".", "--policy", "B2C_1A_Sign"],
            "there is no policy B2C_1A_Sign; did you mean B2C_1A_SignIn?; there are: B2C_1A_Base, \
             B2C_1A_SignIn",
        ),
        (&["gone"], "gone is not there"),
        (
            &[".", "--technical-profile", "Read", "--format", "svg"],
            "a technical profile is shown as text or json; the page of a journey (--format html) \
             has its profiles",
        ),
        (
            &["rp.xml"],
            "there is no journey SignIn; rp.xml inherits from b2c_1a_base, which is not among the \
             files: what it holds is missing here",
        ),
    ];
    for (arguments, expected) in cases {
        let output = show(&folder, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stderr), format!("idlink: {expected}\n"));
        assert_eq!(text(&output.stdout), "");
    }
}

#[tokio::test]
async fn files_that_cannot_be_read_are_told_and_the_rest_is_shown() {
    let folder = policies();
    folder.write("broken.xml", "<TrustFrameworkPolicy>\n</a>");
    let output = show(&folder, &["."]).await;
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stderr);
    assert!(
        told.starts_with("idlink: ./broken.xml:2: the file is not XML: "),
        "{told}"
    );
    assert!(text(&output.stdout).starts_with("Journey SignIn"));
}
