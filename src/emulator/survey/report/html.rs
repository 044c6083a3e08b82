//! The report as one page that needs nothing but itself.

use askama::Template;

use super::{Outcome, Party, Report, Verdict, text::seconds};

#[derive(Template)]
#[template(path = "report.html", config = "src/emulator/survey/askama.toml")]
struct Page<'a> {
    report: &'a Report,
    style: &'static str,
    script: &'static str,
    bars: Vec<Bar>,
    /// The folder of traces, as the page links to it.
    traces: Option<&'a str>,
}

/// A part of the bar on top.
struct Bar {
    verdict: Verdict,
    number: usize,
    /// Of a hundred.
    share: f64,
}

impl Report {
    pub(crate) fn html(&self, traces: Option<&str>) -> Result<String, askama::Error> {
        let totals = &self.totals;
        let verdicts = [
            (Verdict::Completes, totals.completes),
            (Verdict::Refuses, totals.refuses),
            (Verdict::Wrong, totals.wrong),
        ];
        let bars = verdicts.into_iter().filter(|(_, number)| *number > 0);
        Page {
            report: self,
            style: include_str!("../pages/report.css"),
            script: include_str!("../pages/report.js"),
            bars: bars
                .map(|(verdict, number)| Bar {
                    verdict,
                    number,
                    share: share(number, totals.policies),
                })
                .collect(),
            traces,
        }
        .render()
    }
}

fn share(number: usize, of: usize) -> f64 {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let of = u32::try_from(of.max(1)).unwrap_or(u32::MAX);
    f64::from(number) * 100.0 / f64::from(of)
}

impl Page<'_> {
    fn time(&self, ms: &u64) -> String {
        match seconds(*ms) {
            short if short < 10.0 => format!("{short:.1} s"),
            long => format!("{long:.0} s"),
        }
    }

    /// The width of the bar of a party's time, of a hundred.
    fn length(&self, party: &Party) -> f64 {
        let longest = self.report.parties.iter().map(|party| party.took_ms).max();
        seconds(party.took_ms) * 100.0 / seconds(longest.unwrap_or(1).max(1))
    }

    /// All that somebody may look for.
    fn found_by(&self, party: &Party) -> String {
        let reason = party.reason();
        format!("{} {} {reason}", party.set, party.policy).to_lowercase()
    }
}

impl Outcome {
    fn class(self) -> &'static str {
        match self {
            Self::Done => "good",
            Self::Page => "fair",
            Self::Refused => "refused",
            Self::NoSuchWay | Self::NotTried => "none",
            Self::Wrong => "bad",
        }
    }

    fn explained(self) -> &'static str {
        match self {
            Self::Done => "as it should be",
            Self::Page => "ends on a page that leads nowhere",
            Self::Refused => "refuses, and says why",
            Self::NoSuchWay => "there is no such way",
            Self::Wrong => "not as it should be",
            Self::NotTried => "not tried",
        }
    }
}
