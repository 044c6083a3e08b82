//! `idlink policy check`: what is said, in which form, and what the program
//! ends with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::program::Folder;

/// Two policies as small as they may be, with a fault in the second.
pub(crate) const BASE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="shop.onmicrosoft.com" PolicyId="B2C_1A_Base"
  PublicPolicyUri="http://shop.onmicrosoft.com/B2C_1A_Base">
  <BuildingBlocks>
    <ClaimsSchema>
      <ClaimType Id="email"><DisplayName>Mail</DisplayName><DataType>string</DataType></ClaimType>
    </ClaimsSchema>
  </BuildingBlocks>
</TrustFrameworkPolicy>
"#;

pub(crate) const CHILD: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06"
  PolicySchemaVersion="0.3.0.0" TenantId="shop.onmicrosoft.com" PolicyId="B2C_1A_Child"
  PublicPolicyUri="http://shop.onmicrosoft.com/B2C_1A_Child">
  <BasePolicy><TenantId>shop.onmicrosoft.com</TenantId><PolicyId>B2C_1A_Base</PolicyId></BasePolicy>
  <ClaimsProviders>
    <ClaimsProvider>
      <DisplayName>😀</DisplayName>
      <TechnicalProfiles>
        <TechnicalProfile Id="Page">
          <DisplayName>Page</DisplayName>
          <OutputClaims>
            <OutputClaim ClaimTypeReferenceId="email" /><!-- 😀 --><OutputClaim ClaimTypeReferenceId="phone" />
          </OutputClaims>
        </TechnicalProfile>
      </TechnicalProfiles>
    </ClaimsProvider>
  </ClaimsProviders>
</TrustFrameworkPolicy>
"#;

fn author(child: &str) -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.0.join("a b ü")).unwrap();
    fs::write(folder.0.join("Base.xml"), BASE).unwrap();
    fs::write(folder.0.join("a b ü/Child.xml"), child).unwrap();
    folder
}

/// In the author's folder, so that paths are as they type them.
fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idlink"))
        .args(["policy", "check"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The place that the finding about `phone` has: one code point a column.
const PLACE: (usize, usize) = (13, 102);

#[test]
fn a_fault_is_shown_where_it_is() {
    let folder = author(CHILD);
    let output = check(&folder.0, &["."]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error[P06]: "), "{said}");
    assert!(said.contains("--> ./a b ü/Child.xml:13:102"), "{said}");
    assert!(said.contains("^^^^^"), "{said}");
    assert!(said.contains("B2C says: "), "{said}");
    assert!(said.contains("makes a reference to ClaimType"), "{said}");
    assert!(said.contains("help: "), "{said}");
    assert!(said.contains("1 error, 0 warnings in 2 policies"), "{said}");
    assert!(!said.contains('\u{1b}'), "no terminal, no colours: {said}");

    let mended = CHILD.replace("\"phone\"", "\"email\"");
    let folder = author(&mended);
    let output = check(&folder.0, &["."]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(
        stdout(&output).starts_with("0 errors"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn programs_get_an_array() {
    let folder = author(CHILD);
    let output = check(&folder.0, &["--format", "json", "."]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let [finding] = &findings.as_array().unwrap()[..] else {
        panic!("{findings}");
    };
    let member = |name: &str| finding[name].clone();
    assert_eq!(member("rule"), "P06");
    assert_eq!(member("severity"), "error");
    assert_eq!(member("file"), "./a b ü/Child.xml");
    assert_eq!(
        (member("line"), member("column")),
        (json!(PLACE.0), json!(PLACE.1))
    );
    assert!(member("message").as_str().unwrap().contains("phone"));
    assert!(
        member("b2c")
            .as_str()
            .unwrap()
            .contains("ClaimType with id")
    );
}

/// Where cargo keeps the schema that this crate brings along.
fn schema() -> Value {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = stdout(&rustc);
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    // Packages for other systems need not have been fetched.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", host.unwrap()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", stderr(&metadata));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|one| one["name"] == "serde-sarif")
        .unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let schema = manifest.with_file_name("src").join("schema.json");
    let schema = fs::read_to_string(schema).unwrap();
    // A bracket that closes nothing stands for itself in JavaScript only.
    let schema = schema.replace("{2}]?$", "{2}\\\\]?$");
    serde_json::from_str(&schema).unwrap()
}

#[test]
fn code_scanning_gets_sarif_that_is_valid() {
    let allowed = CHILD.replace(
        "<OutputClaims>",
        "<!-- idlink-allow P06: declared by hand -->\n          <OutputClaims>",
    );
    let folder = author(CHILD);
    fs::write(
        folder.0.join("Allowed.xml"),
        allowed.replace("B2C_1A_Child", "B2C_1A_Allowed"),
    )
    .unwrap();
    let output = check(&folder.0, &["--format", "sarif", "."]);
    assert_eq!(output.status.code(), Some(1));
    let log: Value = serde_json::from_str(&stdout(&output)).unwrap();

    let schema = schema();
    assert_eq!(
        schema["title"],
        "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    );
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&log)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert_eq!(errors, [""; 0]);
    // It is able to find something.
    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = json!("fatal");
    assert!(!validator.is_valid(&wrong));
    // And somebody else's types read it.
    let typed: serde_sarif::sarif::Sarif = serde_json::from_value(log.clone()).unwrap();
    assert_eq!(typed.runs.len(), 1);

    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{results:#?}");
    let [suppressed, open] = [0, 1].map(|index| &results[index]);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let index = usize::try_from(open["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(rules[index]["id"], "P06");
    assert!(
        rules
            .iter()
            .all(|rule| !rule["help"]["text"].as_str().unwrap().is_empty())
    );
    assert_eq!(open["level"], "error");
    assert_eq!(open["suppressions"], json!([]));
    let place = &open["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b%20%C3%BC/Child.xml");
    assert_eq!(place["region"]["startLine"], PLACE.0);
    assert_eq!(place["region"]["startColumn"], PLACE.1);
    assert_eq!(
        suppressed["suppressions"],
        json!([{"kind": "inSource", "justification": "declared by hand"}])
    );
    assert_eq!(
        suppressed["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "Allowed.xml"
    );
}

#[test]
fn warnings_may_be_denied() {
    // A comment that lets nothing pass is a warning.
    let child = CHILD.replace("\"phone\"", "\"email\"").replace(
        "<ClaimsProviders>",
        "<!-- idlink-allow P06: no longer -->\n  <ClaimsProviders>",
    );
    let folder = author(&child);
    let output = check(&folder.0, &["."]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("0 errors, 1 warning in"),
        "{}",
        stdout(&output)
    );
    let output = check(&folder.0, &["--deny-warnings", "."]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_carried_out_ends_with_2() {
    let folder = author(CHILD);
    fs::create_dir(folder.0.join("empty")).unwrap();
    fs::write(folder.0.join("flow.json"), "{").unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&[], "required"),
        (&["--nonsense", "."], "--nonsense"),
        (&["nowhere"], "nowhere"),
        (&["empty"], "there is no policy"),
        (&["--explain", "P99"], "there is no rule P99"),
        (&["--format", "xml", "."], "xml"),
        (&["--flow", "flow.json"], "flow.json"),
    ];
    for (arguments, expected) in cases {
        let output = check(&folder.0, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_rule_is_explained() {
    let output = check(Path::new("."), &["--explain", "P20"]);
    assert_eq!(output.status.code(), Some(0));
    let said = stdout(&output);
    assert!(said.starts_with("P20 (error): "), "{said}");
    assert!(
        said.contains("A user with the specified ID already exists"),
        "{said}"
    );
    assert!(said.contains("Wrong:") && said.contains("Right:"), "{said}");
}

#[test]
fn a_user_flow_is_checked_by_its_export() {
    let folder = Folder::new();
    folder.write(
        "flow.json",
        r#"{"id": "B2C_1_signup", "userFlowType": "signUpOrSignIn"}"#,
    );
    let output = check(&folder.0, &["--flow", "flow.json", "--format", "json"]);
    let findings: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let findings = findings.as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert!(
            finding["rule"].as_str().unwrap().starts_with('F'),
            "{finding}"
        );
        assert_eq!(finding["file"], "flow.json");
    }
    let output = check(&folder.0, &["--flow", "flow.json"]);
    assert!(
        stdout(&output).contains("in 1 user flow"),
        "{}",
        stdout(&output)
    );
}

/// As PowerShell 5 writes what it prints into a file.
#[test]
fn an_export_may_be_in_utf_16() {
    let folder = Folder::new();
    let flow = r#"{"id": "B2C_1_signup", "userFlowType": "signUpOrSignIn"}"#;
    let units = flow.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    fs::write(folder.0.join("flow.json"), bytes).unwrap();
    let output = check(&folder.0, &["--flow", "flow.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("F01") && said.contains("in 1 user flow"),
        "{said}"
    );
    // Nothing is said of what cannot be read.
    fs::write(folder.0.join("flow.json"), b"{\"id\": \"\xff\"}").unwrap();
    let output = check(&folder.0, &["--flow", "flow.json"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("flow.json") && said.contains("no text"),
        "{said}"
    );
}

#[test]
fn files_do_not_command_the_terminal() {
    let child = CHILD.replace("\"phone\"", "\"ph\u{9b}2Jone\"");
    let folder = author(&child);
    fs::write(
        folder.0.join("Broken\u{1b}[2J.xml"),
        "<TrustFrameworkPolicy \u{1b}]0;x\u{7}>",
    )
    .unwrap();
    let output = check(&folder.0, &["."]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("error[P01]") && said.contains("error[P06]"),
        "{said}"
    );
    let harmless = |c: char| !c.is_control() || c == '\n';
    assert!(said.chars().all(harmless), "{said:?}");
}

#[test]
fn a_reader_who_has_gone_does_not_break_the_check() {
    let folder = author(&CHILD.replace(
        "</OutputClaims>",
        &format!(
            "{}</OutputClaims>",
            "<OutputClaim ClaimTypeReferenceId=\"none\"/>\n".repeat(2000)
        ),
    ));
    for format in ["text", "json", "sarif"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_idlink"))
            .args(["policy", "check", "--format", format, "."])
            .current_dir(&folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert_eq!(stderr(&output), "", "{format}");
    }
}
