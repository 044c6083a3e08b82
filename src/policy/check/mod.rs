//! The rules.

mod claims;
mod data_type;
mod display;
mod providers;
mod reach;
mod resolvers;
mod scope;
mod settings;
mod spelling;
pub mod transformations;

use super::finding::Finding;
use super::set::PolicySet;

pub fn detail(set: &PolicySet) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &set.files {
        let Some(effective) = set.effective(file.file) else {
            continue;
        };
        let scope = scope::Scope {
            set,
            file,
            effective: &effective,
            complete: set.chain(file.file).is_ok(),
        };
        transformations::check(&scope, &mut findings);
        resolvers::check(&scope, &mut findings);
        let all = std::env::var("ALL").is_ok();
        settings::check(
            &scope,
            settings::Target {
                built: all,
                production: all,
            },
            &mut findings,
        );
        if scope.complete {
            claims::check(&scope, &mut findings);
            display::check(&scope, &mut findings);
            providers::check(&scope, &mut findings);
        }
    }
    findings.sort_by(|a, b| (a.span, a.rule, &a.message).cmp(&(b.span, b.rule, &b.message)));
    findings.dedup_by(|a, b| a.span == b.span && a.rule == b.rule && a.message == b.message);
    findings
}
