//! Somebody who walks through a journey in a browser, page after page, without
//! knowing the policy: reads what is asked, types what fits, presses what leads
//! on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use reqwest::Client;
use url::Url;

use super::{
    browser::{BrowseError, Browser, Landed},
    buttons::{sent, way_in},
    desk::{Desk, DeskError},
    ends::End,
    expect::Memory,
    filling::{Person, WRONG_PASSWORD},
    hands::Hands,
    page::{Button, Input, Kind, Page, Shape},
    report::Step,
    story::Typed,
    tokens::{Asked, Metadata, TokenError},
};
use crate::emulator::params::Params;

const MAX_PAGES: usize = 40;
/// How often something else is tried where a page stays.
const MAX_TRIES: usize = 3;
const MASK: &str = "••••";

/// What somebody wants of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Token,
    /// To be refused at the first occasion.
    Refusal,
    /// To be refused by an upstream provider, where nothing else refuses.
    ProviderRefusal,
    /// Out again, at the first page that lets one.
    Cancel,
}

/// One visit, with what is to be done otherwise than the robot would.
pub(super) struct Errand {
    pub(super) goal: Goal,
    /// Signs in rather than up.
    pub(super) is_returning: bool,
    /// Whether it is somebody new, where that is not left open.
    pub(super) is_new: Option<bool>,
    /// Whether a page that stays is an end, or something else is tried.
    pub(super) patience: Patience,
    pub(super) press: VecDeque<String>,
    /// By input in lower case.
    pub(super) typed: BTreeMap<String, Typed>,
    /// Somebody who is there.
    pub(super) known: Person,
    /// Somebody who is not.
    pub(super) new: Person,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    None,
    /// Types something else into fields that are wrong.
    Fields,
    /// And tries another person, or another way in.
    All,
}

/// What stops the robot itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum RobotError {
    #[error(transparent)]
    Browse(#[from] BrowseError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// What was to be seen on the way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) steps: Vec<Step>,
    pub(super) text: String,
    pub(super) asked: BTreeSet<String>,
    /// Ids of buttons.
    pressed: BTreeSet<String>,
    /// The journey's id, for its trace.
    pub(super) journey: Option<String>,
}

impl Seen {
    pub(super) fn has_pressed(&self, id: &str) -> bool {
        self.pressed.contains(id)
    }
}

pub(super) struct Robot<'a> {
    pub(super) http: &'a Client,
    pub(super) desk: &'a Desk,
    pub(super) metadata: &'a Metadata,
    pub(super) asked: &'a Asked,
    pub(super) memory: &'a mut Memory,
    pub(super) seen: Seen,
    goal: Goal,
    is_returning: bool,
    patience: Patience,
    press: VecDeque<String>,
    hands: Hands,
    tries: usize,
    /// The local form, or a sign-up, did not do: another way in is looked for.
    shuns_local: bool,
}

enum Act<'p> {
    Press(&'p Button, Vec<(String, String)>),
    Stop(End),
}

impl<'a> Robot<'a> {
    pub(super) fn new(
        http: &'a Client,
        desk: &'a Desk,
        metadata: &'a Metadata,
        asked: &'a Asked,
        memory: &'a mut Memory,
        errand: Errand,
    ) -> Self {
        let mut hands = Hands::new(errand.known, errand.new, errand.typed);
        if let Some(is_new) = errand.is_new {
            hands.be(is_new);
        }
        Self {
            http,
            desk,
            metadata,
            asked,
            memory,
            goal: errand.goal,
            is_returning: errand.is_returning,
            patience: errand.patience,
            press: errand.press,
            hands,
            seen: Seen::default(),
            tries: 0,
            shuns_local: false,
        }
    }

    pub(super) async fn walk(&mut self, request: Url) -> Result<End, RobotError> {
        let mut browser = Browser::new(self.http.clone());
        let mut landed = browser.open(request).await?;
        for _ in 0..MAX_PAGES {
            let (url, status, page) = match landed {
                Landed::Page { url, status, page } => (url, status, page),
                Landed::Away(told) => return self.back(&told).await,
            };
            self.saw(&url, &page);
            if page.kind == Kind::Other {
                return Ok(End::over(status, &page));
            }
            match self.act(&page).await? {
                Act::Stop(end) => return Ok(end),
                Act::Press(button, form) => {
                    self.pressed(button, &form, &page);
                    let action = url.join(&page.action);
                    let action = action.map_err(|_| BrowseError::Nowhere(page.action.clone()))?;
                    landed = browser.send(action, &form).await?;
                }
            }
        }
        Ok(End::Wrong(format!("no end after {MAX_PAGES} pages")))
    }

    /// Back at the application.
    async fn back(&mut self, told: &Params) -> Result<End, RobotError> {
        if told.get("state") != Some(self.asked.state.as_str()) {
            return Ok(End::Wrong("the state that came back is another".to_owned()));
        }
        if let Some(error) = told.get("error") {
            return Ok(End::Error {
                error: error.to_owned(),
                description: told.get("error_description").unwrap_or_default().to_owned(),
            });
        }
        let claims = match (told.get("code"), told.get("id_token")) {
            (_, Some(token)) => self.metadata.believe(self.http, self.asked, token).await,
            (Some(code), None) => self.metadata.redeem(self.http, self.asked, code).await,
            (None, None) => {
                let text = "the application got neither a code nor an error";
                return Ok(End::Wrong(text.to_owned()));
            }
        };
        Ok(match claims {
            Ok(claims) => End::Token(claims),
            Err(TokenError::Unreachable(error)) => return Err(TokenError::from(error).into()),
            Err(error) => End::Wrong(error.to_string()),
        })
    }

    fn saw(&mut self, url: &Url, page: &Page) {
        let mut parts = url.path().split('/').skip_while(|part| *part != "journey");
        if let Some(journey) = parts.nth(1) {
            self.seen.journey = Some(journey.to_owned());
        }
        self.seen.text.push('\n');
        self.seen.text.push_str(&page.text);
        let asked = page.inputs.iter().map(|input| input.id.to_lowercase());
        self.seen.asked.extend(asked);
        self.seen.steps.push(Step {
            page: match page.heading.is_empty() {
                true => format!("{:?}", page.kind),
                false => page.heading.clone(),
            },
            says: page.errors.clone(),
            ..Step::default()
        });
    }

    fn pressed(&mut self, button: &Button, form: &[(String, String)], page: &Page) {
        let Some(step) = self.seen.steps.last_mut() else {
            return;
        };
        step.pressed = Some(button.id.clone());
        self.seen.pressed.insert(button.id.clone());
        for (id, text) in form {
            let Some(input) = page.input(id) else {
                continue;
            };
            self.memory.keep(id, text);
            let shown = match input.shape {
                Shape::Password => MASK,
                _ => text,
            };
            step.typed.push((id.clone(), shown.to_owned()));
        }
    }

    async fn act<'p>(&mut self, page: &'p Page) -> Result<Act<'p>, RobotError> {
        if let Some(end) = self.mind(page) {
            return Ok(Act::Stop(end));
        }
        let may_cancel = self.goal == Goal::Cancel && page.kind != Kind::Provider;
        if may_cancel && let Some(cancel) = page.button("cancel") {
            return Ok(Act::Press(cancel, sent(page, Vec::new(), cancel)));
        }
        match page.kind {
            Kind::Choice => Ok(self.choose(page)),
            Kind::Provider => Ok(self.come_from_provider(page)),
            Kind::SelfAsserted | Kind::FormPost | Kind::Other => self.assert(page).await,
        }
    }

    /// Minds what the page says is wrong: an end, or something to do otherwise.
    fn mind(&mut self, page: &Page) -> Option<End> {
        if page.errors.is_empty() {
            return None;
        }
        let stays = || Some(End::Stays(page.errors.join(" / ")));
        self.tries += 1;
        if self.patience == Patience::None || self.tries > MAX_TRIES {
            return stays();
        }
        let mut wrong = page.inputs.iter().filter(|input| input.is_wrong).peekable();
        if wrong.peek().is_some() {
            let ours: Vec<&Input> = wrong.filter(|input| !self.hands.is_told(input)).collect();
            if ours.is_empty() {
                return stays();
            }
            for input in ours {
                self.hands.was_refused(input);
            }
            return None;
        }
        if self.patience == Patience::Fields {
            return stays();
        }
        match page.kind {
            Kind::Choice => self.shuns_local = true,
            Kind::SelfAsserted | Kind::Provider | Kind::FormPost | Kind::Other => self.hands.swap(),
        }
        None
    }

    /// A page with several ways in.
    fn choose<'p>(&mut self, page: &'p Page) -> Act<'p> {
        if let Some(wanted) = self.press.pop_front() {
            return self.press_wanted(page, &wanted);
        }
        let has_form = page
            .inputs
            .iter()
            .any(|input| input.shape == Shape::Password);
        let next = page
            .button("next")
            .filter(|_| has_form && !self.shuns_local);
        let wants_refusal = self.goal == Goal::Refusal;
        if let Some(next) = next.filter(|_| wants_refusal || self.is_returning) {
            return self.sign_in(page, next);
        }
        let create = page.button("createAccount").filter(|_| !self.hands.is_new);
        if let Some(create) = create {
            self.hands.be(true);
            return Act::Press(create, sent(page, Vec::new(), create));
        }
        if let Some(next) = next {
            return self.sign_in(page, next);
        }
        match way_in(page, self.shuns_local) {
            Some(button) => {
                if button.id.to_lowercase().contains("signup") {
                    self.hands.be(true);
                }
                Act::Press(button, sent(page, Vec::new(), button))
            }
            None => Act::Stop(End::Page(page.text.clone())),
        }
    }

    fn press_wanted<'p>(&mut self, page: &'p Page, wanted: &str) -> Act<'p> {
        let Some(button) = page.button(wanted) else {
            let ids: Vec<&str> = page
                .buttons
                .iter()
                .map(|button| button.id.as_str())
                .collect();
            let text = format!(
                "there is no button {wanted} to press, but {}",
                ids.join(", ")
            );
            return Act::Stop(End::Wrong(text));
        };
        if button.id == "next" {
            return self.sign_in(page, button);
        }
        if button.id == "createAccount" || button.id.to_lowercase().contains("signup") {
            self.hands.be(true);
        }
        Act::Press(button, sent(page, Vec::new(), button))
    }

    fn sign_in<'p>(&mut self, page: &'p Page, button: &'p Button) -> Act<'p> {
        if !self.is_returning {
            self.hands.be(false);
        }
        let mut form = self.hands.filled(page, self.memory);
        if self.goal == Goal::Refusal {
            for (id, text) in &mut form {
                if page
                    .input(id)
                    .is_some_and(|input| input.shape == Shape::Password)
                {
                    WRONG_PASSWORD.clone_into(text);
                }
            }
        }
        Act::Press(button, sent(page, form, button))
    }

    fn come_from_provider<'p>(&mut self, page: &'p Page) -> Act<'p> {
        self.hands.be_whom_the_provider_knows();
        let button = match self.goal {
            Goal::ProviderRefusal => page.button("cancel"),
            Goal::Token | Goal::Refusal | Goal::Cancel => page.button("continue"),
        };
        match button {
            Some(button) => Act::Press(
                button,
                sent(page, self.hands.filled(page, self.memory), button),
            ),
            None => Act::Stop(End::Page(page.text.clone())),
        }
    }

    async fn assert<'p>(&mut self, page: &'p Page) -> Result<Act<'p>, RobotError> {
        self.hands.be_whom_the_page_asks_for(page);
        if let Some(act) = self.prove(page).await? {
            return Ok(act);
        }
        let Some(button) = page.button("continue") else {
            return Ok(Act::Stop(End::Page(page.text.clone())));
        };
        let mut form = self.hands.filled(page, self.memory);
        if self.goal == Goal::Refusal {
            let is_old = |id: &str| id.eq_ignore_ascii_case("password");
            match form.iter_mut().find(|(id, _)| is_old(id)) {
                Some((_, password)) => WRONG_PASSWORD.clone_into(password),
                None => form.retain(|(id, _)| {
                    !page
                        .input(id)
                        .is_some_and(|input| input.is_required && !input.is_readonly)
                }),
            }
        }
        Ok(Act::Press(button, sent(page, form, button)))
    }

    /// An address has to be proven before the page goes on.
    async fn prove<'p>(&mut self, page: &'p Page) -> Result<Option<Act<'p>>, RobotError> {
        let ends = |end: &str| {
            let mut buttons = page.buttons.iter();
            buttons.find(|button| button.id.ends_with(end))
        };
        // Another person has another address.
        let edit = ends("_ver_but_edit").filter(|edit| {
            let input = page.input(edit.id.trim_end_matches("_ver_but_edit"));
            input.is_some_and(|input| {
                !page.errors.is_empty() && !self.hands.is_as_wanted(input, self.memory)
            })
        });
        if let Some(edit) = edit {
            return Ok(Some(Act::Press(
                edit,
                sent(page, self.hands.filled(page, self.memory), edit),
            )));
        }
        if let Some(verify) = ends("_ver_but_verify") {
            let claim = verify.id.trim_end_matches("_ver_but_verify");
            let address = page.input(claim).map_or("", |input| &input.value);
            let code = match self.goal {
                Goal::Refusal => "000000".to_owned(),
                Goal::Token | Goal::ProviderRefusal | Goal::Cancel => {
                    match self.hands.code(claim) {
                        Some(code) => code.to_owned(),
                        None => self.desk.code(address).await?.unwrap_or_default(),
                    }
                }
            };
            let mut form = self.hands.filled(page, self.memory);
            form.push((format!("{claim}_ver_input"), code));
            return Ok(Some(Act::Press(verify, sent(page, form, verify))));
        }
        Ok(ends("_ver_but_send")
            .map(|send| Act::Press(send, sent(page, self.hands.filled(page, self.memory), send))))
    }
}
