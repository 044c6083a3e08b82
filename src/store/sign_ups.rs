//! Sign-ups are looked up, decided and written down together: those of a legal
//! entity that ask now, in two statements. Between them each is judged by
//! whoever asks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::attempts::{AttemptRow, Verdict};
use super::batches::{Answers, Batched, Haste};
use super::candidates::{self, Candidates, Lookup, Wanted, candidates, linking_switch};
use super::features::Switch;
use super::remember::{self, Draft, Line, Repeated};
use super::{Sessions, Store, StoreError, pipelined};
use crate::domain::customer::LegalEntity;
use crate::domain::reference::Reference;

/// What is decided when the candidates are known. Called anew each time that
/// they are looked up.
pub type Judge = Box<dyn Fn(&Candidates) -> Verdict + Send + Sync>;

/// A sign-up, kept until others come along.
pub(super) struct SignUp {
    wanted: Option<Wanted>,
    draft: Arc<Draft>,
    judge: Judge,
}

/// What became of a sign-up.
pub(super) enum Judged {
    /// Linking is switched off: nothing was decided.
    Off,
    Remembered(Verdict, Reference),
    /// There is an attempt of its key, which it has to join.
    Repeated(Verdict, Line),
}

impl SignUp {
    /// A panic is its own and not its neighbours'.
    fn judge_apart(&self, candidates: &Candidates) -> Result<Verdict, StoreError> {
        let judge = AssertUnwindSafe(|| (self.judge)(candidates));
        catch_unwind(judge).map_err(|_| StoreError::Corrupt("a decision that ended in a panic"))
    }
}

impl Batched for SignUp {
    type Answer = Judged;
    type On = Sessions;

    const KIND: &'static str = "sign-up";

    async fn carry(
        sessions: &Sessions,
        legal_entity: &LegalEntity,
        sign_ups: &[Self],
        haste: Haste,
    ) -> Result<Answers<Self>, StoreError> {
        let wanted: Vec<_> = sign_ups
            .iter()
            .filter_map(|sign_up| sign_up.wanted.as_ref())
            .collect();
        let session = sessions.session().await?;
        let (switch, (feed, found)) = pipelined!(
            linking_switch(&session),
            candidates(&session, legal_entity, &wanted)
        )?;
        if switch == Switch::Off {
            session.give_back();
            return Ok(sign_ups.iter().map(|_| Ok(Judged::Off)).collect());
        }
        let mut found = found.into_iter();
        let judge = |sign_up: &Self| -> Result<(Verdict, Line), StoreError> {
            let candidates = match &sign_up.wanted {
                Some(wanted) => Candidates {
                    found: found.next().unwrap_or_else(candidates::unanswered)?,
                    feed: feed.filter(|_| wanted.minds_age),
                },
                None => Candidates::default(),
            };
            let verdict = sign_up.judge_apart(&candidates)?;
            let line = Line::new(&sign_up.draft, &verdict);
            Ok((verdict, line))
        };
        let judged: Vec<_> = sign_ups.iter().map(judge).collect();
        let lines: Vec<_> = judged
            .iter()
            .flatten()
            .map(|(_, line)| line.clone())
            .collect();
        let opened = remember::open(&session, legal_entity, &lines, haste).await?;
        session.give_back();
        let mut opened = opened.into_iter();
        let answer = |judged: Result<(Verdict, Line), StoreError>| {
            let (verdict, line) = judged?;
            Ok(match opened.next().unwrap_or_else(remember::unwritten)? {
                Some(reference) => Judged::Remembered(verdict, reference),
                None => Judged::Repeated(verdict, line),
            })
        };
        Ok(judged.into_iter().map(answer).collect())
    }
}

impl Store {
    /// Looks up whom a sign-up could mean, has it judged and remembers it,
    /// together with the others that ask now. `None` where linking is switched
    /// off. Without a `lookup` nobody is meant.
    pub async fn sign_up(
        &self,
        lookup: Option<&Lookup<'_>>,
        attempt: &AttemptRow<'_>,
        judge: Judge,
    ) -> Result<Option<(Verdict, Reference)>, StoreError> {
        let legal_entity = &attempt.site.legal_entity;
        let sign_up = SignUp {
            wanted: lookup.map(Wanted::of),
            draft: Arc::new(Draft::of(attempt)),
            judge,
        };
        Ok(match self.sign_ups.ask(legal_entity, sign_up).await? {
            Judged::Off => None,
            Judged::Remembered(verdict, reference) => Some((verdict, reference)),
            Judged::Repeated(verdict, line) => {
                let reference = self.repeated.ask(legal_entity, Repeated(line)).await?;
                Some((verdict, reference))
            }
        })
    }
}
