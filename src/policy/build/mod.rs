//! Policies of one environment from those of all: `{Settings:…}` replaced as
//! the Azure AD B2C extension of VS Code does, but written so that XML and
//! JSON mean what the setting says, and nothing left unresolved.

mod files;
mod output;
mod placeholders;
mod settings;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use files::{ReadError, read, read_settings};
pub use output::{OutputError, Written, is_output, spare_sources, write};
pub use settings::read as parse_settings;
pub use settings::{AppSettings, Environment};

use super::finding::{Finding, Severity};
use super::source::{FileId, Sources, Span};
use super::xml;
use placeholders::{Kind, Placeholder, Template};

/// P33: what is not resolved, or not resolvable.
const UNRESOLVED: u8 = 33;

/// How many characters may differ for a name to be suggested.
const TYPOS: usize = 3;

/// What is built, before anything is written.
#[derive(Debug, Default)]
pub struct Build {
    /// The files of each environment, in the order of the settings file.
    pub environments: Vec<(String, Files)>,
    /// What keeps them from being written, if there is an error among it.
    pub findings: Vec<Finding>,
}

/// Contents by path within the environment's folder.
pub type Files = BTreeMap<PathBuf, String>;

/// A file to build: where it was read from, and where it goes.
#[derive(Debug)]
pub struct Input {
    pub file: FileId,
    /// Below the environment's folder.
    pub to: PathBuf,
}

/// Replaces the placeholders of all `inputs` for all `environments`.
pub fn build(sources: &Sources, inputs: &[Input], environments: &[&Environment]) -> Build {
    let mut build = Build::default();
    for environment in environments {
        warn_of_escaped_values(environment, &mut build.findings);
        let files = (environment.name.clone(), Files::new());
        build.environments.push(files);
    }
    for input in inputs {
        let text = &**sources.get(input.file).text();
        let template = match template(input, text) {
            Ok(template) => template,
            Err(finding) => {
                build.findings.push(finding);
                continue;
            }
        };
        report_problems(&template, input, environments, &mut build.findings);
        for (environment, (_, files)) in environments.iter().zip(&mut build.environments) {
            let filled =
                template.fill(|placeholder| environment.resolve(&placeholder.name, &input.to).ok());
            files.insert(input.to.clone(), filled);
        }
    }
    build
}

/// Only what is well-formed can be told apart into text, attributes and comments.
fn template<'a>(input: &Input, text: &'a str) -> Result<Template<'a>, Finding> {
    if is_json(&input.to) {
        let json = text.strip_prefix('\u{feff}').unwrap_or(text);
        return match serde_json::from_str::<serde::de::IgnoredAny>(json) {
            Ok(_) => Ok(Template::json(text)),
            Err(error) => {
                let span = whole_start(input.file);
                let message = format!("this is no JSON: {error}");
                Err(Finding::new(UNRESOLVED, Severity::Error, span, message))
            }
        };
    }
    match xml::parse(input.file, text) {
        Ok(_) => Ok(Template::xml(text)),
        Err(error) => Err(Finding::new(1, Severity::Error, error.span, error.reason)),
    }
}

fn is_json(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn whole_start(file: FileId) -> Span {
    Span {
        file,
        start: 0,
        end: 0,
    }
}

/// Why a placeholder has no value in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unresolved {
    NotSet,
    /// A setting whose value names itself, perhaps by way of others.
    Circle(String),
    /// A setting's value names one that is not there.
    Names {
        setting: String,
        missing: String,
    },
    /// A character that no XML file can hold.
    Unwritable(char),
}

/// An XML text with every placeholder replaced for which `value` has one, for
/// whoever runs policies that nobody has built.
pub fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    Template::xml(text).fill(|placeholder| value(&placeholder.name))
}

impl Environment {
    /// What a placeholder of a file becomes; `None` where that cannot be told.
    pub fn value(&self, name: &str, file: &Path) -> Option<String> {
        self.resolve(name, file).ok()
    }

    /// The value of a placeholder in a file. Values may hold placeholders, too:
    /// the extension replaces those of settings that stand further down.
    fn resolve(&self, name: &str, file: &Path) -> Result<String, Unresolved> {
        let value = self.resolve_along(name, file, &mut Vec::new())?;
        match placeholders::unwritable(&value) {
            Some(c) if !is_json(file) => Err(Unresolved::Unwritable(c)),
            Some(_) | None => Ok(value),
        }
    }

    fn resolve_along(
        &self,
        name: &str,
        file: &Path,
        along: &mut Vec<String>,
    ) -> Result<String, Unresolved> {
        if let Some(value) = self.built_in(name, file) {
            return Ok(value);
        }
        let setting = self.setting(name).ok_or(Unresolved::NotSet)?;
        if along.contains(&setting.name) {
            return Err(Unresolved::Circle(setting.name.clone()));
        }
        along.push(setting.name.clone());
        let template = Template::json(&setting.value);
        let mut value = String::new();
        let mut at = 0;
        for placeholder in template
            .regions
            .iter()
            .flat_map(|region| &region.placeholders)
        {
            let inner = self
                .resolve_along(&placeholder.name, file, along)
                .map_err(|problem| match problem {
                    Unresolved::NotSet => Unresolved::Names {
                        setting: setting.name.clone(),
                        missing: placeholder.name.clone(),
                    },
                    problem => problem,
                })?;
            value.push_str(&setting.value[at..placeholder.range.start]);
            value.push_str(&inner);
            at = placeholder.range.end;
        }
        value.push_str(&setting.value[at..]);
        along.pop();
        Ok(value)
    }

    fn built_in(&self, name: &str, file: &Path) -> Option<String> {
        let stem = || file.file_stem().unwrap_or_default().to_string_lossy();
        Some(match name.to_ascii_lowercase().as_str() {
            "tenant" => self.tenant.clone(),
            "filename" => stem().into_owned(),
            "policyfilename" => stem().replace("B2C_1A_", ""),
            "environment" => self.name.clone(),
            _ => return None,
        })
    }
}

/// The placeholders of a file that was to be built.
pub fn left_over(sources: &Sources, file: FileId) -> Vec<Finding> {
    let source = sources.get(file);
    let template = match is_json(source.path()) {
        true => Template::json(source.text()),
        false => Template::xml(source.text()),
    };
    let regions = template.regions.iter();
    let read = regions.filter(|region| region.kind != Kind::Comment);
    let left = read.flat_map(|region| &region.placeholders);
    left.map(|placeholder| {
        let message = format!("{} is not replaced", written(&placeholder.name));
        Finding::new(
            UNRESOLVED,
            Severity::Error,
            span(file, &placeholder.range),
            message,
        )
        .mend("Run idlink policy build, and give the environment's folder it makes")
    })
    .collect()
}

/// One finding for each placeholder and reason, naming the environments.
fn report_problems(
    template: &Template<'_>,
    input: &Input,
    environments: &[&Environment],
    findings: &mut Vec<Finding>,
) {
    for region in &template.regions {
        // Nobody reads a comment, and what is commented out may be unfinished.
        if region.kind == Kind::Comment {
            continue;
        }
        findings.extend(region.unfinished.iter().map(|range| {
            let message = "a placeholder begins here that has no end in its line, or another one \
                           within";
            let span = span(input.file, range);
            Finding::new(UNRESOLVED, Severity::Error, span, message)
                .mend("Write {Settings:Name}, with the name of one setting")
        }));
        for placeholder in &region.placeholders {
            let span = span(input.file, &placeholder.range);
            if region.kind == Kind::Markup {
                let message = format!(
                    "{} can stand in a text or in the value of an attribute, not in a tag",
                    written(&placeholder.name)
                );
                findings.push(Finding::new(UNRESOLVED, Severity::Error, span, message));
                continue;
            }
            findings.extend(unresolved(placeholder, span, input, environments));
        }
    }
}

fn unresolved(
    placeholder: &Placeholder,
    span: Span,
    input: &Input,
    environments: &[&Environment],
) -> Vec<Finding> {
    let mut reasons: Vec<(Unresolved, Vec<&Environment>)> = Vec::new();
    for environment in environments {
        let Err(reason) = environment.resolve(&placeholder.name, &input.to) else {
            continue;
        };
        match reasons.iter_mut().find(|(same, _)| *same == reason) {
            Some((_, of)) => of.push(environment),
            None => reasons.push((reason, vec![environment])),
        }
    }
    let findings = reasons.into_iter().map(|(reason, of)| {
        let (message, mend) = explain(&reason, &placeholder.name, &of, environments);
        Finding::new(UNRESOLVED, Severity::Error, span, message).mend(mend)
    });
    findings.collect()
}

/// What is wrong, and what to do.
fn explain(
    reason: &Unresolved,
    name: &str,
    of: &[&Environment],
    all: &[&Environment],
) -> (String, String) {
    let names = of.iter().map(|environment| environment.name.as_str());
    let names = names.collect::<Vec<_>>().join(", ");
    let plural = if of.len() == 1 { "" } else { "s" };
    let place = format!("in the environment{plural} {names}");
    let placeholder = written(name);
    match reason {
        Unresolved::NotSet => (
            format!("{placeholder} has no value {place}"),
            advice(name, of, all),
        ),
        Unresolved::Circle(setting) => (
            format!("{placeholder} never ends {place}: the value of {setting} leads back to it"),
            format!("Write the value of {setting} in appsettings.json without {placeholder}"),
        ),
        Unresolved::Names { setting, missing } => (
            format!(
                "{placeholder} has no value {place}: {setting} names {}, which is not set",
                written(missing)
            ),
            advice(missing, of, all),
        ),
        Unresolved::Unwritable(c) => (
            format!(
                "the value of {name} {place} has a character that XML cannot hold: U+{:04X}",
                u32::from(*c)
            ),
            "Take the character out of appsettings.json".to_owned(),
        ),
    }
}

/// The name that was meant, or where the setting is missing.
fn advice(name: &str, of: &[&Environment], all: &[&Environment]) -> String {
    let lower = name.to_ascii_lowercase();
    let near = of
        .iter()
        .flat_map(|environment| environment.names())
        .map(|known| {
            (
                strsim::damerau_levenshtein(&known.to_ascii_lowercase(), &lower),
                known,
            )
        })
        .filter(|(typos, known)| *typos <= TYPOS && *typos * 2 < known.chars().count())
        .min();
    let elsewhere = all
        .iter()
        .find(|environment| environment.setting(name).is_some());
    match (elsewhere, near) {
        (Some(environment), _) => format!(
            "Add {name} to the PolicySettings in appsettings.json: the environment {} has it",
            environment.name
        ),
        (None, Some((_, near))) => format!("Did you mean {}?", written(near)),
        (None, None) => format!("Add {name} to the PolicySettings in appsettings.json"),
    }
}

/// Values that were escaped because the extension does not escape them.
fn warn_of_escaped_values(environment: &Environment, findings: &mut Vec<Finding>) {
    for setting in &environment.settings {
        if placeholders::is_escaped(&setting.value) {
            let message = format!(
                "the value of {} is escaped for XML already; idlink escapes it once more",
                setting.name
            );
            findings.push(
                Finding::new(UNRESOLVED, Severity::Warning, setting.span, message)
                    .mend("Write the plain text: & instead of &amp;"),
            );
        }
    }
}

fn written(name: &str) -> String {
    format!("{{Settings:{name}}}")
}

fn span(file: FileId, range: &Range<usize>) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span {
        file,
        start: offset(range.start),
        end: offset(range.end),
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Position;
    use super::*;

    const SETTINGS: &str = r#"{"Environments": [
  {"Name": "Development", "Tenant": "dev.onmicrosoft.com", "PolicySettings": {
    "Prefix": "B2C_1A_Shop", "Url": "https://{Settings:Host}/a?b=1&c=2", "Host": "dev.{Settings:TENANT}",
    "OnlyHere": "x", "Round": "{Settings:About}", "About": "{Settings:Round}"}},
  {"Name": "Production", "Tenant": "shop.onmicrosoft.com", "PolicySettings": {
    "Prefix": "B2C_1A_Shop", "Url": "https://{Settings:Host}/a?b=1&amp;c=2", "Host": "shop",
    "Round": "{Settings:Missing}"}}]}"#;

    fn built(path: &str, text: &str) -> (Vec<String>, Vec<(Position, Finding)>) {
        let mut sources = Sources::default();
        let settings = sources.add("appsettings.json".into(), SETTINGS);
        let settings = parse_settings(&sources, settings).unwrap();
        let file = sources.add(path.into(), text);
        let input = Input {
            file,
            to: path.into(),
        };
        let environments: Vec<_> = settings.environments.iter().collect();
        let build = build(&sources, &[input], &environments);
        let texts = build.environments.into_iter();
        let texts = texts.filter_map(|(_, mut files)| files.remove(Path::new(path)));
        let findings = build.findings.into_iter();
        let findings = findings.filter(|finding| finding.span.file == file);
        (
            texts.collect(),
            findings
                .map(|finding| (sources.position(finding.span), finding))
                .collect(),
        )
    }

    #[test]
    fn every_environment_gets_its_own_values() {
        let (texts, findings) = built(
            "rp/B2C_1A_SignIn.xml",
            "\u{feff}<P Tenant='{Settings:Tenant}'\r\n>{Settings:URL} {Settings:Filename} \
             {Settings:PolicyFilename} {settings:environment}</P>",
        );
        assert_eq!(findings, []);
        assert_eq!(
            texts,
            [
                "\u{feff}<P Tenant='dev.onmicrosoft.com'\r\n>\
                 https://dev.dev.onmicrosoft.com/a?b=1&amp;c=2 B2C_1A_SignIn SignIn Development</P>",
                "\u{feff}<P Tenant='shop.onmicrosoft.com'\r\n>\
                 https://shop/a?b=1&amp;amp;c=2 B2C_1A_SignIn SignIn Production</P>",
            ]
        );
    }

    #[test]
    fn what_is_not_resolved_is_told_with_its_place() {
        let cases = [
            (
                "<P>\n {Settings:OnlyHere}</P>",
                (2, 2),
                "{Settings:OnlyHere} has no value in the environment Production",
                "Add OnlyHere to the PolicySettings in appsettings.json: the environment \
                 Development has it",
            ),
            (
                "<P a='é{Settings:Prefx}'/>",
                (1, 8),
                "{Settings:Prefx} has no value in the environments Development, Production",
                "Did you mean {Settings:Prefix}?",
            ),
            (
                "<P>{Settings:ClientId}</P>",
                (1, 4),
                "{Settings:ClientId} has no value in the environments Development, Production",
                "Add ClientId to the PolicySettings in appsettings.json",
            ),
        ];
        for (text, (line, column), message, mend) in cases {
            let (_, findings) = built("a.xml", text);
            let [(position, finding)] = &findings[..] else {
                panic!("{text}: {findings:?}");
            };
            assert_eq!((position.line, position.column), (line, column), "{text}");
            assert_eq!(finding.message, message);
            assert_eq!(finding.mend.as_deref(), Some(mend));
        }
    }

    #[test]
    fn a_setting_that_leads_nowhere_is_told() {
        let (_, findings) = built("a.xml", "<P>{Settings:Round}</P>");
        let messages: Vec<_> = findings
            .iter()
            .map(|(_, found)| &found.message[..])
            .collect();
        assert_eq!(
            messages,
            [
                "{Settings:Round} never ends in the environment Development: the value of Round \
                 leads back to it",
                "{Settings:Round} has no value in the environment Production: Round names \
                 {Settings:Missing}, which is not set",
            ]
        );
    }

    #[test]
    fn a_comment_may_be_unfinished_and_a_tag_may_not_be_made_up() {
        let (texts, findings) = built("a.xml", "<P><!-- {Settings:None} {Settings:Prefix} --></P>");
        assert_eq!(findings, []);
        assert_eq!(texts[0], "<P><!-- {Settings:None} B2C_1A_Shop --></P>");
        let (_, findings) = built("a.xml", "<P>\n<Q></P>");
        assert_eq!(findings[0].1.rule.to_string(), "P01");
        assert_eq!(findings[0].0.line, 2);
    }

    #[test]
    fn what_begins_like_a_placeholder_is_one_or_a_fault() {
        for (text, column) in [
            ("<P>{Settings:{Settings:Prefix}}</P>", 4),
            ("<P a='{settings:Prefix'/>", 7),
            ("<P>{Settings:Pre\nfix}</P>", 4),
        ] {
            let (_, findings) = built("a.xml", text);
            let [(position, finding)] = &findings[..] else {
                panic!("{text}: {findings:?}");
            };
            assert_eq!((position.line, position.column), (1, column), "{text}");
            assert!(finding.message.contains("no end"), "{}", finding.message);
        }
        let (texts, findings) = built("a.xml", "<P>{Settings:Prefix}{{Settings:Prefix}}</P>");
        assert_eq!(findings, []);
        assert_eq!(texts[0], "<P>B2C_1A_Shop{B2C_1A_Shop}</P>");
        let (_, findings) = built("a.xml", "<P><!-- {Settings:Pre --></P>");
        assert_eq!(findings, []);
    }

    #[test]
    fn keys_are_built_like_policies() {
        let text = r#"{"keys": [{"id": "{Settings:Prefix}Key", "note": "{Secret:A}"}]}"#;
        let (texts, findings) = built("keys.json", text);
        assert_eq!(findings, []);
        let expected = r#"{"keys": [{"id": "B2C_1A_ShopKey", "note": "{Secret:A}"}]}"#;
        assert_eq!(texts[0], expected);
        let (_, findings) = built("keys.json", "{");
        assert!(findings[0].1.message.contains("no JSON"), "{findings:?}");
    }
}
