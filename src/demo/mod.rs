//! The parts of `idlink demo` that are not the service: where it keeps its
//! things, two mock tenants, two shops and sample customers. The command itself
//! (`cli/demo.rs`) puts them together.

pub mod external;
pub mod place;
pub mod policies;
pub mod ports;
pub mod sample;
pub mod settings;
pub mod shop;
pub mod tenant;

/// The legal entity that both shops belong to.
pub const LEGAL_ENTITY: &str = "USMF";

/// The B2C tenant in the settings, and its name at Entra.
pub const TENANT: &str = "contoso";

/// The External ID tenant in the settings, and its name at Entra.
pub const EXTERNAL: &str = "contosoid";

pub const USER_FLOW: &str = "B2C_1_signupsignin";
pub const CUSTOM_POLICY: &str = "B2C_1A_Idlink_SignUpOrSignIn_Social";

/// A shop of the demo: one application and one site at each tenant.
#[derive(Clone, Copy, Debug)]
pub struct DemoSite {
    /// The name of the site at the B2C tenant, in paths and in the settings.
    pub name: &'static str,
    /// The same at the External ID tenant.
    pub external_name: &'static str,
    pub title: &'static str,
    pub client_id: &'static str,
    pub external_client_id: &'static str,
    pub kind: shop::Kind,
}

pub const TRADE: DemoSite = DemoSite {
    name: "trade",
    external_name: "trade-external",
    title: "Contoso Trade",
    client_id: "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908",
    external_client_id: "e41c0a57-6b92-4d18-a3f6-08d7b5c29e14",
    kind: shop::Kind::Business,
};

pub const SHOP: DemoSite = DemoSite {
    name: "shop",
    external_name: "shop-external",
    title: "Contoso Shop",
    client_id: "0b4f7d55-8d0e-4d53-9c53-1f5f0c8a2f21",
    external_client_id: "92f7d3b8-1e4c-4a60-b5d9-c7a1f0683e2d",
    kind: shop::Kind::Consumer,
};

pub const SITES: [DemoSite; 2] = [TRADE, SHOP];

impl DemoSite {
    /// The shop's secret at the B2C tenant, by its file's name.
    pub fn secret_name(&self) -> String {
        format!("{}-client-secret", self.name)
    }

    /// The same at the External ID tenant.
    pub fn external_secret_name(&self) -> String {
        format!("{}-client-secret", self.external_name)
    }
}
