//! A page of a journey, as far as somebody in front of it can act on it.

use super::html::{Part, Tag, parts};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) kind: Kind,
    pub(super) heading: String,
    /// Where its form is sent.
    pub(super) action: String,
    pub(super) hidden: Vec<(String, String)>,
    pub(super) inputs: Vec<Input>,
    pub(super) buttons: Vec<Button>,
    /// What is wrong: of the page as a whole first, then by field.
    pub(super) errors: Vec<String>,
    /// All that can be read on it.
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Choosing how to sign in, perhaps with the form of local accounts.
    Choice,
    SelfAsserted,
    /// The page that plays an upstream provider.
    Provider,
    /// Takes the answer to the application.
    FormPost,
    /// The emulator's page about a journey that is over.
    #[default]
    Other,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) id: String,
    pub(super) shape: Shape,
    /// As it is filled in.
    pub(super) value: String,
    pub(super) options: Vec<Choosable>,
    pub(super) is_required: bool,
    pub(super) is_readonly: bool,
    pub(super) is_wrong: bool,
    /// The expression of the policy.
    pub(super) pattern: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    #[default]
    Text,
    Email,
    Password,
    Date,
    /// One of several.
    Choice,
    /// Any of several.
    Ticks,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choosable {
    pub(super) value: String,
    pub(super) is_chosen: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Button {
    pub(super) id: String,
    /// Of the field `action`.
    pub(super) value: String,
    pub(super) text: String,
}

/// Where the reading of a page is.
#[derive(Default)]
struct Reader {
    page: Page,
    /// Takes the text up to the end of its element.
    into: Option<Goes>,
    select: Option<usize>,
    button: Option<Button>,
    /// The element whose text is the emulator's own: on every page.
    frame: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    Heading,
    Error,
    FieldError,
}

impl Page {
    pub(super) fn read(html: &str) -> Self {
        let mut reader = Reader::default();
        let mut field_errors = Vec::new();
        for part in parts(html) {
            match part {
                Part::Open(tag) => reader.open(&tag),
                Part::Close(name) => reader.close(&name),
                Part::Text(text) => reader.text(text, &mut field_errors),
            }
        }
        reader.page.errors.extend(field_errors);
        reader.page
    }

    pub(super) fn button(&self, id: &str) -> Option<&Button> {
        self.buttons
            .iter()
            .find(|button| button.id.eq_ignore_ascii_case(id))
    }

    pub(super) fn input(&self, id: &str) -> Option<&Input> {
        self.inputs
            .iter()
            .find(|input| input.id.eq_ignore_ascii_case(id))
    }
}

impl Reader {
    fn open(&mut self, tag: &Tag) {
        let id = tag.get("id").unwrap_or_default();
        if tag.name == "footer" || tag.has_class("mock") || tag.has_class("tenant") {
            self.frame = Some(tag.name.clone());
        }
        match tag.name.as_str() {
            "form" => self.form(id, tag),
            "h1" => self.into = Some(Goes::Heading),
            "p" | "span" | "div" if is_error(id) => self.into = Some(Goes::Error),
            "p" | "span" | "div" if tag.has_class("itemLevel") => {
                self.into = Some(Goes::FieldError);
            }
            "input" => self.input(tag),
            "select" => {
                self.select = Some(self.page.inputs.len());
                self.page.inputs.push(Input {
                    shape: Shape::Choice,
                    ..input(tag)
                });
            }
            "option" => self.option(tag),
            "button" => {
                self.button = Some(Button {
                    id: id.to_owned(),
                    value: tag.get("value").unwrap_or_default().to_owned(),
                    text: String::new(),
                });
            }
            _ => {}
        }
    }

    fn form(&mut self, id: &str, tag: &Tag) {
        self.page.kind = match id {
            "localAccountForm" => Kind::Choice,
            "attributeVerification" => Kind::SelfAsserted,
            "providerForm" => Kind::Provider,
            "form-post" => Kind::FormPost,
            _ => Kind::Other,
        };
        self.page.action = tag.get("action").unwrap_or_default().to_owned();
    }

    fn input(&mut self, tag: &Tag) {
        let name = tag.get("name").unwrap_or_default();
        let value = tag.get("value").unwrap_or_default();
        match tag.get("type").unwrap_or("text") {
            "hidden" => {
                let pair = (name.to_owned(), value.to_owned());
                self.page.hidden.push(pair);
            }
            "radio" => self.item(tag, Shape::Choice),
            "checkbox" => self.item(tag, Shape::Ticks),
            _ => self.page.inputs.push(input(tag)),
        }
    }

    /// Radio buttons and checkboxes of one name are one input.
    fn item(&mut self, tag: &Tag, shape: Shape) {
        let name = tag.get("name").unwrap_or_default();
        let item = Choosable {
            value: tag.get("value").unwrap_or("on").to_owned(),
            is_chosen: tag.has("checked"),
        };
        let known = self.page.inputs.iter_mut().find(|input| input.id == name);
        match known {
            Some(known) => known.options.push(item),
            None => self.page.inputs.push(Input {
                shape,
                value: String::new(),
                options: vec![item],
                ..input(tag)
            }),
        }
    }

    fn option(&mut self, tag: &Tag) {
        let Some(select) = self.select.and_then(|at| self.page.inputs.get_mut(at)) else {
            return;
        };
        select.options.push(Choosable {
            value: tag.get("value").unwrap_or_default().to_owned(),
            is_chosen: tag.has("selected"),
        });
    }

    fn close(&mut self, name: &str) {
        self.frame.take_if(|frame| frame == name);
        match name {
            "h1" | "p" | "span" | "div" => self.into = None,
            "select" => self.select = None,
            "button" => {
                let button = self.button.take();
                // One without an id stands for the Enter key.
                let button = button.filter(|button| !button.id.is_empty());
                self.page.buttons.extend(button);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: String, field_errors: &mut Vec<String>) {
        if self.frame.is_some() {
            return;
        }
        if let Some(button) = &mut self.button {
            push(&mut button.text, &text);
        }
        match self.into {
            Some(Goes::Heading) => push(&mut self.page.heading, &text),
            Some(Goes::Error) => self.page.errors.push(text.clone()),
            Some(Goes::FieldError) => field_errors.push(text.clone()),
            None => {}
        }
        push(&mut self.page.text, &text);
    }
}

fn is_error(id: &str) -> bool {
    matches!(
        id,
        "claimVerificationServerError" | "block-message" | "error-text" | "error-code"
    )
}

fn push(to: &mut String, text: &str) {
    if !to.is_empty() {
        to.push(' ');
    }
    to.push_str(text);
}

fn input(tag: &Tag) -> Input {
    let name = tag.get("name").or(tag.get("id")).unwrap_or_default();
    Input {
        id: name.to_owned(),
        shape: match tag.get("type") {
            Some("email") => Shape::Email,
            Some("password") => Shape::Password,
            Some("date") => Shape::Date,
            _ => Shape::Text,
        },
        value: tag.get("value").unwrap_or_default().to_owned(),
        options: Vec::new(),
        is_required: tag.has("required"),
        is_readonly: tag.has("readonly"),
        is_wrong: tag.get("aria-invalid") == Some("true"),
        pattern: tag.get("pattern").map(policys_own),
    }
}

/// A pattern of HTML fits a whole value; the emulator writes one that fits
/// wherever the policy's does.
fn policys_own(pattern: &str) -> String {
    let inside = pattern.strip_prefix(".*(?:");
    let inside = inside.and_then(|inside| inside.strip_suffix(").*"));
    inside.unwrap_or(pattern).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_self_asserted_page_is_read_with_all_that_can_be_done_on_it() {
        let page = Page::read(
            r#"<title>t</title><p class="mock">Mock</p><p class="tenant">contoso</p><h1 class="heading">Sign up</h1>
            <p class="message error pageLevel" id="claimVerificationServerError">Taken</p>
            <form id="attributeVerification" method="post" action="/t/p/journey/j/2">
            <input type="hidden" name="csrf" value="c">
            <button class="first" name="action" value="continue" tabindex="-1"></button>
            <input id="email" name="email" type="email" value="a@b.example" required
             pattern=".*(?:^.+@b$).*" title="b only" aria-invalid="true">
            <p class="field-error itemLevel" id="email_error">b only</p>
            <select id="city" name="city" required><option value=""></option>
            <option value="1" selected>Bern</option></select>
            <fieldset id="tou"><legend>Terms</legend>
            <input type="checkbox" id="tou_0" name="tou" value="v1"><label>v1</label>
            <input type="checkbox" id="tou_1" name="tou" value="v2" checked></fieldset>
            <button id="continue" name="action" value="continue">Go <b>on</b></button></form>
            <footer><a>Mailbox</a></footer>"#,
        );
        assert_eq!(page.kind, Kind::SelfAsserted);
        assert_eq!(page.heading, "Sign up");
        assert_eq!(page.action, "/t/p/journey/j/2");
        assert_eq!(page.hidden, [("csrf".to_owned(), "c".to_owned())]);
        assert_eq!(page.errors, ["Taken", "b only"]);
        let choosable = |value: &str, is_chosen| Choosable {
            value: value.to_owned(),
            is_chosen,
        };
        let expected = [
            Input {
                id: "email".to_owned(),
                shape: Shape::Email,
                value: "a@b.example".to_owned(),
                is_required: true,
                is_wrong: true,
                pattern: Some("^.+@b$".to_owned()),
                ..Input::default()
            },
            Input {
                id: "city".to_owned(),
                shape: Shape::Choice,
                options: vec![choosable("", false), choosable("1", true)],
                is_required: true,
                ..Input::default()
            },
            Input {
                id: "tou".to_owned(),
                shape: Shape::Ticks,
                options: vec![choosable("v1", false), choosable("v2", true)],
                ..Input::default()
            },
        ];
        assert_eq!(page.inputs, expected);
        let button = Button {
            id: "continue".to_owned(),
            value: "continue".to_owned(),
            text: "Go on".to_owned(),
        };
        assert_eq!(page.buttons, [button]);
        assert_eq!(page.text, "Sign up Taken b only Bern Terms v1 Go on");
    }

    #[test]
    fn the_kind_of_a_page_is_in_its_form() {
        for (html, kind) in [
            ("<form id='localAccountForm'>", Kind::Choice),
            ("<form id='providerForm'>", Kind::Provider),
            ("<form id='form-post'>", Kind::FormPost),
            ("<p id='block-message'>No</p>", Kind::Other),
        ] {
            assert_eq!(Page::read(html).kind, kind, "{html}");
        }
    }
}
