//! All tenants and sites of the environment, and who belongs to whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::site::Site;
use super::tenant::Tenant;

/// Tenants and sites by name. Holds no secret.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    tenants: BTreeMap<String, Arc<Tenant>>,
    sites: BTreeMap<String, Arc<Site>>,
}

impl Directory {
    pub fn new(
        tenants: impl IntoIterator<Item = Tenant>,
        sites: impl IntoIterator<Item = Site>,
    ) -> Self {
        Self {
            tenants: tenants
                .into_iter()
                .map(|tenant| (tenant.name.clone(), Arc::new(tenant)))
                .collect(),
            sites: sites
                .into_iter()
                .map(|site| (site.name.clone(), Arc::new(site)))
                .collect(),
        }
    }

    pub fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.tenants.get(name)
    }

    pub fn site(&self, name: &str) -> Option<&Arc<Site>> {
        self.sites.get(name)
    }

    pub fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    pub fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.sites.values()
    }

    /// The site that an application belongs to, among the sites of the tenant
    /// that asks: a tenant can never ask about another tenant's site.
    pub fn site_of(&self, tenant: &str, client_id: &str) -> Option<&Arc<Site>> {
        self.sites.values().find(|site| {
            site.tenant == tenant
                && site
                    .client_ids
                    .iter()
                    .any(|id| id.eq_ignore_ascii_case(client_id))
        })
    }
}
