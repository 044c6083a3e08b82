//! XML as JSON, the way Json.NET writes it: attributes with `@` before their
//! names, text beside other things as `#text`, elements of one name as a list.

use roxmltree::{Document, Node};
use serde_json::Value as Json;

use super::{
    given::{Stop, wrong},
    json_tree::Tree,
};

/// Elements within elements that are followed.
const DEEPEST: usize = 64;

pub(super) fn converted(xml: &str) -> Result<String, Stop> {
    let Ok(document) = Document::parse(xml) else {
        return wrong("is given a text that is no XML");
    };
    let root = document.root_element();
    let member = (name(root), content(root, DEEPEST)?);
    Ok(Tree::Object(vec![member]).text())
}

fn content(node: Node<'_, '_>, depth: usize) -> Result<Tree, Stop> {
    if depth == 0 {
        return wrong("is given XML whose elements lie too deep in each other");
    }
    let mut members: Vec<(String, Tree)> = Vec::new();
    for attribute in node.attributes() {
        let value = Tree::Leaf(Json::from(attribute.value()));
        members.push((format!("@{}", attribute.name()), value));
    }
    for child in node.children().filter(Node::is_element) {
        add(&mut members, name(child), content(child, depth - 1)?);
    }
    let text: String = node
        .children()
        .filter(Node::is_text)
        .filter_map(|child| child.text())
        .filter(|text| !text.trim().is_empty())
        .collect();
    Ok(match (members.is_empty(), text.is_empty()) {
        (true, true) => Tree::Leaf(Json::Null),
        (true, false) => Tree::Leaf(Json::from(text)),
        (false, true) => Tree::Object(members),
        (false, false) => {
            members.push(("#text".to_owned(), Tree::Leaf(Json::from(text))));
            Tree::Object(members)
        }
    })
}

fn add(members: &mut Vec<(String, Tree)>, name: String, content: Tree) {
    match members.iter_mut().find(|(own, _)| *own == name) {
        None => members.push((name, content)),
        Some((_, Tree::List(items))) => items.push(content),
        Some((_, single)) => {
            let first = std::mem::replace(single, Tree::Leaf(Json::Null));
            *single = Tree::List(vec![first, content]);
        }
    }
}

fn name(node: Node<'_, '_>) -> String {
    node.tag_name().name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_written_as_json() {
        let cases = [
            (
                "<user>\n  <name>Someone</name>\n  <email>someone@example.com</email>\n</user>",
                r#"{"user":{"name":"Someone","email":"someone@example.com"}}"#,
                "the reference's example",
            ),
            ("<a/>", r#"{"a":null}"#, "nothing"),
            ("<a b=\"1\"/>", r#"{"a":{"@b":"1"}}"#, "an attribute"),
            (
                "<a b=\"1\">x</a>",
                r##"{"a":{"@b":"1","#text":"x"}}"##,
                "and text",
            ),
            (
                "<a><b>1</b><c/><b>2</b><b>3</b></a>",
                r#"{"a":{"b":["1","2","3"],"c":null}}"#,
                "elements of one name",
            ),
        ];
        for (xml, json, why) in cases {
            assert_eq!(converted(xml).unwrap(), json, "{why}");
        }
    }

    #[test]
    fn what_is_no_xml_is_an_error() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for xml in ["", "text", "<a>", &deep] {
            assert!(converted(xml).is_err(), "{xml}");
        }
    }
}
