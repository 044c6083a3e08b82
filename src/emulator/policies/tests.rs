use std::fs;
use std::path::Path;

use super::*;

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("idlink-policies-{}", Uuid::new_v4()));
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn request(&self) -> Request {
        Request {
            paths: vec![self.0.clone()],
            environment: None,
            settings: BTreeMap::new(),
            only: Vec::new(),
            domain: "contoso.onmicrosoft.com".to_owned(),
            tenant_id: Uuid::nil(),
            extensions_app_id: "a3f09c1b7d6e4c58b2e1905f4d7a6c33".to_owned(),
        }
    }

    fn told(&self, refused: &Refused) -> Vec<String> {
        let obstacles = refused.obstacles.iter().map(|obstacle| {
            let place = obstacle.place.as_ref().unwrap();
            let file = Path::new(&place.file).strip_prefix(&self.0).unwrap();
            let what = obstacle.what.replace(&format!("{}/", self.0.display()), "");
            format!("{}:{}: {what}", file.display(), place.line)
        });
        obstacles.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn base(content: &str) -> String {
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="yourtenant.onmicrosoft.com"
  PolicyId="B2C_1A_Base" PublicPolicyUri="http://x">
  <ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>
    <TechnicalProfile Id="JwtIssuer"><DisplayName>J</DisplayName><Protocol Name="None"/>
      <OutputTokenFormat>JWT</OutputTokenFormat>
      <Metadata><Item Key="issuer">{content}</Item></Metadata>
    </TechnicalProfile>
  </TechnicalProfiles></ClaimsProvider></ClaimsProviders>
  <UserJourneys><UserJourney Id="J"><OrchestrationSteps>
    <OrchestrationStep Order="1" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="JwtIssuer"/>
  </OrchestrationSteps></UserJourney></UserJourneys>
</TrustFrameworkPolicy>"#
    )
}

fn party(id: &str, base: &str, journey: &str) -> String {
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="{{Settings:Tenant}}"
  PolicyId="{id}" PublicPolicyUri="http://x">
  <BasePolicy><TenantId>{{Settings:Tenant}}</TenantId><PolicyId>{base}</PolicyId></BasePolicy>
  <RelyingParty><DefaultUserJourney ReferenceId="{journey}"/>
    <TechnicalProfile Id="PolicyProfile"><DisplayName>P</DisplayName><Protocol Name="OpenIdConnect"/>
      <OutputClaims/><SubjectNamingInfo ClaimType="sub"/></TechnicalProfile>
  </RelyingParty>
</TrustFrameworkPolicy>"#
    )
}

const APPSETTINGS: &str = r#"{"Environments": [
  {"Name": "Live", "Production": true, "Tenant": "live.onmicrosoft.com",
   "PolicySettings": {"Issuer": "live.{Settings:Tenant}"}},
  {"Name": "Test", "Tenant": "test.onmicrosoft.com",
   "PolicySettings": {"Issuer": "a & b\nof {Settings:Tenant}"}}]}"#;

fn issuer(loaded: &Loaded) -> String {
    let program = &loaded.policies.programs[0];
    let profile = program.profile("JwtIssuer").unwrap();
    profile.metadata("issuer").unwrap().to_owned()
}

#[test]
fn policies_run_unbuilt_with_the_settings_of_their_folder() {
    let folder = Folder::new(&[
        ("src/appsettings.json", APPSETTINGS),
        ("src/base.xml", &base("{Settings:Issuer}")),
        (
            "src/rp/party.xml",
            &party("B2C_1A_{Settings:Prefix}", "B2C_1A_Base", "J"),
        ),
        // What a build made of the same.
        ("src/Environments/Test/base.xml", &base("built")),
        // Another program's.
        ("src/api/appsettings.json", r#"{"Logging": {}}"#),
    ]);
    let loaded = load(&folder.request()).unwrap();
    assert_eq!(loaded.policies.refused, []);
    let program = &loaded.policies.programs[0];
    assert_eq!(program.id, "B2C_1A_Prefix");
    assert_eq!(
        program.effective.root.value("TenantId"),
        Some("contoso.onmicrosoft.com")
    );
    assert_eq!(issuer(&loaded), "a & b of contoso.onmicrosoft.com");
    let [(of, name)] = &loaded.environments[..] else {
        panic!("{:?}", loaded.environments);
    };
    assert_eq!((of, name.as_str()), (&folder.0.join("src"), "Test"));
    let filled: Vec<_> = loaded
        .filled
        .iter()
        .map(|filled| (filled.what.as_str(), filled.value.as_str(), filled.line))
        .collect();
    assert_eq!(
        filled,
        [
            ("yourtenant.onmicrosoft.com", "contoso.onmicrosoft.com", 2),
            ("{Settings:Prefix}", "Prefix", 3),
        ]
    );

    let mut request = folder.request();
    request.environment = Some("live".to_owned());
    assert_eq!(
        issuer(&load(&request).unwrap()),
        "live.contoso.onmicrosoft.com"
    );
    request.settings = BTreeMap::from([("issuer".to_owned(), "mine".to_owned())]);
    assert_eq!(issuer(&load(&request).unwrap()), "mine");
    request.environment = Some("Staging".to_owned());
    let error = load(&request).err().unwrap().to_string();
    assert_eq!(
        error,
        "no appsettings.json has an environment `Staging`; there is Live, Test"
    );
}

#[test]
fn filling_in_moves_no_line() {
    let folder = Folder::new(&[
        ("appsettings.json", APPSETTINGS),
        ("base.xml", &base("{Settings:Issuer}")),
        ("party.xml", &party("B2C_1A_Party", "B2C_1A_Base", "J")),
    ]);
    let loaded = load(&folder.request()).unwrap();
    let program = &loaded.policies.programs[0];
    let step = program.user_journey().unwrap().steps()[0];
    assert_eq!(program.place(step.element).unwrap().line, 11);
}

#[test]
fn what_cannot_be_served_is_told_with_its_place() {
    let folder = Folder::new(&[
        ("base.xml", &base("x")),
        ("good.xml", &party("B2C_1A_Good", "B2C_1A_Base", "J")),
        ("one.xml", &party("B2C_1A_Twice", "B2C_1A_Base", "J")),
        ("two.xml", &party("B2C_1A_TWICE", "B2C_1A_Base", "J")),
        ("orphan.xml", &party("B2C_1A_Orphan", "B2C_1A_Nowhere", "J")),
        (
            "lost.xml",
            &party("B2C_1A_Lost", "B2C_1A_Base", "Elsewhere"),
        ),
        ("circle.xml", &party("B2C_1A_Circle", "B2C_1A_Circle", "J")),
        (
            "broken.xml",
            "<TrustFrameworkPolicy>\n<a></TrustFrameworkPolicy>",
        ),
    ]);
    let loaded = load(&folder.request()).unwrap();
    let served: Vec<_> = loaded
        .policies
        .programs
        .iter()
        .map(|own| own.id.as_str())
        .collect();
    assert_eq!(served, ["B2C_1A_Good"]);
    let refused = loaded.policies.refused.iter();
    let refused: Vec<_> = refused.flat_map(|refused| folder.told(refused)).collect();
    let twice = "B2C_1A_Twice is the PolicyId of one.xml and of two.xml";
    assert_eq!(
        refused,
        [
            "circle.xml:4: the policy inherits from one that inherits from it".to_owned(),
            "lost.xml:1: its journey Elsewhere is not there".to_owned(),
            format!("one.xml:3: {twice}"),
            format!("two.xml:3: {}", twice.replace("Twice", "TWICE")),
            "orphan.xml:4: the base policy B2C_1A_Nowhere is in none of the files".to_owned(),
            "broken.xml:2: the file is not XML: expected 'a' tag, not 'TrustFrameworkPolicy' at 2:4"
                .to_owned(),
        ]
    );

    let mut request = folder.request();
    request.only = vec!["b2c_1a_good".to_owned()];
    assert_eq!(load(&request).unwrap().policies.refused, []);
    request.only = vec!["B2C_1A_Other".to_owned()];
    let error = load(&request).err().unwrap().to_string();
    assert!(
        error.starts_with("there is no policy `B2C_1A_Other` with a RelyingParty; there is "),
        "{error}"
    );
}

#[test]
fn without_a_relying_party_there_is_nothing_to_serve() {
    let folder = Folder::new(&[("base.xml", &base("x"))]);
    let error = load(&folder.request()).err().unwrap();
    assert!(matches!(error, LoadError::NoPolicy(_)), "{error}");
}
