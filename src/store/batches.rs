//! Questions that arrive while others are under way go together with the next
//! statement.
//!
//! Nobody waits for a timer: whoever comes alone is carried at once, and what
//! comes meanwhile makes the next batch, which grows with the load and with
//! the time that the database takes. Only where those under way do not come back
//! does the next batch set out without them. A batch holds questions of one legal
//! entity, so that its statement stays inside one shard; every entity has a
//! few batches under way, and all of them together a bounded number, which
//! they take turns at: one that is asked much does not hold up the others.
//!
//! A batch that one of its questions may have spoilt is halved, and halved
//! again, until the others have their answers. Whoever is left is asked for
//! apart, where it keeps nobody waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout};

use super::{Limits, StoreError};
use crate::domain::customer::LegalEntity;
use crate::tracked::Tracked;

/// Of one legal entity and kind.
const UNDER_WAY: usize = 2;

/// The same where those that are under way do not come back.
const MOST_UNDER_WAY: usize = 4;

/// How long the others are waited for. Whoever has stood in the queue for longer
/// sets out beside them: they may have been held up.
const OVERDUE: Duration = Duration::from_millis(50);

/// How many wait before a second batch sets out beside the first. Fewer are
/// better carried together by whoever comes back next: a statement costs more
/// than what is in it.
const CROWDED: usize = 16;

/// Beyond it a statement only takes longer.
const LARGEST: usize = 128;

/// How many parts of a batch are halved: as many as it takes to find the one
/// that spoils it. Where it is not one, the others try again in other batches.
const MOST_SPOILT: u32 = LARGEST.ilog2() + 1;

/// How long a spoilt batch is halved. What takes longer is asked for apart: the
/// next batch waits.
const HALVED_FOR: Duration = Duration::from_secs(1);

/// Of one legal entity and kind. Whoever comes then is told that the store is
/// busy, at once.
const MOST_WAITING: usize = 4_096;

/// A question that is carried together with others of its kind.
pub(super) trait Batched: Sized + Send + Sync + 'static {
    type Answer: Send + 'static;
    /// What the statement is run on.
    type On: Clone + Send + Sync + 'static;

    /// As in metrics.
    const KIND: &'static str;

    /// Asks all of them at once: an answer for each, in their order, or the
    /// reason why there is none for any.
    fn carry(
        on: &Self::On,
        legal_entity: &LegalEntity,
        questions: &[Self],
        haste: Haste,
    ) -> impl Future<Output = Result<Answers<Self>, StoreError>> + Send;
}

/// How long a row that somebody holds is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// Hardly: others would wait as well.
    Hurried,
    /// As long as the store allows: nobody else is there.
    Patient,
}

/// One answer a question, each good or bad for itself.
pub(super) type Answers<Q> = Vec<Result<<Q as Batched>::Answer, StoreError>>;

/// A parameter that is an array: one value for each of `all`.
pub(super) fn column<'a, T, V>(all: &'a [T], value: impl Fn(&'a T) -> V) -> Vec<V> {
    all.iter().map(value).collect()
}

/// The questions of one kind. Cheap to clone.
pub(super) struct Batches<Q: Batched> {
    on: Q::On,
    queues: Arc<Mutex<HashMap<LegalEntity, Queue<Q>>>>,
    bounds: Bounds,
}

/// What batches of all kinds share.
#[derive(Clone)]
pub(super) struct Bounds {
    /// What they are carried in, whoever asks.
    tracked: Tracked,
    /// Of which there are as many as batches may be under way: `most`.
    turns: Arc<Semaphore>,
    most: usize,
    /// The same for questions that are asked for apart.
    apart: Arc<Semaphore>,
    /// For one statement with all that it may have to wait for. Beyond it the
    /// connection is given up: its server may never answer.
    limit: Duration,
}

impl Bounds {
    /// Half of the connections, and a quarter for those that are apart; the
    /// rest is for recordings and for everybody else.
    pub(super) fn of(connections: usize, limits: &Limits, tracked: &Tracked) -> Self {
        let most = connections.div_ceil(2);
        Self {
            tracked: tracked.clone(),
            turns: Arc::new(Semaphore::new(most)),
            most,
            apart: Arc::new(Semaphore::new(connections.div_ceil(4))),
            limit: limits.wait + limits.connect + 2 * limits.statement,
        }
    }

    /// Whether half of the turns are taken.
    fn are_scarce(&self) -> bool {
        2 * self.turns.available_permits() <= self.most
    }
}

impl<Q: Batched> Clone for Batches<Q> {
    fn clone(&self) -> Self {
        Self {
            on: self.on.clone(),
            queues: Arc::clone(&self.queues),
            bounds: self.bounds.clone(),
        }
    }
}

/// Those of one legal entity.
struct Queue<Q: Batched> {
    waiting: VecDeque<Waiting<Q>>,
    carriers: usize,
}

impl<Q: Batched> Queue<Q> {
    fn is_overdue(&self) -> bool {
        let first = self.waiting.front();
        first.is_some_and(|first| first.since.elapsed() >= OVERDUE)
    }
}

impl<Q: Batched> Default for Queue<Q> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            carriers: 0,
        }
    }
}

struct Waiting<Q: Batched> {
    question: Q,
    asker: Asker<Q>,
    since: Instant,
}

/// Questions that are carried together, and who asks them.
type Batch<Q> = Vec<(Q, Asker<Q>)>;

type Asker<Q> = oneshot::Sender<Result<<Q as Batched>::Answer, Unanswered<Q>>>;

/// Why a batch had no answer for a question.
enum Unanswered<Q> {
    Failed(StoreError),
    /// It has spoilt its batch, as it seems: it is to be asked for apart.
    Apart(Q),
}

impl<Q: Batched> Batches<Q> {
    pub(super) fn new(on: Q::On, bounds: Bounds) -> Self {
        Self {
            on,
            queues: Arc::default(),
            bounds,
        }
    }

    /// Asks one question, in company or alone.
    pub(super) async fn ask(
        &self,
        legal_entity: &LegalEntity,
        question: Q,
    ) -> Result<Q::Answer, StoreError> {
        let (asker, mut answer) = oneshot::channel();
        if self.join(legal_entity, question, asker)? == Carriers::Wanted {
            self.set_out(legal_entity, Place::Own);
        }
        let answer = match timeout(OVERDUE, &mut answer).await {
            Ok(answer) => answer,
            Err(_) => {
                if self.hasten(legal_entity) == Carriers::Wanted {
                    self.set_out(legal_entity, Place::Spare);
                }
                answer.await
            }
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Unanswered::Failed(error))) => Err(error),
            Ok(Err(Unanswered::Apart(question))) => self.ask_apart(legal_entity, question).await,
            // The carrier ended in a panic.
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// Whoever asks may stop waiting; those who came along do not.
    fn set_out(&self, legal_entity: &LegalEntity, place: Place) {
        let carrier = Carrier::of(self, legal_entity, place);
        self.bounds.tracked.start(carrier.carry());
    }

    async fn ask_apart(
        &self,
        legal_entity: &LegalEntity,
        question: Q,
    ) -> Result<Q::Answer, StoreError> {
        metrics::counter!("idlink_batches_parted_total", "kind" => Q::KIND).increment(1);
        let (asker, answer) = oneshot::channel();
        let (batches, legal_entity) = (self.clone(), legal_entity.clone());
        self.bounds.tracked.start(async move {
            // Nobody ever closes it.
            let _place = batches.bounds.apart.acquire().await;
            if asker.is_closed() {
                return;
            }
            let answers = batches
                .carry(&legal_entity, &[question], Haste::Patient)
                .await;
            let answer =
                answers.and_then(|answers| answers.into_iter().next().unwrap_or_else(missing));
            let _ = asker.send(answer);
        });
        // Or else the task has ended in a panic.
        answer.await.unwrap_or(Err(StoreError::Busy))
    }

    /// A carry that does not end is dropped, and its connection with it.
    async fn carry(
        &self,
        legal_entity: &LegalEntity,
        questions: &[Q],
        haste: Haste,
    ) -> Result<Answers<Q>, StoreError> {
        // In a box: it is large, and carriers are moved when they set out.
        let carried = Box::pin(Q::carry(&self.on, legal_entity, questions, haste));
        let carried = timeout(self.bounds.limit, carried).await;
        carried.unwrap_or_else(|_| {
            Err(StoreError::Unreachable {
                reason: "a statement was not answered".to_owned(),
            })
        })
    }

    /// Stands in the queue. The caller brings another carrier where one is
    /// wanted.
    fn join(
        &self,
        legal_entity: &LegalEntity,
        question: Q,
        asker: Asker<Q>,
    ) -> Result<Carriers, StoreError> {
        let mut queues = self.queues();
        let queue = queues.entry(legal_entity.clone()).or_default();
        if queue.waiting.len() >= MOST_WAITING {
            return Err(StoreError::Busy);
        }
        queue.waiting.push_back(Waiting {
            question,
            asker,
            since: Instant::now(),
        });
        let is_crowded = queue.waiting.len() >= CROWDED;
        if queue.carriers == 0 || (is_crowded && queue.carriers < UNDER_WAY) {
            queue.carriers += 1;
            return Ok(Carriers::Wanted);
        }
        Ok(Carriers::Enough)
    }

    /// Brings another carrier where somebody has stood in the queue for too long,
    /// unless enough are under way.
    fn hasten(&self, legal_entity: &LegalEntity) -> Carriers {
        match self.queues().get_mut(legal_entity) {
            Some(queue) if queue.is_overdue() && queue.carriers < MOST_UNDER_WAY => {
                queue.carriers += 1;
                Carriers::Wanted
            }
            Some(_) | None => Carriers::Enough,
        }
    }

    /// Never held over an await; whoever panics with it leaves it whole.
    fn queues(&self) -> MutexGuard<'_, HashMap<LegalEntity, Queue<Q>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that its batch forgot would be a mistake of ours.
fn missing<T>() -> Result<T, StoreError> {
    Err(StoreError::Corrupt("a batch with too few answers"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carriers {
    Enough,
    Wanted,
}

/// By what right a carrier takes its turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// As one of the few that its legal entity has.
    Own,
    /// Beside those that do not come back, where most turns are free: the others
    /// must not be held up as well.
    Spare,
}

/// Carries batches of one legal entity until nobody waits. Counted in its
/// queue until it is dropped.
struct Carrier<Q: Batched> {
    batches: Batches<Q>,
    legal_entity: LegalEntity,
    place: Place,
    is_counted: bool,
}

impl<Q: Batched> Carrier<Q> {
    fn of(batches: &Batches<Q>, legal_entity: &LegalEntity, place: Place) -> Self {
        Self {
            batches: batches.clone(),
            legal_entity: legal_entity.clone(),
            place,
            is_counted: true,
        }
    }

    async fn carry(mut self) {
        let bounds = self.batches.bounds.clone();
        if self.place == Place::Spare && bounds.are_scarce() && self.leave() {
            return;
        }
        // Taken anew each time: carriers of other entities have theirs in
        // between. Nobody ever closes it.
        while let Ok(turn) = bounds.turns.acquire().await {
            // Whoever is about to ask comes along; nobody is waited for.
            tokio::task::yield_now().await;
            let Some(batch) = self.take() else {
                return;
            };
            self.carry_batch(batch).await;
            drop(turn);
        }
    }

    /// Ends this carrier if there is another one for those who wait.
    fn leave(&mut self) -> bool {
        let mut queues = self.batches.queues();
        let queue = queues.get(&self.legal_entity);
        if queue.is_some_and(|queue| queue.carriers > 1) {
            self.is_counted = false;
            count_out(&mut queues, &self.legal_entity);
        }
        !self.is_counted
    }

    /// Who waits now, and is still waited for. `None` ends this carrier: another
    /// one is under way and takes them, or else whoever comes brings one.
    fn take(&mut self) -> Option<Batch<Q>> {
        let mut queues = self.batches.queues();
        let queue = queues.get_mut(&self.legal_entity)?;
        let is_needed = queue.carriers == 1 || queue.waiting.len() >= CROWDED || queue.is_overdue();
        let mut batch = Vec::with_capacity(queue.waiting.len().min(LARGEST));
        while is_needed
            && batch.len() < LARGEST
            && let Some(waiting) = queue.waiting.pop_front()
        {
            if !waiting.asker.is_closed() {
                batch.push((waiting.question, waiting.asker));
            }
        }
        if !batch.is_empty() {
            return Some(batch);
        }
        self.is_counted = false;
        count_out(&mut queues, &self.legal_entity);
        None
    }

    /// The batch, or what is left of it, half by half.
    async fn carry_batch(&self, batch: Batch<Q>) {
        let mut parts = vec![batch];
        let mut spoilt = 0;
        let begun = Instant::now();
        while let Some(part) = parts.pop() {
            let (questions, askers): (Vec<_>, Vec<_>) = part.into_iter().unzip();
            count::<Q>(questions.len());
            let batches = &self.batches;
            match batches
                .carry(&self.legal_entity, &questions, Haste::Hurried)
                .await
            {
                Ok(answers) => {
                    // What they hold, they hold no longer than their askers wait.
                    drop(questions);
                    answer(askers, answers);
                }
                Err(error) if spoilt < MOST_SPOILT && error.may_be_of_one() => {
                    spoilt += 1;
                    let spoilt = questions.into_iter().zip(askers);
                    match begun.elapsed() < HALVED_FOR {
                        true => halve(spoilt.collect(), &mut parts),
                        false => part_from(spoilt),
                    }
                }
                Err(error) => {
                    drop(questions);
                    for asker in askers {
                        let _ = asker.send(Err(Unanswered::Failed(error.clone())));
                    }
                }
            }
        }
    }
}

/// Tells each its answer. An asker who has gone has nobody to be told.
fn answer<Q: Batched>(askers: Vec<Asker<Q>>, answers: Answers<Q>) {
    let answers = answers.into_iter().map(Some);
    let answers = answers.chain(std::iter::repeat_with(|| None));
    for (asker, answer) in askers.into_iter().zip(answers) {
        let answer = answer.unwrap_or_else(missing);
        let _ = asker.send(answer.map_err(Unanswered::Failed));
    }
}

/// Puts both halves among `parts`; one that cannot be halved is sent away to
/// be asked for apart.
fn halve<Q: Batched>(mut spoilt: Batch<Q>, parts: &mut Vec<Batch<Q>>) {
    let second = spoilt.split_off(spoilt.len() / 2);
    if !spoilt.is_empty() {
        parts.extend([second, spoilt]);
        return;
    }
    part_from(second);
}

fn part_from<Q: Batched>(spoilt: impl IntoIterator<Item = (Q, Asker<Q>)>) {
    for (question, asker) in spoilt {
        let _ = asker.send(Err(Unanswered::Apart(question)));
    }
}

/// One carrier less. The queue goes with its last one: whoever still waits in it
/// is told, instead of waiting for the next one.
fn count_out<Q: Batched>(queues: &mut HashMap<LegalEntity, Queue<Q>>, legal_entity: &LegalEntity) {
    if let Some(queue) = queues.get_mut(legal_entity) {
        queue.carriers -= 1;
        if queue.carriers == 0 {
            queues.remove(legal_entity);
        }
    }
}

/// For one that is stopped in the middle of a batch.
impl<Q: Batched> Drop for Carrier<Q> {
    fn drop(&mut self) {
        if self.is_counted {
            count_out(&mut self.batches.queues(), &self.legal_entity);
        }
    }
}

fn count<Q: Batched>(questions: usize) {
    metrics::counter!("idlink_batches_total", "kind" => Q::KIND).increment(1);
    let questions = u64::try_from(questions).unwrap_or(u64::MAX);
    metrics::counter!("idlink_batched_total", "kind" => Q::KIND).increment(questions);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::sync::watch;

    use super::*;

    /// Of whom, and what.
    type Asked = (String, Vec<u32>);

    /// A server that notes what it is asked, and answers once it may.
    #[derive(Clone)]
    struct Server {
        asked: Arc<Mutex<Vec<Asked>>>,
        opened: watch::Sender<bool>,
    }

    impl Server {
        fn new(is_open: bool) -> Self {
            Self {
                asked: Arc::default(),
                opened: watch::Sender::new(is_open),
            }
        }

        fn open(&self) {
            self.opened.send_replace(true);
        }

        fn asked(&self) -> Vec<Asked> {
            self.asked.lock().unwrap().clone()
        }

        /// Waits until so many batches are under way.
        async fn carries(&self, batches: usize) {
            let carried = async {
                while self.asked().len() < batches {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(10), carried).await.unwrap();
        }
    }

    struct Number(u32);

    /// Spoils its batch.
    const BAD: u32 = 1_000_013;
    /// Spoils its own answer.
    const ODD: u32 = 1_000_077;
    const PANICS: u32 = 1_000_099;
    /// Takes longer than a statement may.
    const SLOW: u32 = 1_000_057;
    /// Is never answered.
    const STUCK: u32 = 1_000_033;
    /// Finds no server.
    const LOST: u32 = 1_000_404;

    impl Batched for Number {
        type Answer = u32;
        type On = Server;

        const KIND: &'static str = "number";

        async fn carry(
            server: &Server,
            legal_entity: &LegalEntity,
            questions: &[Self],
            _haste: Haste,
        ) -> Result<Answers<Self>, StoreError> {
            let numbers: Vec<u32> = questions.iter().map(|number| number.0).collect();
            let of_whom = legal_entity.as_str().to_owned();
            server
                .asked
                .lock()
                .unwrap()
                .push((of_whom, numbers.clone()));
            server
                .opened
                .subscribe()
                .wait_for(|open| *open)
                .await
                .unwrap();
            assert!(!numbers.contains(&PANICS), "as told");
            if numbers.contains(&STUCK) {
                std::future::pending::<()>().await;
            }
            if numbers.contains(&BAD) {
                return Err(StoreError::Refused {
                    code: "22021".to_owned(),
                    constraint: String::new(),
                });
            }
            if numbers.contains(&SLOW) {
                tokio::time::sleep(Duration::from_millis(1_500)).await;
                return Err(StoreError::Refused {
                    code: "57014".to_owned(),
                    constraint: String::new(),
                });
            }
            if numbers.contains(&LOST) {
                let reason = "closed".to_owned();
                return Err(StoreError::Unreachable { reason });
            }
            let answer = |number: u32| match number {
                ODD => Err(StoreError::Corrupt("odd")),
                number => Ok(number + 1),
            };
            Ok(numbers.into_iter().map(answer).collect())
        }
    }

    fn entity(code: &str) -> LegalEntity {
        LegalEntity::parse(code).unwrap()
    }

    fn batches(server: &Server, turns: usize) -> Batches<Number> {
        let tracked = Tracked::new(tokio::runtime::Handle::current());
        let bounds = Bounds::of(2 * turns, &Limits::default(), &tracked);
        Batches::new(server.clone(), bounds)
    }

    /// Asks from a task of its own.
    fn ask(
        batches: &Batches<Number>,
        of: &str,
        number: u32,
    ) -> tokio::task::JoinHandle<Result<u32, StoreError>> {
        let (batches, of) = (batches.clone(), entity(of));
        tokio::spawn(async move { batches.ask(&of, Number(number)).await })
    }

    #[tokio::test]
    async fn whoever_comes_while_others_are_under_way_makes_the_next_batch() {
        let server = Server::new(false);
        let batches = batches(&server, 8);
        let mut asked = vec![ask(&batches, "USMF", 0)];
        server.carries(1).await;
        let few = u32::try_from(CROWDED).unwrap() - 1;
        asked.extend((1..=few).map(|number| ask(&batches, "USMF", number)));
        while batches.queues()[&entity("USMF")].waiting.len() < CROWDED - 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            server.asked().len(),
            1,
            "so few wait for the first to come back"
        );
        asked.extend((few + 1..300).map(|number| ask(&batches, "USMF", number)));
        server.carries(2).await;
        server.open();
        for (number, asked) in (0..).zip(asked) {
            assert_eq!(asked.await.unwrap().unwrap(), number + 1);
        }
        let sizes: Vec<_> = server
            .asked()
            .iter()
            .map(|(_, batch)| batch.len())
            .collect();
        assert_eq!(sizes, [1, 128, 128, 43]);
        while !batches.queues().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_that_spoils_its_batch_fails_alone() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let first = ask(&batches, "USMF", 1);
        server.carries(1).await;
        let numbers = [2, BAD, 4, ODD, 5, 6, 7, 8];
        let asked = numbers.map(|number| ask(&batches, "USMF", number));
        while batches.queues()[&entity("USMF")].waiting.len() < numbers.len() {
            tokio::task::yield_now().await;
        }
        server.open();
        assert_eq!(first.await.unwrap().unwrap(), 2);
        let answers: Vec<_> = join_all(asked)
            .await
            .into_iter()
            .map(|answer| answer.unwrap().map_err(|error| error.to_string()))
            .collect();
        assert_eq!(answers[0], Ok(3));
        let refused = "the database refused a statement: SQLSTATE 22021";
        assert_eq!(answers[1], Err(refused.to_owned()));
        assert_eq!(answers[2], Ok(5));
        let corrupt = "a stored value cannot be right: odd";
        assert_eq!(answers[3], Err(corrupt.to_owned()));
        assert_eq!(answers[4..], [Ok(6), Ok(7), Ok(8), Ok(9)]);
        let sizes: Vec<_> = server
            .asked()
            .iter()
            .map(|(_, batch)| batch.len())
            .collect();
        assert_eq!(sizes, [1, 8, 4, 2, 1, 1, 2, 4, 1], "the last one apart");
    }

    /// With a clock that moves only when everybody waits for it.
    #[tokio::test(start_paused = true)]
    async fn whoever_comes_alone_waits_for_no_timer() {
        let server = Server::new(true);
        let batches = batches(&server, 1);
        let begun = tokio::time::Instant::now();
        for number in 0..10 {
            let answer = batches.ask(&entity("USMF"), Number(number)).await;
            assert_eq!(answer.unwrap(), number + 1);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_is_given_up() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let stuck = batches.ask(&entity("USMF"), Number(1)).await;
        assert!(matches!(stuck, Err(StoreError::Unreachable { .. })));
        server.open();
        assert_eq!(batches.ask(&entity("USMF"), Number(2)).await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_held_up_holds_up_the_others_for_a_moment_only() {
        let server = Server::new(true);
        let batches = batches(&server, 2 * MOST_UNDER_WAY);
        let stuck = ask(&batches, "USMF", STUCK);
        server.carries(1).await;
        for number in 0..3 {
            let begun = Instant::now();
            let answer = batches.ask(&entity("USMF"), Number(number)).await;
            assert_eq!(answer.unwrap(), number + 1);
            assert!(begun.elapsed() < 2 * OVERDUE, "{number}");
        }
        let mut also = Vec::new();
        for batches_so_far in [5, 6] {
            also.push(ask(&batches, "USMF", STUCK));
            tokio::time::sleep(2 * OVERDUE).await;
            assert_eq!(server.asked().len(), batches_so_far);
        }
        let answer = batches.ask(&entity("USMF"), Number(7)).await;
        assert_eq!(answer.unwrap(), 8, "by the last one that may set out");
        for stuck in also.into_iter().chain([stuck]) {
            let stuck = stuck.await.unwrap();
            assert!(matches!(stuck, Err(StoreError::Unreachable { .. })));
        }
        while !batches.queues().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// So that one whose statements are stuck leaves turns to the others.
    #[tokio::test(start_paused = true)]
    async fn nobody_sets_out_beside_others_where_turns_are_scarce() {
        let server = Server::new(true);
        let batches = batches(&server, 4);
        let stuck: Vec<_> = ["A", "B"].map(|of| ask(&batches, of, STUCK)).into();
        server.carries(2).await;
        let held_up = ask(&batches, "A", 1);
        let begun = Instant::now();
        let answer = batches.ask(&entity("C"), Number(2)).await;
        assert_eq!(answer.unwrap(), 3);
        assert!(begun.elapsed() < OVERDUE);
        assert_eq!(held_up.await.unwrap().unwrap(), 2);
        assert!(
            begun.elapsed() > Duration::from_secs(1),
            "not beside the first"
        );
        for stuck in stuck {
            assert!(stuck.await.unwrap().is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_wait_for_one_that_is_under_way() {
        let server = Server::new(false);
        let batches = batches(&server, 8);
        let crowd = u32::try_from(CROWDED).unwrap();
        let stuck = ask(&batches, "USMF", STUCK);
        server.carries(1).await;
        let crowd: Vec<_> = (0..crowd).map(|n| ask(&batches, "USMF", n)).collect();
        server.carries(2).await;
        let few: Vec<_> = (100..109).map(|n| ask(&batches, "USMF", n)).collect();
        while batches.queues()[&entity("USMF")].waiting.len() < few.len() {
            tokio::task::yield_now().await;
        }
        server.open();
        for asked in crowd {
            asked.await.unwrap().unwrap();
        }
        while batches.queues()[&entity("USMF")].carriers > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.asked().len(), 2, "the crowd's carrier has ended");
        for (number, asked) in (100..).zip(few) {
            assert_eq!(asked.await.unwrap().unwrap(), number + 1);
        }
        assert_eq!(
            server.asked().len(),
            3,
            "and another one took all of the few"
        );
        assert!(stuck.await.unwrap().is_err());
    }

    /// A second for each batch that it is in: it is not looked for.
    #[tokio::test(start_paused = true)]
    async fn one_that_takes_too_long_is_parted_from_at_once() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let first = ask(&batches, "USMF", 1);
        server.carries(1).await;
        let asked = [2, SLOW, 4, 5].map(|number| ask(&batches, "USMF", number));
        while batches.queues()[&entity("USMF")].waiting.len() < 4 {
            tokio::task::yield_now().await;
        }
        server.open();
        assert!(first.await.unwrap().is_ok());
        let answers: Vec<_> = join_all(asked)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(answers[0].as_ref().unwrap(), &3);
        assert!(matches!(&answers[1], Err(StoreError::Refused { code, .. }) if code == "57014"));
        assert_eq!(answers[3].as_ref().unwrap(), &6);
        let sizes: Vec<_> = server
            .asked()
            .iter()
            .map(|(_, batch)| batch.len())
            .collect();
        assert_eq!(sizes, [1, 4, 1, 1, 1, 1]);
    }

    #[tokio::test]
    async fn what_concerns_all_is_told_to_all_and_asked_no_more() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let first = ask(&batches, "USMF", 1);
        server.carries(1).await;
        let asked = [2, LOST, 4].map(|number| ask(&batches, "USMF", number));
        while batches.queues()[&entity("USMF")].waiting.len() < 3 {
            tokio::task::yield_now().await;
        }
        server.open();
        assert!(first.await.unwrap().is_ok());
        for answer in join_all(asked).await {
            assert!(matches!(
                answer.unwrap(),
                Err(StoreError::Unreachable { .. })
            ));
        }
        assert_eq!(server.asked().len(), 2);
        assert_eq!(batches.ask(&entity("USMF"), Number(7)).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_panic_ends_one_batch_and_no_more() {
        let server = Server::new(true);
        let batches = batches(&server, 1);
        let ended = batches.ask(&entity("USMF"), Number(PANICS)).await;
        assert!(matches!(ended, Err(StoreError::Busy)));
        assert_eq!(batches.ask(&entity("USMF"), Number(1)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn legal_entities_take_turns() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let mut asked = vec![ask(&batches, "LARGE", 1)];
        server.carries(1).await;
        asked.extend((2..500).map(|number| ask(&batches, "LARGE", number)));
        asked.extend((0..20).map(|n| ask(&batches, &format!("SMALL{n}"), n)));
        while batches.queues().len() < 21 {
            tokio::task::yield_now().await;
        }
        server.open();
        for asked in asked {
            asked.await.unwrap().unwrap();
        }
        let carried = server.asked();
        let last_small = carried.iter().rposition(|(of, _)| of.starts_with("SMALL"));
        let last_large = carried.iter().rposition(|(of, _)| of == "LARGE");
        assert!(last_small < last_large, "{carried:?}");
        assert!(
            carried
                .iter()
                .all(|(of, batch)| of == "LARGE" || batch.len() == 1)
        );
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let first = ask(&batches, "USMF", 1);
        server.carries(1).await;
        let most = u32::try_from(MOST_WAITING).unwrap();
        let waiting: Vec<_> = (0..most).map(|n| ask(&batches, "USMF", 500 + n)).collect();
        while batches.queues()[&entity("USMF")].waiting.len() < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        let more = batches.ask(&entity("USMF"), Number(2)).await;
        assert!(matches!(more, Err(StoreError::Busy)));
        server.open();
        assert_eq!(first.await.unwrap().unwrap(), 2);
        for asked in waiting {
            asked.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_has_gone_is_not_asked_for() {
        let server = Server::new(false);
        let batches = batches(&server, 1);
        let first = ask(&batches, "USMF", 1);
        server.carries(1).await;
        let gone = ask(&batches, "USMF", 2);
        let stays = ask(&batches, "USMF", 3);
        while batches.queues()[&entity("USMF")].waiting.len() < 2 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        server.open();
        assert!(first.await.unwrap().is_ok());
        assert_eq!(stays.await.unwrap().unwrap(), 4);
        let carried: Vec<_> = server.asked().into_iter().map(|(_, batch)| batch).collect();
        assert_eq!(carried, [vec![1], vec![3]]);
    }
}
