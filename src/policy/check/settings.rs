//! P33 and P34: what must not reach a tenant, and what must not stay so in
//! production.

use super::Options;
use super::scope::Scope;
use crate::policy::finding::{Finding, Severity};
use crate::policy::source::Span;
use crate::policy::xml::Element;

pub(super) fn check(scope: &Scope<'_>, options: &Options, findings: &mut Vec<Finding>) {
    let root = &scope.file.document.root;
    if options.built {
        left_open(root, findings);
    }
    insecure(root, findings);
    if options.production {
        development(root, findings);
    }
}

/// P33, in every attribute and text of the file.
fn left_open(element: &Element, findings: &mut Vec<Finding>) {
    for attribute in &element.attributes {
        placeholder(&attribute.value, attribute.value_span, element, findings);
    }
    if let Some(text) = &element.text {
        placeholder(&text.value, text.span, element, findings);
    }
    for child in &element.children {
        left_open(child, findings);
    }
}

fn placeholder(value: &str, span: Span, element: &Element, findings: &mut Vec<Finding>) {
    let lower = value.to_ascii_lowercase();
    let (what, mend) = if let Some(setting) = setting(value) {
        (
            format!("setting `{setting}` is not filled in"),
            format!(
                "add `{setting}` to the environment's PolicySettings in appsettings.json and build again"
            ),
        )
    } else if let Some(token) = token(value) {
        (
            format!("`{token}` is not filled in"),
            "fill it in before the upload, or make it a setting".to_owned(),
        )
    } else if SAMPLE_TENANTS.iter().any(|tenant| lower.contains(tenant)) {
        (
            format!("`{value}` is the sample's tenant"),
            "write your tenant's name, or `{Settings:Tenant}` to have it filled in".to_owned(),
        )
    } else if is_app_id(element) && is_sample_id(&lower) {
        (
            format!("`{value}` is the sample's application"),
            "write the id of your own application".to_owned(),
        )
    } else {
        return;
    };
    findings.push(Finding::new(33, Severity::Error, span, what).mend(mend));
}

/// As the public samples write it.
pub const SAMPLE_TENANTS: [&str; 4] = [
    "yourtenant",
    "your-tenant",
    "your_tenant",
    "tenant-name.onmicrosoft.com",
];

fn setting(value: &str) -> Option<&str> {
    let prefix = "{settings:";
    let lower = value.to_ascii_lowercase();
    let rest = value.get(lower.find(prefix)? + prefix.len()..)?;
    rest.get(..rest.find('}')?)
}

/// `#{Name}#` and `{{ name }}`, as pipelines fill them in.
fn token(value: &str) -> Option<&str> {
    [("#{", "}#"), ("{{", "}}")]
        .into_iter()
        .find_map(|(open, close)| {
            let start = value.find(open)?;
            let length = value.get(start..)?.find(close)? + close.len();
            value.get(start..start + length)
        })
}

/// Metadata that names an application.
pub fn is_app_id(element: &Element) -> bool {
    let keys = [
        "client_id",
        "IdTokenAudience",
        "ClientId",
        "ApplicationObjectId",
        "resource_id",
    ];
    &*element.name == "Item"
        && element
            .value("Key")
            .is_some_and(|key| keys.iter().any(|known| known.eq_ignore_ascii_case(key)))
}

/// Whether a value, in lower case, stands for one that the author has to fill
/// in.
pub fn is_sample_id(lower: &str) -> bool {
    let names = [
        "identityexperienceframeworkappid",
        "proxyidentityexperienceframeworkappid",
        "facebook_clientid",
        "msa_clientid",
        "extensionsappid",
        "extensionsappobjectid",
        "...",
    ];
    let begins = ["your ", "your-", "enter-your", "insert ", "{your"];
    names.contains(&lower)
        || begins.iter().any(|begin| lower.starts_with(begin))
        || lower.ends_with(" app id")
        || lower.chars().all(|c| c == '0' || c == '-')
}

/// P34 wherever the policy runs.
fn insecure(element: &Element, findings: &mut Vec<Finding>) {
    let name = &*element.name;
    let key = element.value("Key").unwrap_or_default();
    let address = matches!(name, "LoadUri" | "RecoveryUri") || (name == "Item" && is_address(key));
    if let Some(text) = &element.text {
        if address && begins_with_http(&text.value) {
            findings.push(
                warning(
                    text.span,
                    format!(
                        "`{}` is called without TLS",
                        if name == "Item" { key } else { name }
                    ),
                )
                .mend("write an https address"),
            );
        }
        if name == "Item" && is_secret(key) && !is_reference(&text.value) {
            findings.push(secret(text.span, key));
        }
    }
    let partner = element.value("PartnerClaimType");
    let claim = partner.or_else(|| element.value("ClaimTypeReferenceId"));
    if let (Some(claim), Some(value)) = (claim, element.attribute("DefaultValue"))
        && is_secret(claim)
        && !is_reference(&value.value)
    {
        findings.push(secret(value.value_span, claim));
    }
    for child in &element.children {
        insecure(child, findings);
    }
}

fn begins_with_http(value: &str) -> bool {
    value
        .get(..7)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("http://"))
}

fn is_address(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key == "serviceurl" || key == "metadata" || key.ends_with("endpoint")
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['-', '_'], "");
    [
        "clientsecret",
        "basicauthenticationpassword",
        "bearerauthenticationtoken",
        "clientassertion",
        "apikey",
    ]
    .contains(&name.as_str())
}

/// Filled in elsewhere, or nothing at all.
fn is_reference(value: &str) -> bool {
    let value = value.trim();
    value.is_empty() || (value.starts_with('{') && value.ends_with('}'))
}

fn secret(span: Span, name: &str) -> Finding {
    warning(span, format!("the secret `{name}` is written in the policy, where everybody who reads policies finds it"))
        .mend("upload it as a policy key and name it under CryptographicKeys")
}

/// P34 in production.
fn development(root: &Element, findings: &mut Vec<Finding>) {
    if let Some(mode) = root.attribute("DeploymentMode")
        && mode.value.eq_ignore_ascii_case("Development")
    {
        findings.push(
            warning(
                mode.value_span,
                "a policy of a production environment is deployed in development mode".to_owned(),
            )
            .mend("take DeploymentMode away, or make it a setting"),
        );
    }
    insights(root, findings);
}

fn insights(element: &Element, findings: &mut Vec<Finding>) {
    if &*element.name == "JourneyInsights"
        && let Some(mode) = element.attribute("DeveloperMode")
        && mode.value.trim().eq_ignore_ascii_case("true")
    {
        findings.push(
            warning(mode.value_span, "a policy of a production environment sends what people enter to Application Insights at once".to_owned())
                .mend("set DeveloperMode to false, or make it a setting"),
        );
    }
    for child in &element.children {
        insights(child, findings);
    }
}

fn warning(span: Span, message: String) -> Finding {
    Finding::new(34, Severity::Warning, span, message)
}

#[cfg(test)]
mod tests {
    use super::super::trial::{REST, finds, finds_for, running};
    use super::*;
    use Severity::{Error, Warning};

    fn item(key: &str, value: &str) -> String {
        running(&format!(
            r#"<TechnicalProfile Id="It"><DisplayName>R</DisplayName>{REST}<Metadata><Item Key="{key}">{value}</Item></Metadata></TechnicalProfile>"#
        ))
    }

    #[test]
    fn nothing_is_left_open_in_a_built_policy() {
        let built = Options {
            built: true,
            ..Options::default()
        };
        for (key, value, message) in [
            (
                "scope",
                "«{settings:Scope}»",
                "setting `Scope` is not filled in",
            ),
            ("scope", "«a #{Scope}# b»", "`#{Scope}#` is not filled in"),
            ("scope", "«{{ scope }}»", "`{{ scope }}` is not filled in"),
            (
                "METADATA",
                "«https://YourTenant.b2clogin.com/x»",
                "`https://YourTenant.b2clogin.com/x` is the sample's tenant",
            ),
            (
                "client_id",
                "«ProxyIdentityExperienceFrameworkAppId»",
                "`ProxyIdentityExperienceFrameworkAppId` is the sample's application",
            ),
            (
                "IdTokenAudience",
                "«00000000-0000-0000-0000-000000000000»",
                "`00000000-0000-0000-0000-000000000000` is the sample's application",
            ),
        ] {
            let policy = item(key, value);
            finds_for(33, &[&policy], &built, &[(Error, message)]);
            let plain = policy.replace(['«', '»'], "");
            finds(33, &[&plain], &[]);
        }
        for (key, value) in [
            ("client_id", "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908"),
            ("METADATA", "https://login.microsoftonline.com/{tenant}/x"),
            ("client_id", "{service:te}"),
            ("id", "00000000-0000-0000-0000-000000000000"),
        ] {
            finds_for(33, &[&item(key, value)], &built, &[]);
        }
        let tenant = item("a", "b").replacen(
            r#"TenantId="fabrikam.onmicrosoft.com""#,
            r#"TenantId="«yourtenant.onmicrosoft.com»""#,
            1,
        );
        let message = "`yourtenant.onmicrosoft.com` is the sample's tenant";
        finds_for(33, &[&tenant], &built, &[(Error, message)]);
    }

    #[test]
    fn addresses_are_called_with_tls() {
        finds(
            34,
            &[&item("ServiceUrl", "«HTTP://api.example.org»")],
            &[(Warning, "`ServiceUrl` is called without TLS")],
        );
        finds(34, &[&item("ServiceUrl", "https://api.example.org")], &[]);
        // A name that is none's address.
        finds(34, &[&item("ProviderName", "http://contoso.com")], &[]);
    }

    #[test]
    fn secrets_are_policy_keys() {
        let message = "the secret `client_secret` is written in the policy, where everybody who reads policies finds it";
        finds(
            34,
            &[&item("client_secret", "«hunter2»")],
            &[(Warning, message)],
        );
        finds(34, &[&item("client_secret", "{Settings:Secret}")], &[]);
        let claim = item("a", "b").replacen(
            "</Metadata>",
            r#"</Metadata><InputClaims><InputClaim ClaimTypeReferenceId="email" PartnerClaimType="client_secret" DefaultValue="«hunter2»"/></InputClaims>"#,
            1,
        );
        finds(34, &[&claim], &[(Warning, message)]);
    }

    #[test]
    fn what_helps_developing_stays_out_of_production() {
        let policy = item("a", "b")
            .replacen("PolicyId=", r#"DeploymentMode="«Development»" PolicyId="#, 1)
            .replacen(
                "<TechnicalProfile Id=\"PolicyProfile\">",
                r#"<UserJourneyBehaviors><JourneyInsights TelemetryEngine="ApplicationInsights" InstrumentationKey="k" DeveloperMode="«true»" ClientEnabled="false" ServerEnabled="true" TelemetryVersion="1.0.0"/></UserJourneyBehaviors><TechnicalProfile Id="PolicyProfile">"#,
                1,
            );
        let production = Options {
            production: true,
            ..Options::default()
        };
        finds_for(
            34,
            &[&policy],
            &production,
            &[
                (
                    Warning,
                    "a policy of a production environment is deployed in development mode",
                ),
                (
                    Warning,
                    "a policy of a production environment sends what people enter to Application Insights at once",
                ),
            ],
        );
        finds(34, &[&policy.replace(['«', '»'], "")], &[]);
    }
}
