//! A journey as a picture: a card a step, one beneath the other.

use std::fmt::Write as _;

use super::journey::{Family, Journey, Profile, Step, Validation};

/// Pixels at full size.
const WIDTH: usize = 640;
const LEFT: usize = 28;
const CARD: usize = 564;
/// Where the line runs that leads around a step.
const AROUND: usize = 616;
const LINE: usize = 18;
const GAP: usize = 26;

/// What `<style>` says; the page that holds a picture says the same variables.
const STYLE: &str = include_str!("pages/picture.css");

/// A line of a card.
struct Row {
    class: &'static str,
    indent: usize,
    text: String,
    /// The dot before it.
    family: Option<Family>,
}

struct Picture<'a> {
    journey: &'a Journey,
    out: String,
    y: usize,
    /// Before the number of a step it makes the id that its card links to.
    anchor: Option<String>,
}

impl Journey {
    /// A file of its own.
    pub fn svg(&self) -> String {
        let mut picture = Picture::of(self, false);
        picture.all();
        picture.finish()
    }

    /// Part of a page, in which each card leads to its step.
    pub(super) fn svg_in_page(&self) -> String {
        let mut picture = Picture::of(self, true);
        picture.all();
        picture.finish()
    }
}

impl<'a> Picture<'a> {
    fn of(journey: &'a Journey, linked: bool) -> Self {
        Self {
            journey,
            out: String::new(),
            y: 12,
            anchor: linked.then(String::new),
        }
    }

    fn all(&mut self) {
        let journey = self.journey;
        self.end(&format!("App asks for {}", journey.policy));
        self.arrow(GAP);
        self.steps("step-", &journey.steps);
        self.end("App");
        for (number, own) in journey.sub_journeys.iter().enumerate() {
            self.y += GAP;
            self.end(&format!("Sub-journey {}", own.id));
            self.arrow(GAP);
            self.steps(&format!("sub-{}-step-", number + 1), &own.steps);
            self.end(if own.returns {
                "Back to the journey"
            } else {
                "Ends here"
            });
        }
    }

    fn steps(&mut self, prefix: &str, steps: &[Step]) {
        for (at, step) in steps.iter().enumerate() {
            if self.anchor.is_some() {
                self.anchor = Some(format!("{prefix}{}", at + 1));
            }
            self.step(step);
            self.arrow(GAP);
        }
    }

    /// A step, beneath what makes it be skipped.
    fn step(&mut self, step: &Step) {
        let from = self.y;
        if !step.skipped_if.is_empty() {
            self.skip(&step.skipped_if);
        }
        let rows = wrapped(self.rows(step));
        let height = rows.len() * LINE + 20;
        let family = step
            .runs
            .first()
            .and_then(|run| self.journey.profile(&run.profile));
        let family = family.map_or(Family::Other, |profile| profile.family);
        let y = self.y;
        let anchor = self.anchor.clone();
        if let Some(anchor) = &anchor {
            self.put(format_args!(
                "<a id=\"picture-{anchor}\" href=\"#{anchor}\">"
            ));
        }
        self.put(format_args!(
            "<g class=\"card {}\"><rect class=\"box\" x=\"{LEFT}\" y=\"{}\" width=\"{CARD}\" height=\"{height}\" rx=\"8\"/>\
             <rect class=\"bar\" x=\"{LEFT}\" y=\"{}\" width=\"6\" height=\"{height}\" rx=\"3\"/>\
             <text class=\"number\" x=\"{}\" y=\"{}\">{}</text>",
            family.class(),
            y,
            y,
            LEFT + 38,
            y + 27,
            escaped(&step.order),
        ));
        for (number, row) in rows.iter().enumerate() {
            let y = self.y + 26 + number * LINE;
            let x = LEFT + 52 + row.indent * 16;
            if let Some(family) = row.family {
                self.put(format_args!(
                    "<circle class=\"dot {}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>",
                    family.class(),
                    x + 4,
                    y - 4
                ));
            }
            let x = if row.indent > 0 { x + 14 } else { x };
            self.put(format_args!(
                "<text class=\"{}\" x=\"{x}\" y=\"{y}\">{}</text>",
                row.class,
                escaped(&row.text)
            ));
        }
        self.put(format_args!("</g>"));
        if anchor.is_some() {
            self.put(format_args!("</a>"));
        }
        self.y += height;
        if !step.skipped_if.is_empty() {
            let (right, top, bottom) = (LEFT + CARD, from + 12, self.y + GAP / 2);
            self.put(format_args!(
                "<path class=\"around\" d=\"M{right} {top} H{AROUND} V{bottom} H{}\"/>",
                WIDTH / 2 + 5
            ));
        }
    }

    /// The strip above a card.
    fn skip(&mut self, conditions: &[String]) {
        let text = format!("skipped if {}", conditions.join(", or if "));
        let lines = wrap(&text, columns(CARD - 32, 12));
        let height = lines.len() * LINE + 6;
        let y = self.y;
        self.put(format_args!(
            "<rect class=\"skip\" x=\"{LEFT}\" y=\"{}\" width=\"{CARD}\" height=\"{height}\" rx=\"6\"/>",
            y
        ));
        for (number, line) in lines.iter().enumerate() {
            self.put(format_args!(
                "<text class=\"condition\" x=\"{}\" y=\"{}\">{}</text>",
                LEFT + 14,
                y + 16 + number * LINE,
                escaped(line)
            ));
        }
        self.y += height + 4;
    }

    fn rows(&self, step: &Step) -> Vec<Row> {
        let mut rows = vec![row("title", 0, &step.title)];
        rows.extend(
            step.page
                .iter()
                .map(|page| row("quiet", 0, &page.summary())),
        );
        for choice in &step.choices {
            let profile = choice
                .profile
                .as_ref()
                .and_then(|id| self.journey.profile(id));
            let family = profile.map(|profile| profile.family);
            let text = format!("{} → {}", choice.label, choice.exchange);
            let mut row = row("plain", 1, &text);
            // What leads to another step is run there.
            row.family = Some(family.unwrap_or(Family::Other));
            rows.push(row);
        }
        for run in &step.runs {
            if let Some(profile) = self.journey.profile(&run.profile) {
                self.run(&mut rows, profile, step.runs.len() > 1);
            }
        }
        for id in &step.sub_journeys {
            let text = match self.journey.has_sub_journey(id) {
                true => format!("drawn below: {id}"),
                false => format!("not in the policy: {id}"),
            };
            rows.push(row("quiet", 0, &text));
        }
        rows
    }

    fn run(&self, rows: &mut Vec<Row>, profile: &Profile, several: bool) {
        rows.push(row("profile", 0, &profile.id));
        let page = profile.page.as_ref().map(|page| page.summary());
        // The title says what it does already, unless there are several.
        let summary = (several || profile.call.is_some() || profile.lines.is_none())
            .then(|| profile.summary());
        let about: Vec<_> = summary.into_iter().chain(page).collect();
        if !about.is_empty() {
            rows.push(row("quiet", 0, &about.join(": ")));
        }
        if !profile.asks.is_empty() {
            let asks = format!("asks for {}", profile.asks.join(", "));
            rows.push(row("quiet", 0, &asks));
        }
        for action in &profile.actions {
            let text = format!("{} of {}", action.button, action.control);
            rows.push(row("quiet", 0, &text));
            self.validations(rows, &action.runs);
        }
        self.validations(rows, &profile.validations);
        if let Some(session) = &profile.session {
            rows.push(row("quiet", 0, &format!("session {session}")));
        }
    }

    fn validations(&self, rows: &mut Vec<Row>, validations: &[Validation]) {
        for (number, own) in validations.iter().enumerate() {
            let profile = self.journey.profile(&own.profile);
            let mut text = format!("{}. {}", number + 1, own.profile);
            if let Some(profile) = profile {
                let _ = write!(text, ": {}", profile.summary());
            }
            let mut line = row("plain", 1, &text);
            line.family = Some(profile.map_or(Family::Missing, |profile| profile.family));
            rows.push(line);
            rows.extend(own.remarks().iter().map(|remark| row("quiet", 2, remark)));
        }
    }

    /// Where a journey begins or ends.
    fn end(&mut self, text: &str) {
        let lines = wrap(text, columns(300, 13));
        let height = lines.len() * LINE + 14;
        let y = self.y;
        self.put(format_args!(
            "<rect class=\"end\" x=\"{}\" y=\"{}\" width=\"340\" height=\"{height}\" rx=\"16\"/>",
            WIDTH / 2 - 170,
            y
        ));
        for (number, line) in lines.iter().enumerate() {
            self.put(format_args!(
                "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>",
                WIDTH / 2,
                y + 21 + number * LINE,
                escaped(line)
            ));
        }
        self.y += height;
    }

    fn arrow(&mut self, length: usize) {
        let (x, from, to) = (WIDTH / 2, self.y, self.y + length);
        self.put(format_args!(
            "<path class=\"arrow\" d=\"M{x} {from} V{} M{} {} L{x} {} L{} {}\"/>",
            to - 1,
            x - 4,
            to - 6,
            to - 1,
            x + 4,
            to - 6
        ));
        self.y += length;
    }

    fn put(&mut self, part: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(part);
        self.out.push('\n');
    }

    fn finish(self) -> String {
        let title = format!("Journey {} of {}", self.journey.id, self.journey.policy);
        let height = self.y + 12;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"journey\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n\
             <style>{STYLE}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n{}</svg>\n",
            escaped(&title),
            self.out
        )
    }
}

fn row(class: &'static str, indent: usize, text: &str) -> Row {
    Row {
        class,
        indent,
        text: text.to_owned(),
        family: None,
    }
}

/// Rows that are too long go on in the next one.
fn wrapped(rows: Vec<Row>) -> Vec<Row> {
    let mut all = Vec::new();
    for row in rows {
        let size = if row.class == "title" { 15 } else { 12 };
        let room = CARD - 52 - 16 - row.indent * 16 - if row.indent > 0 { 14 } else { 0 };
        for (number, text) in wrap(&row.text, columns(room, size)).into_iter().enumerate() {
            all.push(Row {
                text,
                family: row.family.filter(|_| number == 0),
                ..row
            });
        }
    }
    all
}

/// Letters that surely fit: nothing measures them here, and fonts differ.
fn columns(pixels: usize, size: usize) -> usize {
    pixels * 100 / (size * 58)
}

/// Breaks where there are blanks, and within a word where it fills a line.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let wide = width(word.trim_end());
        if used > 0 && used + wide > columns {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let wide = letter(c);
            if used + wide > columns && c != ' ' {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += wide;
        }
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().map(letter).sum()
}

/// Letters of East Asia are as wide as two.
fn letter(c: char) -> usize {
    if u32::from(c) >= 0x1100 { 2 } else { 1 }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Letters that no XML may have.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
