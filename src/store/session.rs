//! One connection of the pool, and the one way to run statements on it.
//!
//! Statements that are joined go to the server together and are carried out in
//! the order in which they are joined: a statement is sent when its future is
//! first polled, and one that must be prepared first keeps those behind it
//! waiting. `pipelined!` joins them.

use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;

use deadpool_postgres::Object;
use futures_util::stream::MapErr;
use futures_util::{TryStreamExt, join};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::Type;
use tokio_postgres::{CopyInSink, CopyOutStream, Error, Row, RowStream};

use super::param::Param;
use super::{Limits, StoreError};

/// How statements reach the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statements {
    /// Each is parsed once a connection, and the connection's session keeps
    /// what it was told at its beginning.
    #[default]
    Prepared,
    /// Each is parsed every time, in a transaction that brings its own limits:
    /// for a pooler that gives every transaction another session.
    Unnamed,
}

/// What every transaction runs under, whatever the server's own defaults are.
pub(super) fn settings(limits: &Limits) -> [(&'static str, String); 5] {
    [
        ("lock_timeout", limits.lock.as_millis().to_string()),
        (
            "statement_timeout",
            limits.statement.as_millis().to_string(),
        ),
        ("idle_in_transaction_session_timeout", "3000".to_owned()),
        ("synchronous_commit", "on".to_owned()),
        ("timezone", "UTC".to_owned()),
    ]
}

/// What the sessions of one pool have in common.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) statements: Statements,
    /// What begins a transaction.
    opening: Arc<str>,
}

impl Manner {
    pub(super) fn new(statements: Statements, limits: &Limits) -> Self {
        // Each statement sees what was committed before it, which is what makes
        // lock first, read next, work.
        const OPENING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let opening = match statements {
            Statements::Prepared => OPENING.to_owned(),
            Statements::Unnamed => {
                let settings = settings(limits);
                let set = settings.map(|(name, value)| format!("; SET LOCAL {name} = '{value}'"));
                format!("{OPENING}{}", set.concat())
            }
        };
        Self {
            statements,
            opening: opening.into(),
        }
    }
}

/// What goes around the next statement of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It is a transaction of its own.
    Alone,
    /// It is the first one of a transaction.
    First,
    Within,
}

/// A connection that is closed unless it is given back: whoever is stopped in
/// the middle of a statement must not leave it to the next one.
pub(super) struct Session {
    object: Option<Object>,
    manner: Manner,
    /// Held by the statement that is being sent.
    turn: Mutex<Turn>,
}

impl Session {
    /// One whose statements are transactions, each by itself.
    pub(super) fn new(object: Object, manner: Manner) -> Self {
        Self {
            object: Some(object),
            manner,
            turn: Mutex::new(Turn::Alone),
        }
    }

    /// The next statement begins a transaction.
    pub(super) fn begin(&mut self) {
        *self.turn.get_mut() = Turn::First;
    }

    /// Ends the transaction, unless nothing was sent that would have begun it.
    pub(super) async fn end(mut self, how: &'static str) -> Result<(), StoreError> {
        if *self.turn.get_mut() != Turn::First {
            self.batch_execute(how).await?;
        }
        self.give_back();
        Ok(())
    }

    /// Returns the connection to the pool, idle and outside a transaction.
    pub(super) fn give_back(mut self) {
        drop(self.object.take());
    }

    /// For the migrations, whose statements a library words.
    pub(super) fn client(&self) -> Result<&Object, StoreError> {
        self.object
            .as_ref()
            .ok_or(StoreError::Corrupt("a connection that was given back"))
    }

    pub(super) async fn query(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<Vec<Row>, StoreError> {
        self.run(sql, values, async |rows| rows.try_collect().await)
            .await
    }

    pub(super) async fn query_opt(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<Option<Row>, StoreError> {
        let mut rows = self.query(sql, values).await?;
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            _ => Err(StoreError::Corrupt("several rows where one was meant")),
        }
    }

    pub(super) async fn query_one(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<Row, StoreError> {
        let row = self.query_opt(sql, values).await?;
        row.ok_or(StoreError::Corrupt("no row where one was meant"))
    }

    /// Returns how many rows it was about.
    pub(super) async fn execute(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<u64, StoreError> {
        self.run(sql, values, async |rows| {
            let mut rows = pin!(rows);
            while rows.try_next().await?.is_some() {}
            Ok(rows.rows_affected().unwrap_or_default())
        })
        .await
    }

    /// Rows as they come, within a transaction.
    pub(super) async fn stream(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
    ) -> Result<Rows, StoreError> {
        let rows = self.run(sql, values, async |rows| Ok(rows)).await?;
        Ok(rows.map_err(StoreError::from as fn(_) -> _))
    }

    /// Statements without parameters, among them those that cannot be prepared.
    pub(super) async fn batch_execute(&self, sql: &str) -> Result<(), StoreError> {
        let turn = self.turn.lock().await;
        self.send(turn, self.client()?.batch_execute(sql)).await
    }

    pub(super) async fn copy_in(
        &self,
        sql: &'static str,
    ) -> Result<CopyInSink<Cursor<Vec<u8>>>, StoreError> {
        let turn = self.turn.lock().await;
        self.send(turn, self.client()?.copy_in(sql)).await
    }

    pub(super) async fn copy_out(&self, sql: &'static str) -> Result<CopyOutStream, StoreError> {
        let turn = self.turn.lock().await;
        self.send(turn, self.client()?.copy_out(sql)).await
    }

    async fn run<T>(
        &self,
        sql: &'static str,
        values: &[&dyn Param],
        read: impl AsyncFnOnce(RowStream) -> Result<T, Error>,
    ) -> Result<T, StoreError> {
        let client = self.client()?;
        let turn = self.turn.lock().await;
        match self.manner.statements {
            Statements::Prepared => {
                let types: Vec<Type> = values.iter().map(|value| value.declared()).collect();
                let statement = client.prepare_typed_cached(sql, &types).await?;
                let values = values.iter().map(|value| value.value());
                let rows = async { read(client.query_raw(&statement, values).await?).await };
                self.send(turn, rows).await
            }
            Statements::Unnamed => {
                let values = values.iter().map(|value| (value.value(), value.declared()));
                let rows = async { read(client.query_typed_raw(sql, values).await?).await };
                self.send(turn, rows).await
            }
        }
    }

    /// Sends `statement` with what belongs around it, lets the next one have
    /// its turn, and waits for the answers. The first error counts: what comes
    /// after it fails because of it.
    async fn send<T>(
        &self,
        mut turn: MutexGuard<'_, Turn>,
        statement: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        let client = self.client()?;
        let (before, after) = match (*turn, self.manner.statements) {
            (Turn::Within, _) | (Turn::Alone, Statements::Prepared) => (None, None),
            (Turn::Alone, Statements::Unnamed) => (Some(&*self.manner.opening), Some("COMMIT")),
            (Turn::First, _) => (Some(&*self.manner.opening), None),
        };
        if *turn == Turn::First {
            *turn = Turn::Within;
        }
        let simple = async |sql: Option<&str>| match sql {
            Some(sql) => client.batch_execute(sql).await,
            None => Ok(()),
        };
        let (begun, answer, ended, ()) =
            join!(simple(before), statement, simple(after), async move {
                drop(turn);
            });
        begun?;
        let answer = answer?;
        ended?;
        Ok(answer)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

/// The rows of a statement, as they come.
pub(super) type Rows = MapErr<RowStream, fn(Error) -> StoreError>;

/// The answers of statements that were sent together: all of them, or the first
/// error. Those behind it, in a transaction, fail because of it and say so.
pub(crate) trait InOrder {
    type Answers;

    fn in_order(self) -> Result<Self::Answers, StoreError>;
}

macro_rules! in_order {
    ($($answer:ident)+) => {
        impl<$($answer),+> InOrder for ($(Result<$answer, StoreError>,)+) {
            type Answers = ($($answer,)+);

            #[expect(non_snake_case, reason = "a variable named for its type")]
            fn in_order(self) -> Result<Self::Answers, StoreError> {
                let ($($answer,)+) = self;
                Ok(($($answer?,)+))
            }
        }
    };
}

in_order!(A B);
in_order!(A B C);
in_order!(A B C D);
in_order!(A B C D E);

/// Sends statements of one session together, in this order, and waits for all
/// answers. Unlike `try_join!` it reports the first statement that failed, not
/// the first failure that it hears of.
macro_rules! pipelined {
    ($($statement:expr),+ $(,)?) => {
        $crate::store::InOrder::in_order(futures_util::join!($(async { $statement.await }),+))
    };
}

pub(crate) use pipelined;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> StoreError {
        StoreError::Refused {
            code: code.to_owned(),
            constraint: String::new(),
        }
    }

    /// The second statement fails because of the first, and may be heard of
    /// before it.
    #[tokio::test]
    async fn of_statements_sent_together_the_first_that_failed_is_reported() {
        let slow = async {
            tokio::task::yield_now().await;
            Err::<(), _>(refused("23505"))
        };
        let quick = async { Err::<(), _>(refused("25P02")) };
        let told = pipelined!(async { Ok(1) }, slow, quick);
        assert_eq!(told.unwrap_err().to_string(), refused("23505").to_string());
        let told = pipelined!(async { Ok(1) }, async { Ok("two") });
        assert_eq!(told.unwrap(), (1, "two"));
    }
}
