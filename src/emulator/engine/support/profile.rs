//! One technical profile, with all that it runs.

use super::{Caller, Walk};
use crate::{
    emulator::engine::{
        form::{InputType, shown},
        providers::is_password_sign_in,
        transformations,
    },
    policy::{
        merge::folded,
        view::{ClaimRef, ProviderKind, SessionKind, TechnicalProfile},
        xml::Element,
    },
};

impl<'p> Walk<'p> {
    /// A profile that something at `at` names.
    pub(super) fn profile(&mut self, at: &'p Element, id: &str, caller: Caller) {
        let program = self.program;
        let Some(profile) = program.profile(id) else {
            self.undeclared(at, "the technical profile", id);
            return;
        };
        let is_off = matches!(profile.enabled_for_user_journeys(), Some("false" | "Never"));
        if is_off || !self.profiles.insert((folded(id), caller)) {
            return;
        }
        self.includes(id);
        self.provider(&profile, caller);
        self.claims_of(&profile);
        self.transformations_of(&profile);
        self.session_of(&profile);
    }

    /// What it is made of: B2C runs nothing with a part that is not there.
    fn includes(&mut self, id: &str) {
        let effective = &self.program.effective;
        let mut seen = vec![folded(id)];
        let mut next = effective.stated_profile(id);
        while let Some(profile) = next {
            let Some(include) = profile.element.child("IncludeTechnicalProfile") else {
                return;
            };
            let id = profile.include().unwrap_or_default();
            if seen.contains(&folded(id)) {
                return;
            }
            seen.push(folded(id));
            next = effective.stated_profile(id);
            if next.is_none() {
                self.undeclared(include, "the technical profile", id);
            }
        }
    }

    fn provider(&mut self, profile: &TechnicalProfile<'p>, caller: Caller) {
        let id = profile.id();
        let at = profile.protocol().unwrap_or(profile.element);
        let what = match (profile.provider(), caller) {
            (Some(ProviderKind::SelfAsserted), Caller::Step) => {
                self.page(profile);
                return;
            }
            (Some(ProviderKind::OpenIdConnect), Caller::Page) if is_password_sign_in(profile) => {
                return;
            }
            (
                Some(
                    ProviderKind::SelfAsserted | ProviderKind::OAuth2 | ProviderKind::OpenIdConnect,
                ),
                Caller::Page,
            ) => format!("{id} shows a page, and stands behind another one"),
            (
                Some(
                    ProviderKind::OAuth2
                    | ProviderKind::OpenIdConnect
                    | ProviderKind::ClaimsTransformation
                    | ProviderKind::UserJourneyContext
                    | ProviderKind::ApplicationInsights,
                ),
                _,
            ) => return,
            (Some(ProviderKind::AzureActiveDirectory), _) => {
                self.directory(profile);
                return;
            }
            (Some(ProviderKind::Rest), _) => {
                self.rest(profile);
                return;
            }
            (
                Some(
                    kind @ (ProviderKind::OAuth1
                    | ProviderKind::Saml2
                    | ProviderKind::WsFed
                    | ProviderKind::WsTrust
                    | ProviderKind::PhoneFactor
                    | ProviderKind::AzureMfa
                    | ProviderKind::OneTimePassword
                    | ProviderKind::SelfServicePasswordReset
                    | ProviderKind::ConditionalAccess
                    | ProviderKind::IdTokenHint
                    | ProviderKind::NoProtocol
                    | ProviderKind::Session(_)
                    | ProviderKind::Unknown),
                ),
                _,
            ) => format!("{id} is run by {}", name(kind, at)),
            (None, _) => format!("{id} has no Protocol, so that nothing runs it"),
        };
        self.unsupported(at, what);
    }

    /// A self-asserted page.
    fn page(&mut self, profile: &TechnicalProfile<'p>) {
        if let Some(id) = profile.content_definition() {
            let item = profile.metadata_item("ContentDefinitionReferenceId");
            self.content_definition(item.unwrap_or(profile.element), id);
        }
        for reference in shown(profile) {
            self.field(profile, &reference);
        }
        for validation in profile.validation_profiles() {
            let id = validation.profile().unwrap_or_default();
            self.profile(validation.element, id, Caller::Page);
            for precondition in validation.preconditions() {
                self.precondition(&precondition);
            }
        }
    }

    fn field(&mut self, profile: &TechnicalProfile<'p>, reference: &ClaimRef<'p>) {
        let page = profile.id();
        if let Some(control) = reference.display_control() {
            let text = format!("{page} shows the display control {control}");
            self.unsupported(reference.element, text);
            return;
        }
        let program = self.program;
        let claim = reference.claim().and_then(|id| program.claim_type(id));
        let Some(claim) = claim else {
            return;
        };
        let Some(input) = claim.user_input_type() else {
            return;
        };
        let id = claim.id();
        if InputType::of(&claim).is_none() {
            let at = claim.element.child("UserInputType");
            let text = format!("{page} asks for {id} with the input {input}");
            self.unsupported(at.unwrap_or(claim.element), text);
        }
        if let Some(validation) = claim.predicate_validation() {
            let at = claim.element.child("PredicateValidationReference");
            let text = format!("{page} asks for {id}, which the predicates of {validation} check");
            self.unsupported(at.unwrap_or(claim.element), text);
        }
    }

    fn directory(&mut self, profile: &TechnicalProfile<'p>) {
        let known = ["Read", "Write", "DeleteClaims", "DeleteClaimsPrincipal"];
        self.one_of(profile, "Operation", &known);
        if profile.metadata("Operation").is_none() {
            let text = format!("{} has no Operation", profile.id());
            let mend = "Write <Item Key=\"Operation\">Read</Item>, or Write, into its Metadata";
            self.obstacle(profile.element, text, mend);
        }
    }

    fn rest(&mut self, profile: &TechnicalProfile<'p>) {
        let authentications = [
            "None",
            "Basic",
            "Bearer",
            "ClientCertificate",
            "ApiKeyHeader",
        ];
        self.one_of(profile, "AuthenticationType", &authentications);
        let transports = ["Body", "Form", "Header", "Url", "QueryString"];
        self.one_of(profile, "SendClaimsIn", &transports);
        if profile.metadata("ServiceUrl").is_none() {
            let text = format!("{} has no ServiceUrl", profile.id());
            let mend = "Write the address of the service into its Metadata";
            self.obstacle(profile.element, text, mend);
        }
    }

    fn one_of(&mut self, profile: &TechnicalProfile<'p>, key: &str, known: &[&str]) {
        let Some(item) = profile.metadata_item(key) else {
            return;
        };
        let value = item.text().unwrap_or_default();
        if !value.is_empty() && !known.iter().any(|own| own.eq_ignore_ascii_case(value)) {
            let text = format!("{} has the {key} {value}", profile.id());
            self.unsupported(item, text);
        }
    }

    fn claims_of(&mut self, profile: &TechnicalProfile<'p>) {
        let claims = profile
            .input_claims()
            .chain(profile.output_claims())
            .chain(profile.persisted_claims())
            .chain(profile.display_claims());
        for reference in claims.collect::<Vec<_>>() {
            if reference.display_control().is_none() {
                self.claim(reference.element, reference.claim().unwrap_or_default());
            }
        }
    }

    fn transformations_of(&mut self, profile: &TechnicalProfile<'p>) {
        let references = profile
            .input_transformations()
            .chain(profile.output_transformations());
        for reference in references.collect::<Vec<_>>() {
            let id = reference.value("ReferenceId").unwrap_or_default().trim();
            self.transformation(reference, id);
        }
    }

    fn transformation(&mut self, at: &Element, id: &str) {
        let program = self.program;
        let Some(transformation) = program.effective.claims_transformation(id) else {
            self.undeclared(at, "the claims transformation", id);
            return;
        };
        if !self.transformations.insert(folded(id)) {
            return;
        }
        let method = transformation.method().unwrap_or_default();
        if !transformations::is_known(method) {
            let text = format!("{id} transforms claims by the method {method}");
            self.unsupported(transformation.element, text);
        }
        let claims = transformation
            .input_claims()
            .chain(transformation.output_claims());
        for reference in claims.collect::<Vec<_>>() {
            self.claim(reference.element, reference.claim().unwrap_or_default());
        }
    }

    /// What keeps its session.
    pub(super) fn session_of(&mut self, profile: &TechnicalProfile<'p>) {
        let Some(id) = profile.session_management() else {
            return;
        };
        let at = profile
            .element
            .child("UseTechnicalProfileForSessionManagement");
        let at = at.unwrap_or(profile.element);
        let program = self.program;
        let Some(manager) = program.profile(id) else {
            self.undeclared(at, "the technical profile", id);
            return;
        };
        let what = match manager.provider() {
            Some(ProviderKind::Session(
                SessionKind::Noop
                | SessionKind::Default
                | SessionKind::ExternalLogin
                | SessionKind::OAuth,
            )) => return,
            Some(ProviderKind::Session(SessionKind::Saml)) => {
                format!("{id} keeps a session of SAML")
            }
            Some(_) | None => format!("{id} is to keep a session, and is no session provider"),
        };
        let at = manager.protocol().unwrap_or(manager.element);
        self.unsupported(at, what);
    }
}

/// In the words of an author.
fn name(kind: ProviderKind, protocol: &Element) -> String {
    let name = match kind {
        ProviderKind::OAuth1 => "OAuth 1",
        ProviderKind::Saml2 => "SAML 2",
        ProviderKind::WsFed => "WS-Federation",
        ProviderKind::WsTrust => "WS-Trust",
        ProviderKind::PhoneFactor => "the phone factor provider (codes by text message and call)",
        ProviderKind::AzureMfa => "the Azure MFA provider",
        ProviderKind::OneTimePassword => "the one-time password provider",
        ProviderKind::SelfServicePasswordReset => "the self-service password reset provider",
        ProviderKind::ConditionalAccess => "Conditional Access",
        ProviderKind::IdTokenHint | ProviderKind::NoProtocol => {
            "the Protocol None, which reads a token of the request (id_token_hint)"
        }
        ProviderKind::Session(_) => "a session provider, which runs no step",
        ProviderKind::SelfAsserted
        | ProviderKind::AzureActiveDirectory
        | ProviderKind::Rest
        | ProviderKind::ClaimsTransformation
        | ProviderKind::OAuth2
        | ProviderKind::OpenIdConnect
        | ProviderKind::UserJourneyContext
        | ProviderKind::ApplicationInsights => "a provider that the engine has",
        ProviderKind::Unknown => {
            let handler = protocol.value("Handler").or(protocol.value("Name"));
            let class = handler.and_then(|handler| handler.split(',').next());
            return format!("{}, which is unknown", class.unwrap_or_default().trim());
        }
    };
    name.to_owned()
}
