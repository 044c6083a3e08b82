//! The report: one page that opens without a network and names nobody.

use std::io::Write;
use std::path::Path;

use askama::Template;

use super::SimulateError;
use super::changes::Changes;
use super::domains::{FEWEST, Standing};
use super::identities::IdentityTally;
use super::outcome::Outcome;
use super::population::Population;
use super::tables::output;
use super::tally::{EntityTally, SIZES, SiteTally, Tally};
use crate::domain::customer::CustomerType;
use crate::domain::site::{CustomerEmail, Mode, Site};
use crate::import::sheet::private_file;

/// How many domains are shown.
const DOMAINS: usize = 15;

pub const NAME: &str = "report.html";

/// What the page is made of.
pub struct Content<'a> {
    /// When and of what it was made, for people.
    pub made_at: String,
    pub source: String,
    pub population: &'a Population,
    pub tally: &'a Tally,
    pub to_fix: u64,
    pub identities: Option<&'a IdentityTally>,
    pub changes: Option<(&'a str, &'a Changes)>,
}

/// A number, for a program and for a person.
struct Figure {
    value: u64,
    text: String,
}

impl From<u64> for Figure {
    fn from(value: u64) -> Self {
        Self {
            value,
            text: grouped(value),
        }
    }
}

/// Groups of three digits with a narrow blank that does not break between.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push('\u{202F}');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole, with one digit behind the point.
pub fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        whole => {
            let share = part as f64 / whole as f64 * 100.0;
            match share {
                share if share > 0.0 && share < 0.1 => "< 0.1 %".to_owned(),
                share if share > 99.9 && share < 100.0 => "> 99.9 %".to_owned(),
                share => format!("{share:.1} %"),
            }
        }
    }
}

/// A bar of a chart.
struct Bar {
    label: String,
    note: &'static str,
    figure: Figure,
    percent: String,
    /// In thousandths of the drawing's width.
    width: u64,
    class: &'static str,
}

/// A part of a bar.
struct Segment {
    class: &'static str,
    title: String,
    x: f64,
    width: f64,
}

struct SiteView {
    name: String,
    entity: String,
    customer_type: &'static str,
    rules: String,
    /// Whom it sells to.
    own: Figure,
    link: Figure,
    link_percent: String,
    segments: Vec<Segment>,
    summary: String,
    rows: Vec<Bar>,
    addresses: [(&'static str, Figure, String); 4],
}

struct EntityView {
    code: String,
    customers: Figure,
    unreadable: Figure,
    shared: Vec<Bar>,
    shared_addresses: Figure,
    shared_customers: Figure,
    has_sites: bool,
}

struct Tile {
    figure: Figure,
    title: &'static str,
    note: String,
    class: &'static str,
}

struct Part {
    title: String,
    rows: Vec<(String, String, String, Figure)>,
}

#[derive(Template)]
#[template(path = "report.html", config = "src/simulate/askama.toml")]
struct Page {
    made_at: String,
    source: String,
    tiles: Vec<Tile>,
    advice: Vec<String>,
    legend: Vec<(&'static str, &'static str)>,
    sites: Vec<SiteView>,
    entities: Vec<EntityView>,
    domains: Vec<Bar>,
    other_domains: Figure,
    fewest: u64,
    identities: Option<Part>,
    identity_note: String,
    changes: Option<Part>,
    /// What the words for outcomes mean.
    glossary: Vec<(&'static str, &'static str)>,
}

/// Colours by what is to be done.
const LEGEND: [(&str, &str); 5] = [
    ("good", "would be linked, or is linked already"),
    ("shared", "address shared by several"),
    ("fix", "no address, or one that will not do"),
    ("wait", "waiting, blocked or gone"),
    ("other", "not this site's customers"),
];

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Link | Outcome::AlreadyLinked => "good",
        Outcome::Shared => "shared",
        Outcome::Relay
        | Outcome::Disposable
        | Outcome::NoAddress
        | Outcome::NotComparable
        | Outcome::NotProven => "fix",
        Outcome::Pending | Outcome::Blocked | Outcome::Retired => "wait",
        Outcome::Organisation | Outcome::OtherType => "other",
    }
}

fn note(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Relay => {
            "The service would link it; but such an address is made up for one site, and nobody \
             comes with it to another."
        }
        Outcome::Disposable => {
            "The service would link it; but whoever opens that mailbox would be linked too."
        }
        Outcome::Shared => "Refused at sign-up until one of the records has an address of its own.",
        Outcome::NoAddress => "Nobody can be found without one.",
        Outcome::NotComparable => "Quoted, not in plain letters before the @, or an IP address.",
        Outcome::NotProven => {
            "Typed at a sign-up, or the site asks for proof of the customer's address."
        }
        Outcome::Organisation => "Only persons sign up.",
        Outcome::OtherType => "Found at the site that sells to them.",
        Outcome::Link => {
            "The address on file is this customer's only: whoever proves it is linked."
        }
        Outcome::AlreadyLinked => "Keeps its link whatever the rules would say today.",
        Outcome::Pending => "Becomes a candidate when somebody approves it.",
        Outcome::Blocked => "Found by nobody.",
        Outcome::Retired => {
            "Another customer has taken its place, or the last full feed came without it."
        }
    }
}

/// Writes the page.
pub fn write(path: &Path, content: &Content<'_>) -> Result<(), SimulateError> {
    let html = page(content).render()?;
    let written = private_file(path).and_then(|mut file| file.write_all(html.as_bytes()));
    written.map_err(|error| output(path, error))
}

fn page(content: &Content<'_>) -> Page {
    let Content {
        population, tally, ..
    } = content;
    let (top, others) = population.domains.top(DOMAINS);
    let most = top.iter().map(|(_, count, _)| *count).max();
    let all: u64 = top.iter().map(|(_, count, _)| count).sum::<u64>() + others;
    Page {
        made_at: content.made_at.clone(),
        source: content.source.clone(),
        tiles: tiles(content),
        advice: advice(content),
        legend: LEGEND.to_vec(),
        sites: tally.sites.iter().map(site_view).collect(),
        entities: tally
            .entities
            .iter()
            .map(|entity| entity_view(entity, tally))
            .collect(),
        domains: top
            .into_iter()
            .map(|(domain, count, standing)| Bar {
                label: domain,
                note: match standing {
                    Standing::Lasting => "",
                    Standing::Relay => "relay service",
                    Standing::Disposable => "disposable",
                },
                width: scaled(count, most),
                percent: percent(count, all),
                figure: count.into(),
                class: match standing {
                    Standing::Lasting => "plain",
                    Standing::Relay | Standing::Disposable => "fix",
                },
            })
            .collect(),
        other_domains: others.into(),
        fewest: FEWEST,
        identities: content.identities.map(identities),
        identity_note: content.identities.map(identity_note).unwrap_or_default(),
        changes: content.changes.map(changes),
        glossary: Outcome::ALL
            .into_iter()
            .map(|outcome| (outcome.title(), note(outcome)))
            .collect(),
    }
}

fn scaled(count: u64, most: Option<u64>) -> u64 {
    match most {
        None | Some(0) => 0,
        // A bar of nothing but a number would seem to be none.
        Some(most) => (count * 1000 / most).max(u64::from(count > 0) * 4),
    }
}

fn tiles(content: &Content<'_>) -> Vec<Tile> {
    let tally = content.tally;
    let link = tally.anywhere.of(Outcome::Link) + tally.anywhere.of(Outcome::AlreadyLinked);
    let shared = tally.anywhere.of(Outcome::Shared);
    let customers = tally.customers();
    let unreadable: u64 = tally.entities.iter().map(|entity| entity.unreadable).sum();
    let unreadable = unreadable + content.population.unreadable_of_nobody;
    vec![
        Tile {
            figure: customers.into(),
            title: "customers",
            note: format!("in {} legal entities", tally.entities.len()),
            class: "plain",
        },
        Tile {
            figure: link.into(),
            title: "would be linked",
            note: format!("{} of all customers", percent(link, customers)),
            class: "good",
        },
        Tile {
            figure: shared.into(),
            title: "share an address",
            note: "refused until somebody decides".to_owned(),
            class: "shared",
        },
        Tile {
            figure: content.to_fix.into(),
            title: "records to fix",
            note: "listed in records-to-fix.csv".to_owned(),
            class: "fix",
        },
        Tile {
            figure: unreadable.into(),
            title: "unreadable rows",
            note: "would not be imported".to_owned(),
            class: "wait",
        },
    ]
}

fn advice(content: &Content<'_>) -> Vec<String> {
    let tally = content.tally;
    let sum = |outcome: Outcome| tally.anywhere.of(outcome);
    let mut advice = Vec::new();
    let mut say = |count: u64, text: &str| {
        if count > 0 {
            advice.push(text.replace("{}", &grouped(count)));
        }
    };
    say(
        sum(Outcome::Shared),
        "{} customers share an address with another: decide who keeps it (idlink duplicates), or \
         they are refused.",
    );
    say(
        sum(Outcome::NoAddress),
        "{} customers have no address and cannot be found.",
    );
    say(
        sum(Outcome::NotComparable),
        "{} customers have an address in a spelling that is compared with nothing.",
    );
    say(
        sum(Outcome::Relay) + sum(Outcome::Disposable),
        "{} customers have an address of a relay or a disposable service: ask them for a lasting \
         one.",
    );
    let unreadable: u64 = tally.entities.iter().map(|entity| entity.unreadable).sum();
    say(
        unreadable + content.population.unreadable_of_nobody,
        "{} rows would not be imported: they are in rejected-rows.csv, each with the reason.",
    );
    for (entity, count) in content.population.others() {
        advice.push(format!(
            "{} rows are of the legal entity {}, which was not looked at.",
            grouped(count),
            entity.as_str()
        ));
    }
    for entity in &tally.entities {
        let code = entity.entity.as_str();
        if !has_sites(entity, tally) && entity.customers > 0 {
            advice.push(format!("{code} has customers, and no site sells for it."));
        }
    }
    for site in &tally.sites {
        if site.site.mode != Mode::Enforce {
            advice.push(format!(
                "{} does not link yet (mode = \"{}\"): this page says what it would do.",
                site.site.name,
                mode(&site.site)
            ));
        }
    }
    advice
}

fn mode(site: &Site) -> &'static str {
    match site.mode {
        Mode::Off => "off",
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    }
}

fn has_sites(entity: &EntityTally, tally: &Tally) -> bool {
    let mut sites = tally.sites.iter();
    sites.any(|site| site.site.legal_entity == entity.entity)
}

fn site_view(tally: &SiteTally) -> SiteView {
    let all = tally.customers.all();
    let most = Outcome::ALL
        .map(|outcome| tally.customers.of(outcome))
        .into_iter()
        .max();
    let link = tally.customers.of(Outcome::Link);
    let others = Outcome::ALL
        .into_iter()
        .filter(|outcome| class(*outcome) == "other");
    let own = all
        - others
            .map(|outcome| tally.customers.of(outcome))
            .sum::<u64>();
    let rows = Outcome::ALL
        .into_iter()
        .filter(|outcome| tally.customers.of(*outcome) > 0)
        .map(|outcome| {
            let count = tally.customers.of(outcome);
            Bar {
                label: outcome.title().to_owned(),
                note: "",
                percent: percent(count, all),
                width: scaled(count, most),
                figure: count.into(),
                class: class(outcome),
            }
        });
    let addresses = tally.addresses;
    let of = |count: u64| (Figure::from(count), percent(count, addresses.all()));
    let [link_of, ambiguous, unknown, refused] = [
        addresses.link,
        addresses.ambiguous,
        addresses.unknown,
        addresses.refused,
    ]
    .map(of);
    SiteView {
        name: tally.site.name.clone(),
        entity: tally.site.legal_entity.as_str().to_owned(),
        customer_type: match tally.site.rules.customer_type {
            CustomerType::B2b => "B2B",
            CustomerType::B2c => "B2C",
        },
        rules: rules(&tally.site),
        own: own.into(),
        link: link.into(),
        link_percent: percent(link, own),
        segments: segments(tally),
        summary: summary(tally),
        rows: rows.collect(),
        addresses: [
            ("would be linked", link_of.0, link_of.1),
            ("ambiguous", ambiguous.0, ambiguous.1),
            ("unknown here", unknown.0, unknown.1),
            ("refused otherwise", refused.0, refused.1),
        ],
    }
}

fn rules(site: &Site) -> String {
    let proof = match site.rules.customer_email {
        CustomerEmail::Any => "any address on file",
        CustomerEmail::Proven => "proven addresses only",
    };
    format!("mode {}, {proof}", mode(site))
}

fn by_class(tally: &SiteTally) -> [(&'static str, &'static str, u64); 5] {
    LEGEND.map(|(name, title)| {
        let of = |outcome: &Outcome| class(*outcome) == name;
        let outcomes = Outcome::ALL.iter().filter(|outcome| of(outcome));
        (
            name,
            title,
            outcomes.map(|outcome| tally.customers.of(*outcome)).sum(),
        )
    })
}

fn segments(tally: &SiteTally) -> Vec<Segment> {
    let all = tally.customers.all();
    let mut x = 0.0;
    let mut segments = Vec::new();
    for (class, title, count) in by_class(tally) {
        if count == 0 {
            continue;
        }
        let width = count as f64 / all as f64 * 1000.0;
        segments.push(Segment {
            class,
            title: format!("{title}: {} ({})", grouped(count), percent(count, all)),
            x,
            width,
        });
        x += width;
    }
    segments
}

/// The picture in words, for those who do not see it.
fn summary(tally: &SiteTally) -> String {
    let all = tally.customers.all();
    let parts = by_class(tally).map(|(_, title, count)| format!("{} {title}", percent(count, all)));
    parts.join(", ")
}

fn entity_view(entity: &EntityTally, tally: &Tally) -> EntityView {
    let most = entity.shared.iter().map(|(count, _)| *count).max();
    let (addresses, customers) = entity
        .shared
        .iter()
        .fold((0, 0), |(a, c), (addresses, customers)| {
            (a + addresses, c + customers)
        });
    let bars = SIZES
        .iter()
        .zip(&entity.shared)
        .map(|(size, (count, _))| Bar {
            label: format!("{size} customers"),
            note: "",
            percent: percent(*count, addresses),
            width: scaled(*count, most),
            figure: (*count).into(),
            class: "shared",
        });
    EntityView {
        code: entity.entity.as_str().to_owned(),
        customers: entity.customers.into(),
        unreadable: entity.unreadable.into(),
        shared: bars.filter(|bar| bar.figure.value > 0).collect(),
        shared_addresses: addresses.into(),
        shared_customers: customers.into(),
        has_sites: has_sites(entity, tally),
    }
}

fn identities(tally: &IdentityTally) -> Part {
    Part {
        title: grouped(tally.all),
        rows: tally
            .counts
            .iter()
            .map(|((site, outcome), count)| {
                let words = match *outcome {
                    "link" => "linked to a customer",
                    "create" => "a customer is created",
                    "create_separate" => "a customer of their own, not matched",
                    _ => "refused",
                };
                (
                    site.clone(),
                    words.to_owned(),
                    (*outcome).to_owned(),
                    (*count).into(),
                )
            })
            .collect(),
    }
}

fn identity_note(tally: &IdentityTally) -> String {
    let mut note = String::new();
    for (count, text) in [
        (
            tally.strangers,
            "are of an issuer that no tenant of the settings has. ",
        ),
        (tally.unreadable, "rows could not be read. "),
    ] {
        if count > 0 {
            note.push_str(&format!("{} {text}", grouped(count)));
        }
    }
    note
}

fn changes((name, changes): (&str, &Changes)) -> Part {
    let title = |code: &str| {
        let outcome = Outcome::ALL
            .into_iter()
            .find(|outcome| outcome.code() == code);
        outcome.map_or("no such site", Outcome::title).to_owned()
    };
    Part {
        title: name.to_owned(),
        rows: changes
            .iter()
            .map(|((site, before, after), count)| {
                (site.clone(), title(before), title(after), (*count).into())
            })
            .collect(),
    }
}
