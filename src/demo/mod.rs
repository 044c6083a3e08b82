//! The parts of `idlink demo` that are not the service: where it keeps its
//! things, a mock tenant, two shops and sample customers. The command itself
//! (`cli/demo.rs`) puts them together.

pub mod place;
pub mod ports;
pub mod sample;
pub mod settings;
pub mod shop;
pub mod tenant;

/// The legal entity that both shops belong to.
pub const LEGAL_ENTITY: &str = "USMF";

/// The tenant in the settings, and its name at Entra.
pub const TENANT: &str = "contoso";

pub const POLICY: &str = "B2C_1_signupsignin";

/// A site of the demo, and the shop that is one.
#[derive(Clone, Copy, Debug)]
pub struct DemoSite {
    /// The name in paths and in the settings.
    pub name: &'static str,
    pub title: &'static str,
    pub client_id: &'static str,
    pub kind: shop::Kind,
}

pub const TRADE: DemoSite = DemoSite {
    name: "trade",
    title: "Contoso Trade",
    client_id: "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908",
    kind: shop::Kind::Business,
};

pub const SHOP: DemoSite = DemoSite {
    name: "shop",
    title: "Contoso Shop",
    client_id: "0b4f7d55-8d0e-4d53-9c53-1f5f0c8a2f21",
    kind: shop::Kind::Consumer,
};

pub const SITES: [DemoSite; 2] = [TRADE, SHOP];

impl DemoSite {
    /// The shop's secret at the tenant, by its file's name.
    pub fn secret_name(&self) -> String {
        format!("{}-client-secret", self.name)
    }
}
