//! A tenant, a policy with one RESTful profile, and a service to be called.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;
use wiremock::{Mock, MockServer, Request as Received, ResponseTemplate, matchers};

use crate::{
    emulator::{
        PolicyKey, Settings,
        audit::Dialect,
        client,
        engine::{
            Scene,
            bag::Bag,
            context::Context,
            failure::Failure,
            profile,
            program::Program,
            providers::CallPlace,
            trace::ProfileRecord,
            trial::context,
            value::{Kind, Value},
            words::Words,
        },
        state::{Parts, Tenant},
    },
    policy::set::PolicySet,
};

pub(super) const STEP: CallPlace<'static> = CallPlace::Step {
    order: 7,
    exchange: "CheckExchange",
};

/// The profile `REST-Check` and what is around it.
pub(super) struct Policy<'a> {
    pub(super) deployment_mode: &'a str,
    /// Laid over `AuthenticationType` `None` and what goes with it.
    pub(super) metadata: Vec<(&'a str, &'a str)>,
    /// Keys, input and output claims.
    pub(super) rest: &'a str,
    /// Localized strings of the page.
    pub(super) strings: &'a str,
}

impl Default for Policy<'_> {
    fn default() -> Self {
        Self {
            deployment_mode: "Production",
            metadata: Vec::new(),
            rest: "",
            strings: "",
        }
    }
}

pub(super) struct Desk {
    pub(super) tenant: Tenant,
    pub(super) program: Program,
    context: Context,
}

impl Policy<'_> {
    pub(super) fn at(&self, url: &str) -> Desk {
        self.with(url, |_| {})
    }

    pub(super) fn with(&self, url: &str, change: impl FnOnce(&mut Settings)) -> Desk {
        let mut settings = Settings::new("contoso");
        for (name, secret) in [("B2C_1A_User", "b2c-caller"), ("B2C_1A_Secret", "s3:cret")] {
            let key = PolicyKey::Secret(secret.into());
            settings.policy_keys.insert(name.to_owned(), key);
        }
        change(&mut settings);
        let parts = Parts {
            https: None,
            base_url: "http://localhost:1".to_owned(),
            port: 1,
            saved: None,
            http: client(&settings.connector_roots, None).unwrap(),
        };
        Desk {
            tenant: Tenant::new(settings, parts).unwrap(),
            program: self.program(url),
            context: context(),
        }
    }

    fn program(&self, url: &str) -> Program {
        let usual = [
            ("ServiceUrl", url),
            ("AuthenticationType", "None"),
            ("AllowInsecureAuthInProduction", "true"),
        ];
        let metadata: BTreeMap<_, _> = usual.iter().chain(&self.metadata).copied().collect();
        let metadata: String = metadata
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| {
                let value = value.replace('&', "&amp;");
                format!(r#"<Item Key="{key}">{value}</Item>"#)
            })
            .collect();
        let claims: String = [
            ("email", "string"),
            ("givenName", "string"),
            ("surname", "string"),
            ("newPassword", "string"),
            ("bearerToken", "string"),
            ("payload", "string"),
            ("customerId", "string"),
            ("tier", "string"),
            ("newUser", "boolean"),
            ("age", "int"),
            ("points", "long"),
            ("since", "dateTime"),
            ("roles", "stringCollection"),
            ("language", "string"),
        ]
        .map(|(id, data_type)| {
            let input = match id {
                "newPassword" => "<UserInputType>Password</UserInputType>",
                _ => "",
            };
            format!(r#"<ClaimType Id="{id}"><DataType>{data_type}</DataType>{input}</ClaimType>"#)
        })
        .concat();
        let text = format!(
            r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="contoso.onmicrosoft.com" PolicyId="B2C_1A_Desk" DeploymentMode="{mode}">
<BuildingBlocks><ClaimsSchema>{claims}</ClaimsSchema>
<ContentDefinitions><ContentDefinition Id="api.page"><LocalizedResourcesReferences MergeBehavior="Prepend"><LocalizedResourcesReference Language="en" LocalizedResourcesReferenceId="page.en"/></LocalizedResourcesReferences></ContentDefinition></ContentDefinitions>
<Localization Enabled="true"><LocalizedResources Id="page.en"><LocalizedStrings>{strings}</LocalizedStrings></LocalizedResources></Localization></BuildingBlocks>
<ClaimsProviders><ClaimsProvider><TechnicalProfiles>
<TechnicalProfile Id="Page"><Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/></TechnicalProfile>
<TechnicalProfile Id="REST-Check"><Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.RestfulProvider, Web.TPEngine"/><Metadata>{metadata}</Metadata>{rest}</TechnicalProfile>
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<UserJourneys><UserJourney Id="J"><OrchestrationSteps/></UserJourney></UserJourneys>
<RelyingParty><DefaultUserJourney ReferenceId="J"/></RelyingParty>
</TrustFrameworkPolicy>"#,
            mode = self.deployment_mode,
            strings = self.strings,
            rest = self.rest,
        );
        let set = PolicySet::from_texts([("desk.xml", text.as_str())]);
        assert!(set.broken.is_empty(), "{:?}", set.broken);
        let effective = set.effective(set.files[0].file).unwrap();
        Program::new(Dialect::CustomPolicy, effective, Arc::new(set.sources)).unwrap()
    }
}

impl Desk {
    /// Behind a page.
    pub(super) async fn run(&self, bag: &Bag) -> (Result<Bag, Failure>, ProfileRecord) {
        self.run_at(CallPlace::Validation, bag).await
    }

    pub(super) async fn run_at(
        &self,
        place: CallPlace<'_>,
        bag: &Bag,
    ) -> (Result<Bag, Failure>, ProfileRecord) {
        let found = self.program.profile("REST-Check").unwrap();
        let mut record = profile::record(&self.program, &found);
        let done = profile::run(self.scene(bag), found, place, &mut record).await;
        (done, record)
    }

    /// The code, and what the page in front says.
    pub(super) async fn told(&self, bag: &Bag) -> (String, String) {
        let failure = self.run(bag).await.0.unwrap_err();
        let page = self.program.profile("Page").unwrap();
        let scene = self.scene(bag);
        let words = Words::of(&scene, Some("api.page"));
        (failure.code, words.of_failure(&failure.page, &page))
    }

    fn scene<'a>(&'a self, bag: &'a Bag) -> Scene<'a> {
        Scene {
            tenant: &self.tenant,
            program: &self.program,
            context: &self.context,
            bag,
        }
    }
}

pub(super) fn bag(claims: &[(&str, Value)]) -> Bag {
    let mut bag = Bag::default();
    for (id, value) in claims {
        bag.set(id, value.clone());
    }
    bag
}

/// A person with claims of every kind, and without a surname.
pub(super) fn jonas() -> Bag {
    bag(&[
        ("email", "jonas+1@post.example".into()),
        ("givenName", "Jürgen & Co".into()),
        ("newUser", Value::Flag(true)),
        ("age", Value::Number(42)),
    ])
}

pub(super) const JONAS: &str = r#"<InputClaims>
    <InputClaim ClaimTypeReferenceId="email" PartnerClaimType="mail"/>
    <InputClaim ClaimTypeReferenceId="givenName"/>
    <InputClaim ClaimTypeReferenceId="surname"/>
    <InputClaim ClaimTypeReferenceId="newUser"/>
    <InputClaim ClaimTypeReferenceId="age"/>
    <InputClaim ClaimTypeReferenceId="language" DefaultValue="{Culture:RFC5646}" AlwaysUseDefaultValue="true"/>
</InputClaims>"#;

pub(super) fn moment(text: &str) -> Value {
    Value::read(text, Kind::Moment).unwrap()
}

pub(super) fn ok(body: Json) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub(super) async fn service(reply: ResponseTemplate) -> MockServer {
    let service = MockServer::start().await;
    let mock = Mock::given(matchers::any()).respond_with(reply);
    mock.mount(&service).await;
    service
}

pub(super) async fn only(service: &MockServer) -> Received {
    let mut requests = service.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

pub(super) fn notes(record: &ProfileRecord) -> String {
    let texts: Vec<_> = record.notes.iter().map(|note| note.text.as_str()).collect();
    texts.join("\n")
}
