//! `idlink policy build`: the policies of each environment, from folders as
//! authors keep them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::program::Folder;

const SETTINGS: &str = r#"{
  "EnvironmentsFolder": "Built",
  "Environments": [
    {"Name": "Test", "Production": false, "Tenant": "test.onmicrosoft.com",
     "PolicySettings": {"Text": "a & b < \"c\" 'd' é 顧客", "Url": "https://x.example/?a=1&b=2"}},
    {"Name": "Live", "Production": true, "Tenant": "live.onmicrosoft.com",
     "PolicySettings": {"Text": "plain", "Url": "https://x.example/"}}
  ]
}"#;

/// With a byte order mark and the line ends of both kinds.
const POLICY: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<P Tenant=\"{Settings:Tenant}\"\r\n   \
    text='{settings:text}'>\n\t<Q>{Settings:Url}</Q><!-- {Settings:Text} -->\r\n  \
    <R><![CDATA[{Settings:Url}]]></R></P>\r\n";

fn author(policy: &str) -> Folder {
    let folder = Folder::new();
    folder.write("appsettings.json", SETTINGS);
    fs::create_dir(folder.0.join("rp")).unwrap();
    fs::write(folder.0.join("rp/SignIn.xml"), policy).unwrap();
    folder
}

fn build(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idlink"));
    command.args(["policy", "build"]).args(more).arg(folder);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn each_environment_gets_values_that_a_parser_reads() {
    let folder = author(POLICY);
    let output = build(&folder.0, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let built = fs::read_to_string(folder.0.join("Built/Test/rp/SignIn.xml")).unwrap();
    assert_eq!(
        built,
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<P Tenant=\"test.onmicrosoft.com\"\r\n   \
         text='a &amp; b &lt; &quot;c&quot; &apos;d&apos; é 顧客'>\n\t<Q>https://x.example/?a=1&amp;b=2</Q>\
         <!-- a & b < \"c\" 'd' é 顧客 -->\r\n  \
         <R><![CDATA[https://x.example/?a=1&b=2]]></R></P>\r\n"
    );
    let document = roxmltree::Document::parse(&built).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("text"), Some("a & b < \"c\" 'd' é 顧客"));
    for name in ["Q", "R"] {
        let element = root.children().find(|node| node.has_tag_name(name));
        assert_eq!(element.unwrap().text(), Some("https://x.example/?a=1&b=2"));
    }
    let live = fs::read_to_string(folder.0.join("Built/Live/rp/SignIn.xml")).unwrap();
    assert!(live.contains("text='plain'"), "{live}");
}

#[test]
fn what_has_no_value_stops_the_build_and_leaves_the_last_one() {
    let folder = author(POLICY);
    let whole = build(&folder.0, &["--environment", "Test"]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    assert!(!folder.0.join("Built/Live").exists());
    let before = fs::read(folder.0.join("Built/Test/rp/SignIn.xml")).unwrap();

    let faulty = POLICY.replace("<Q>{Settings:Url}", "<Q>\n  {Settings:Utl}");
    fs::write(folder.0.join("rp/SignIn.xml"), faulty).unwrap();
    let output = build(&folder.0, &[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("{Settings:Utl} has no value in the environments Test, Live"),
        "{said}"
    );
    assert!(said.contains("SignIn.xml:5:3"), "{said}");
    assert!(said.contains("Did you mean {Settings:Url}?"), "{said}");
    assert!(said.contains("Nothing was written."), "{said}");
    let after = fs::read(folder.0.join("Built/Test/rp/SignIn.xml")).unwrap();
    assert_eq!(before, after);
    assert!(!folder.0.join("Built/Live").exists());
}

#[test]
fn a_setting_that_one_environment_lacks_is_told_with_its_name() {
    let folder = author(POLICY);
    let settings = SETTINGS.replace(r#""Text": "plain", "#, "");
    folder.write("appsettings.json", &settings);
    let output = build(&folder.0, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("{Settings:text} has no value in the environment Live"),
        "{said}"
    );
    assert!(said.contains("the environment Test has it"), "{said}");
}

#[test]
fn a_fault_in_the_settings_is_told_with_its_line() {
    let folder = author(POLICY);
    folder.write(
        "appsettings.json",
        &SETTINGS.replace(r#""Text": "plain""#, r#""Text": {"a": 1}"#),
    );
    let output = build(&folder.0, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("appsettings.json:7:33"), "{said}");
    assert!(said.contains("Text in the environment Live"), "{said}");
}

#[test]
fn a_second_build_takes_away_only_what_the_first_one_wrote() {
    let folder = author(POLICY);
    folder.write("Old.xml", "<P/>");
    assert_eq!(build(&folder.0, &[]).status.code(), Some(0));
    let test = folder.0.join("Built/Test");
    fs::write(test.join("README.md"), "ours").unwrap();
    fs::remove_file(folder.0.join("Old.xml")).unwrap();
    let output = build(&folder.0, &[]);
    assert!(
        said(&output).contains("removed Old.xml"),
        "{}",
        said(&output)
    );
    assert!(!test.join("Old.xml").exists());
    assert_eq!(fs::read_to_string(test.join("README.md")).unwrap(), "ours");
    assert!(test.join("rp/SignIn.xml").exists());
    // What was built is not built again.
    assert!(!test.join("Built").exists());
}

#[test]
fn an_authors_files_are_not_written_over() {
    let folder = author(POLICY);
    let rp = folder.0.join("rp");
    let settings = SETTINGS.replace("\"Test\"", "\"rp\"");
    fs::write(rp.join("appsettings.json"), settings).unwrap();
    let output = build(&rp, &["--output", folder.0.to_str().unwrap()]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("would be written over"), "{said}");
    assert!(said.contains("--output"), "{said}");
    let source = fs::read_to_string(rp.join("SignIn.xml")).unwrap();
    assert_eq!(source, POLICY);
    assert!(!folder.0.join("Live").exists());
}

#[test]
fn what_was_built_among_the_sources_is_not_built_again() {
    let folder = author(POLICY);
    let place = folder.0.join("made");
    for _ in 0..2 {
        let output = build(&folder.0, &["--output", place.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    assert!(place.join("Test/rp/SignIn.xml").exists());
    assert!(!place.join("Test/made").exists());
}

#[test]
fn names_that_differ_in_case_only_are_refused() {
    let folder = author(POLICY);
    fs::write(folder.0.join("rp/signin.XML"), POLICY).unwrap();
    let output = build(&folder.0, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("rename one"), "{}", said(&output));
}

#[test]
fn what_cannot_be_carried_out_ends_with_2() {
    let folder = author(POLICY);
    let empty = Folder::new();
    empty.write("appsettings.json", SETTINGS);
    let cases: [(&Path, &[&str], &str); 4] = [
        (
            &folder.0,
            &["--environment", "test"],
            "appsettings.json has Test, Live",
        ),
        (&folder.0, &["--nonsense"], "--nonsense"),
        (&folder.0.join("rp"), &[], "there is no appsettings.json"),
        (&empty.0, &[], "there is no policy"),
    ];
    for (path, more, expected) in cases {
        let output = build(path, more);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    fs::write(folder.0.join("rp/SignIn.xml"), b"<P>\xe9</P>").unwrap();
    let output = build(&folder.0, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("not in UTF-8"), "{}", said(&output));
}
