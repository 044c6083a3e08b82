//! What public samples leave to their reader without a placeholder: the
//! tenant's name, ids of applications.

use std::{ops::Range, path::PathBuf};

use super::local::Home;
use crate::policy::{
    check::{SAMPLE_TENANTS, is_app_id, is_sample_id},
    source::{Sources, Span},
    xml::{self, Element},
};

/// Something that was filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    /// As it was written.
    pub(super) what: String,
    pub(super) value: String,
    /// Offset in the text that was handed in.
    pub(super) at: usize,
}

/// Applications that the directory signs people in with: samples write these
/// names also as default values.
const APPLICATIONS: [&str; 2] = [
    "identityexperienceframeworkappid",
    "proxyidentityexperienceframeworkappid",
];

const DIRECTORY: &str = ".onmicrosoft.com";

/// The text with the tenant's name for that of a sample.
pub(super) fn tenant(text: &str, domain: &str) -> (String, Option<Replaced>) {
    let lower = text.to_ascii_lowercase();
    let mut filled = String::with_capacity(text.len());
    let mut first = None;
    let mut from = 0;
    for (end, _) in lower.match_indices(DIRECTORY) {
        let Some(start) = sample_before(&lower[..end]).filter(|start| *start >= from) else {
            continue;
        };
        let behind = end + DIRECTORY.len();
        first.get_or_insert_with(|| Replaced {
            what: text[start..behind].to_owned(),
            value: domain.to_owned(),
            at: start,
        });
        filled.push_str(&text[from..start]);
        filled.push_str(domain);
        from = behind;
    }
    filled.push_str(&text[from..]);
    (filled, first)
}

/// Where the name of a sample's tenant begins that ends here.
fn sample_before(lower: &str) -> Option<usize> {
    // A sample for people who do not know XML escapes the brackets, too.
    for bracketed in ["&lt;yourtenant&gt;", "&lt;your-tenant&gt;"] {
        if lower.ends_with(bracketed) {
            return Some(lower.len() - bracketed.len());
        }
    }
    let names = SAMPLE_TENANTS
        .iter()
        .map(|name| name.trim_end_matches(DIRECTORY));
    let name = names.chain(["tenant"]).find(|name| {
        let before = lower.strip_suffix(name);
        before.is_some_and(|before| !before.ends_with(is_part_of_a_name))
    })?;
    Some(lower.len() - name.len())
}

fn is_part_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// The text with ids for the names of applications, and for what is empty. A
/// text that is no XML stays as it is: reading it will say so.
pub(super) fn applications(text: String, home: &Home<'_>) -> (String, Vec<Replaced>) {
    let mut sources = Sources::default();
    let file = sources.add(PathBuf::new(), "");
    let Ok(document) = xml::parse(file, &text) else {
        return (text, Vec::new());
    };
    let mut edits = Vec::new();
    look(&document.root, &text, home, &mut edits);
    edits.sort_by_key(|edit| edit.range.start);
    let mut filled = String::with_capacity(text.len());
    let mut replaced = Vec::new();
    let mut from = 0;
    for edit in edits
        .into_iter()
        .filter(|edit| text.get(edit.range.clone()).is_some())
    {
        filled.push_str(&text[from..edit.range.start]);
        filled.push_str(&edit.text);
        from = edit.range.end;
        replaced.push(edit.told);
    }
    filled.push_str(&text[from..]);
    (filled, replaced)
}

struct Edit {
    range: Range<usize>,
    /// Ids need no escaping.
    text: String,
    told: Replaced,
}

fn look(element: &Element, text: &str, home: &Home<'_>, edits: &mut Vec<Edit>) {
    if is_app_id(element) {
        item(element, text, home, edits);
    }
    if let Some(default) = element.attribute("DefaultValue")
        && APPLICATIONS.contains(&default.value.to_ascii_lowercase().as_str())
    {
        let value = home.application("", &default.value);
        edits.push(Edit::whole(
            range(default.value_span),
            &default.value,
            value,
        ));
    }
    for child in &element.children {
        look(child, text, home, edits);
    }
}

fn item(element: &Element, text: &str, home: &Home<'_>, edits: &mut Vec<Edit>) {
    let key = element.value("Key").unwrap_or_default();
    match &element.text {
        Some(written) if is_sample_id(&written.value.trim().to_lowercase()) => {
            let value = home.application(key, written.value.trim());
            // A text in several parts, or one that is written with references,
            // is longer in the file than it is.
            let range = range(written.span);
            let is_plain = text
                .get(range.clone())
                .is_some_and(|own| !own.contains(['&', '<']));
            if is_plain {
                edits.push(Edit::whole(range, &written.value, value));
            }
        }
        Some(_) => {}
        None if key.eq_ignore_ascii_case("client_id") && element.children.is_empty() => {
            edits.extend(empty(
                element,
                text,
                home.application(key, "empty client_id"),
            ));
        }
        None => {}
    }
}

/// `<Item Key="client_id" />` and `<Item Key="client_id"></Item>`.
fn empty(element: &Element, text: &str, value: String) -> Option<Edit> {
    let whole = range(element.span);
    let written = text.get(whole.clone())?;
    let name = written
        .get(1..)?
        .split([' ', '\t', '\r', '\n', '/', '>'])
        .next()?;
    let (range, text) = match written.strip_suffix("/>") {
        Some(before) => {
            let start = whole.start + before.len();
            (start..whole.end, format!(">{value}</{name}>"))
        }
        None => {
            let start = whole.start + written.rfind("</")?;
            (start..start, value.clone())
        }
    };
    Some(Edit {
        range,
        text,
        told: Replaced {
            what: "an empty client_id".to_owned(),
            value,
            at: whole.start,
        },
    })
}

impl Edit {
    fn whole(range: Range<usize>, written: &str, value: String) -> Self {
        Self {
            told: Replaced {
                what: written.trim().to_owned(),
                value: value.clone(),
                at: range.start,
            },
            range,
            text: value,
        }
    }
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const HOME: Home<'static> = Home {
        domain: "contoso.onmicrosoft.com",
        tenant_id: Uuid::nil(),
        extensions_app_id: "a3f09c1b7d6e4c58b2e1905f4d7a6c33",
    };

    #[test]
    fn the_tenant_of_a_sample_becomes_ours_in_any_case_and_spelling() {
        for (text, filled) in [
            (
                "<P T='YourTenant.OnMicrosoft.com' U='http://yourtenant.onmicrosoft.com/B2C_1A_x'/>",
                "<P T='contoso.onmicrosoft.com' U='http://contoso.onmicrosoft.com/B2C_1A_x'/>",
            ),
            ("your-tenant.onmicrosoft.com", "contoso.onmicrosoft.com"),
            ("your_tenant.onmicrosoft.com", "contoso.onmicrosoft.com"),
            ("tenant-name.onmicrosoft.com", "contoso.onmicrosoft.com"),
            ("tenant.onmicrosoft.com", "contoso.onmicrosoft.com"),
            (
                "&lt;yourtenant&gt;.onmicrosoft.com",
                "contoso.onmicrosoft.com",
            ),
            (
                "é test@yourtenant.onmicrosoft.com é",
                "é test@contoso.onmicrosoft.com é",
            ),
            // Somebody's own.
            ("fabrikam.onmicrosoft.com", "fabrikam.onmicrosoft.com"),
            (
                "notyourtenant.onmicrosoft.com",
                "notyourtenant.onmicrosoft.com",
            ),
        ] {
            assert_eq!(tenant(text, HOME.domain).0, filled, "{text}");
        }
    }

    #[test]
    fn ids_that_a_sample_leaves_open_are_filled_in_line_for_line() {
        let text = "<P>\r\n<Item Key='client_id'>\r\n facebook_clientid </Item>\n\
                    <Item Key=\"client_id\"\n />\n<Item Key='CLIENT_ID'><!-- yours --></Item>\n\
                    <x:Item xmlns:x='u' Key='client_id'/>\
                    <Item Key='IdTokenAudience'>IdentityExperienceFrameworkAppId</Item>\
                    <InputClaim DefaultValue='IdentityExperienceFrameworkAppID'/>\
                    <Item Key='client_id'>12345</Item><Item Key='Other'>facebook_clientid</Item></P>";
        let (filled, replaced) = applications(text.to_owned(), &HOME);
        let empty = HOME.application("client_id", "empty client_id");
        let facebook = HOME.application("client_id", "facebook_clientid");
        let framework = HOME.application("client_id", "identityexperienceframeworkappid");
        assert_eq!(
            filled,
            format!(
                "<P>\r\n<Item Key='client_id'>\r\n {facebook} </Item>\n\
                 <Item Key=\"client_id\"\n >{empty}</Item>\n\
                 <Item Key='CLIENT_ID'><!-- yours -->{empty}</Item>\n\
                 <x:Item xmlns:x='u' Key='client_id'>{empty}</x:Item>\
                 <Item Key='IdTokenAudience'>{framework}</Item>\
                 <InputClaim DefaultValue='{framework}'/>\
                 <Item Key='client_id'>12345</Item><Item Key='Other'>facebook_clientid</Item></P>"
            )
        );
        assert_eq!(filled.lines().count(), text.lines().count());
        assert_eq!(replaced.len(), 6);
        assert_eq!(replaced[0].what, "facebook_clientid");
    }

    #[test]
    fn what_is_no_xml_stays() {
        let text = "<P><Item Key='client_id'></P>";
        assert_eq!(applications(text.to_owned(), &HOME).0, text);
    }
}
