//! Values for what only a tenant, or its author, can fill in. The same name
//! always has the same value, so that files that name the same thing agree.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::{Builder, Uuid};

/// What the values are for.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    /// `contoso.onmicrosoft.com`.
    pub(super) domain: &'a str,
    pub(super) tenant_id: Uuid,
    /// Of the b2c-extensions-app, with or without hyphens.
    pub(super) extensions_app_id: &'a str,
}

impl Home<'_> {
    /// For a setting that nobody has set. What it is for is in its name.
    pub(super) fn setting(&self, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
        let label = || lower.replace(|c: char| !c.is_ascii_alphanumeric(), "");
        if is_extensions_app(&lower) {
            return self.extensions_app();
        }
        match lower.as_str() {
            "tenant" | "tenantdomain" => self.domain.to_owned(),
            "tenantid" | "tenantobjectid" => self.tenant_id.to_string(),
            "tenantname" => self.name().to_owned(),
            "deploymentmode" => "Development".to_owned(),
            _ if ends(&["url", "uri", "endpoint"]) => format!("https://{}.invalid/", label()),
            _ if ends(&["host", "hostname", "domain"]) => format!("{}.invalid", label()),
            _ if ends(&["id", "guid", "instrumentationkey", "insightskey"]) => id(name).to_string(),
            _ if ends(&["minutes", "seconds", "days", "limit"]) => "60".to_owned(),
            _ if begins(&["show", "enable", "allow"]) || ends(&["enabled"]) => "true".to_owned(),
            _ => name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', ""),
        }
    }

    /// For the id of an application that a sample leaves to its reader. `key`
    /// is that of the metadata item, where it is one.
    pub(super) fn application(&self, key: &str, sample: &str) -> String {
        match key {
            // Of the profiles that read and write the directory.
            "ClientId" | "ApplicationObjectId" => self.extensions_app(),
            _ if is_extensions_app(&sample.to_ascii_lowercase()) => self.extensions_app(),
            _ => id(sample).to_string(),
        }
    }

    fn extensions_app(&self) -> String {
        let written = self.extensions_app_id;
        Uuid::parse_str(written).map_or_else(|_| written.to_owned(), |id| id.to_string())
    }

    fn name(&self) -> &str {
        let name = self.domain.split('.').next();
        name.unwrap_or(self.domain)
    }
}

fn is_extensions_app(lower: &str) -> bool {
    lower.contains("extension") && lower.contains("app") && lower.ends_with("id")
}

/// An id that is made of a name (RFC 9562, version 8).
fn id(name: &str) -> Uuid {
    let digest = digest(&SHA256, name.to_ascii_lowercase().as_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *from;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Home<'static> = Home {
        domain: "contoso.onmicrosoft.com",
        tenant_id: Uuid::from_u128(0x7c1e_0d52_3b8a_4f7e_9a61_2f0c_5d8e_4b10),
        extensions_app_id: "a3f09c1b7d6e4c58b2e1905f4d7a6c33",
    };

    #[test]
    fn a_setting_gets_what_its_name_asks_for() {
        for (name, value, why) in [
            ("Tenant", "contoso.onmicrosoft.com", "the tenant"),
            ("TENANTNAME", "contoso", "its name, in any case"),
            ("TenantId", "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10", "its id"),
            (
                "ExtensionsAppObjectId",
                "a3f09c1b-7d6e-4c58-b2e1-905f4d7a6c33",
                "the application that keeps custom attributes",
            ),
            (
                "ConnectorUrl",
                "https://connectorurl.invalid/",
                "an address that leads nowhere",
            ),
            ("Api-Host", "apihost.invalid", "a host that is none"),
            ("SessionMinutes", "60", "a number"),
            ("ShowCancelButton", "true", "a switch"),
            ("DeploymentMode", "Development", "one of two words"),
            ("PolicyPrefix", "PolicyPrefix", "nothing is known of it"),
        ] {
            assert_eq!(HOME.setting(name), value, "{name}: {why}");
        }
    }

    #[test]
    fn the_same_application_has_the_same_id_wherever_it_is_named() {
        let by_setting = HOME.setting("ProxyIdentityExperienceFrameworkAppId");
        let by_sample = HOME.application("client_id", "proxyidentityexperienceframeworkappid");
        assert_eq!(by_setting, by_sample);
        assert!(Uuid::parse_str(&by_sample).is_ok());
        assert_ne!(
            by_sample,
            HOME.application("client_id", "IdentityExperienceFrameworkAppId")
        );
        assert_eq!(
            HOME.application("ClientId", "00000000-0000-0000-0000-000000000000"),
            "a3f09c1b-7d6e-4c58-b2e1-905f4d7a6c33",
        );
    }
}
