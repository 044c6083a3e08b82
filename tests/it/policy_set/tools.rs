//! What `idlink policy` makes of the set: built, checked and planned.

use std::path::PathBuf;
use std::process::Command;

use idlink::policy::check::{Options, check};
use idlink::policy::plan::{plan, read_templates};
use idlink::policy::set::PolicySet;

use super::folder;
use crate::support::program::Folder;

const ENVIRONMENTS: [(&str, &str); 2] = [
    ("Development", "contosodev.onmicrosoft.com"),
    ("Production", "contoso.onmicrosoft.com"),
];

/// Builds a folder of policies as people do. Returns where its environments
/// are.
fn build(output: &Folder, set: &str) -> PathBuf {
    let to = output.0.join(set);
    let built = Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(["policy", "build"])
        .arg(folder(set))
        .arg("--output")
        .arg(&to)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{set}: {told}");
    to
}

#[test]
fn the_built_set_is_clean() {
    let output = Folder::new();
    let [base, custom] = ["base", "custom"].map(|set| build(&output, set));
    for (environment, tenant) in ENVIRONMENTS {
        let paths = [base.join(environment), custom.join(environment)];
        let set = PolicySet::read(&paths).unwrap();
        let options = Options {
            tenant: Some(tenant.to_owned()),
            built: true,
            production: true,
            ..Options::default()
        };
        let report = check(&set, &options);
        assert_eq!((report.policies, report.relying_parties), (11, 5));
        let told: Vec<_> = report
            .findings
            .iter()
            .map(|finding| {
                let path = set.sources.get(finding.span.file).path().display();
                let line = set.sources.position(finding.span).line;
                format!("{path}:{line}: {} {}", finding.rule, finding.message)
            })
            .collect();
        assert_eq!(told, [""; 0], "{environment}");
        // Clean, and not because its faults were allowed.
        assert!(report.allowed.is_empty(), "{environment}");
    }
}

/// One setting that is wrong is noticed: the check above can fail.
#[test]
fn a_set_for_another_tenant_is_not_clean() {
    let output = Folder::new();
    let paths = ["base", "custom"].map(|set| build(&output, set));
    let paths = [
        paths[0].join("Development"),
        paths[1].join("Production/shared"),
    ];
    let set = PolicySet::read(&paths).unwrap();
    assert!(check(&set, &Options::default()).has_errors());
}

#[test]
fn keys_go_before_policies_and_bases_before_children() {
    let output = Folder::new();
    let custom = build(&output, "custom").join("Production");
    let mut set = PolicySet::read(std::slice::from_ref(&custom)).unwrap();
    let templates = read_templates(&mut set.sources, &[custom]).unwrap();
    let plan = plan(&set, &templates).unwrap();
    assert_eq!(plan.problems.len(), 0, "{:?}", plan.problems);
    assert_eq!(plan.tenant.as_deref(), Some("contoso.onmicrosoft.com"));
    assert_eq!(plan.expected, ["B2C_1A_TrustFrameworkExtensions"]);
    let steps: Vec<_> = plan.steps.iter().map(|step| step.name()).collect();
    let place = |name: &str| steps.iter().position(|step| step == name).unwrap();
    assert_eq!(
        steps[..3],
        [
            "key B2C_1A_IdlinkUsername",
            "key B2C_1A_IdlinkPassword",
            "policy B2C_1A_Idlink_CustomerLink",
        ]
    );
    assert_eq!(steps.len(), 7);
    for variant in ["Local", "Social"] {
        let middle = place(&format!("policy B2C_1A_Idlink_CustomerLink_{variant}"));
        let last = place(&format!("policy B2C_1A_Idlink_SignUpOrSignIn_{variant}"));
        assert!(middle < last, "{steps:?}");
    }
}

#[test]
fn a_user_flow_gets_its_connector_and_both_steps() {
    let output = Folder::new();
    let flow = build(&output, "user-flow").join("Production");
    let mut set = PolicySet::default();
    let templates = read_templates(&mut set.sources, &[flow]).unwrap();
    let plan = plan(&set, &templates).unwrap();
    assert_eq!(plan.problems.len(), 0, "{:?}", plan.problems);
    let sent = plan.json("https://graph.example").to_string();
    assert_eq!(plan.steps.len(), 3);
    for part in [
        "https://signup.contoso.example/connectors/contoso/user-flow",
        "/identity/b2cUserFlows/B2C_1_signupsignin/apiConnectorConfiguration/postFederationSignup/",
        "/identity/b2cUserFlows/B2C_1_signupsignin/apiConnectorConfiguration/postAttributeCollection/",
    ] {
        assert!(sent.contains(part), "{part}: {sent}");
    }
}
