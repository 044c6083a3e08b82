//! Whether a visit went as its story tells.

use serde_json::{Map, Value};

use super::{
    desk::{Desk, DeskError},
    ends::End,
    expect::{Memory, differences, says},
    robot::Seen,
    story::{Called, InDirectory, Visit},
};

/// What the story is compared with.
pub(super) struct Check<'a> {
    pub(super) desk: &'a Desk,
    /// What was typed, which the story may name.
    pub(super) memory: &'a Memory,
}

impl Check<'_> {
    /// What is other than the story tells.
    pub(super) fn unlike(&self, visit: &Visit, end: &End, seen: &Seen) -> Vec<String> {
        let mut wrong = self.unlike_end(visit, end);
        for text in &visit.shows {
            if !says(&seen.text, text) {
                wrong.push(format!("no page showed \"{text}\""));
            }
        }
        for id in &visit.asks {
            if !seen.asked.contains(&id.to_lowercase()) {
                wrong.push(format!("no page asked for {id}"));
            }
        }
        for id in &visit.never_asks {
            if seen.asked.contains(&id.to_lowercase()) {
                wrong.push(format!("a page asked for {id}"));
            }
        }
        wrong
    }

    fn unlike_end(&self, visit: &Visit, end: &End) -> Vec<String> {
        let other = |wanted: &str| vec![format!("{}, not {wanted}", end.told())];
        if let Some(expected) = &visit.token {
            let End::Token(claims) = end else {
                return other("a token");
            };
            let mut wrong = differences(&self.memory.filled_members(expected), claims);
            let too_many = visit
                .token_lacks
                .iter()
                .filter(|name| claims.contains_key(*name));
            wrong.extend(too_many.map(|name| format!("the token has {name}")));
            return wrong;
        }
        let (wanted, part, said) = match (&visit.error, &visit.message, &visit.page, end) {
            (Some(part), _, _, End::Error { error, description }) => (
                "an error with",
                part,
                Some(format!("{error} {description}")),
            ),
            (Some(part), _, _, _) => ("an error with", part, None),
            (_, Some(part), _, End::Stays(message)) => {
                ("a page that stays with", part, Some(message.clone()))
            }
            (_, Some(part), _, _) => ("a page that stays with", part, None),
            (_, _, Some(part), End::Page(text)) => ("a last page with", part, Some(text.clone())),
            (_, _, Some(part), _) => ("a last page with", part, None),
            (None, None, None, _) => return Vec::new(),
        };
        match said {
            Some(said) if says(&said, &self.memory.filled(part)) => Vec::new(),
            Some(_) | None => other(&format!("{wanted} \"{part}\"")),
        }
    }

    pub(super) async fn not_in_directory(
        &self,
        wanted: &[InDirectory],
    ) -> Result<Vec<String>, DeskError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let users = self.desk.users().await?;
        let mut wrong = Vec::new();
        for one in wanted {
            let find = self.memory.filled_members(&one.find);
            let found = users
                .iter()
                .find(|user| differences(&find, user).is_empty());
            let find = Value::Object(find);
            match (found, one.absent) {
                (None, true) => {}
                (Some(_), true) => wrong.push(format!("{find} is in the directory")),
                (None, false) => wrong.push(format!("{find} is not in the directory")),
                (Some(user), false) => {
                    let has = self.memory.filled_members(&one.has);
                    let lacks = differences(&has, user).into_iter();
                    wrong.extend(lacks.map(|what| format!("in the directory {what}")));
                }
            }
        }
        Ok(wrong)
    }

    pub(super) async fn not_called(&self, wanted: &[Called]) -> Result<Vec<String>, DeskError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let calls = self.desk.audit().await?;
        let mut wrong = Vec::new();
        for one in wanted {
            let sent = self.memory.filled_members(&one.sent);
            let mut own = calls.iter().filter(|call| is_call_of(call, &one.profile));
            let found = own.any(|call| differences(&sent, &body(call)).is_empty());
            match (found, one.never) {
                (true, false) | (false, true) => {}
                (true, true) => wrong.push(format!("{} was called", one.profile)),
                (false, false) => {
                    let sent = Value::Object(sent);
                    wrong.push(format!("{} was not called with {sent}", one.profile));
                }
            }
        }
        Ok(wrong)
    }
}

fn is_call_of(call: &Map<String, Value>, profile: &str) -> bool {
    let step = call.get("step").and_then(Value::as_str);
    step.is_some_and(|step| step.eq_ignore_ascii_case(profile))
}

/// The JSON that was sent.
fn body(call: &Map<String, Value>) -> Map<String, Value> {
    let body = call.get("requestBody").and_then(Value::as_str);
    body.and_then(|body| serde_json::from_str(body).ok())
        .unwrap_or_default()
}
