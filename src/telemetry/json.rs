//! Events as JSON, one object a line: time, level, what the event says, its
//! target, and the span that it happened in.
//!
//! The framework's own way to write them reads each span's members again for
//! every line and collects both in maps, which shows at two lines a sign-up.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // Of a crate that logs in the older way, the event is its messenger's.
        let normalized = event.normalized_metadata();
        let of = normalized.as_ref().unwrap_or_else(|| event.metadata());
        to.write_str("{\"timestamp\":\"")?;
        write_time(&mut to, OffsetDateTime::now_utc())?;
        write!(to, "\",\"level\":\"{}\"", of.level())?;
        let mut members = Members::after(&mut to, ",");
        event.record(&mut members);
        members.written?;
        to.write_str(",\"target\":")?;
        write_value(&mut to, of.target())?;
        if let Some(span) = context.parent_span() {
            to.write_str(",\"span\":{")?;
            if let Some(members) = span.extensions().get::<FormattedFields<N>>()
                && !members.is_empty()
            {
                write!(to, "{members},")?;
            }
            to.write_str("\"name\":")?;
            write_value(&mut to, span.name())?;
            to.write_char('}')?;
        }
        to.write_str("}\n")
    }
}

/// Of a span: its members, without braces, to be written with each event in it.
impl<'a> FormatFields<'a> for Json {
    fn format_fields<R: RecordFields>(&self, mut to: Writer<'a>, fields: R) -> fmt::Result {
        let mut members = Members::after(&mut to, "");
        fields.record(&mut members);
        members.written
    }

    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let before = if current.is_empty() { "" } else { "," };
        let mut to = current.as_writer();
        let mut members = Members::after(&mut to, before);
        fields.record(&mut members);
        members.written
    }
}

fn write_time(to: &mut Writer<'_>, at: OffsetDateTime) -> fmt::Result {
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, microsecond) = at.to_hms_micro();
    let month = u8::from(month);
    write!(
        to,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microsecond:06}Z"
    )
}

fn write_value(to: &mut Writer<'_>, value: impl Serialize) -> fmt::Result {
    let text = serde_json::to_string(&value).map_err(|_| fmt::Error)?;
    to.write_str(&text)
}

/// Writes each field as a member of an object.
struct Members<'a, 'w> {
    to: &'a mut Writer<'w>,
    /// What goes before the next one.
    before: &'static str,
    written: fmt::Result,
}

impl<'a, 'w> Members<'a, 'w> {
    fn after(to: &'a mut Writer<'w>, before: &'static str) -> Self {
        Self {
            to,
            before,
            written: Ok(()),
        }
    }

    fn member(&mut self, field: &Field, value: impl Serialize) {
        // What the messenger says of where a line comes from.
        if field.name().starts_with("log.") {
            return;
        }
        let write = || {
            self.to.write_str(self.before)?;
            write_value(self.to, field.name())?;
            self.to.write_char(':')?;
            write_value(self.to, value)
        };
        self.written = self.written.and_then(|()| write());
        self.before = ",";
    }
}

impl Visit for Members<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Read(Arc<Mutex<Vec<u8>>>);

    impl Write for Read {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines of what `log` tells, each without its time.
    fn lines(log: impl FnOnce()) -> Vec<String> {
        let read = Read::default();
        let writer = read.clone();
        let layer = fmt::layer()
            .event_format(Json)
            .fmt_fields(Json)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(read.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| {
                let (head, rest) =
                    line.split_at("{\"timestamp\":\"2026-11-30T02:14:23.000001Z".len());
                let at = head.strip_prefix("{\"timestamp\":\"").unwrap();
                let format = &time::format_description::well_known::Rfc3339;
                OffsetDateTime::parse(at, format).unwrap();
                rest.to_owned()
            })
            .collect()
    }

    #[test]
    fn an_event_is_an_object_with_its_members_in_their_order() {
        let told = lines(|| {
            let nobody: Option<&str> = None;
            tracing::info!(
                target: "idlink::test",
                count = 3_u8,
                below = -4_i64,
                share = 0.5,
                far = f64::INFINITY,
                is_so = true,
                nobody,
                shown = %"x y",
                listed = ?["a"],
                "it's \"said\"\n"
            );
        });
        assert_eq!(
            told,
            [concat!(
                r#"","level":"INFO","message":"it's \"said\"\n","count":3,"below":-4,"#,
                r#""share":0.5,"far":null,"is_so":true,"shown":"x y","listed":"[\"a\"]","#,
                r#""target":"idlink::test"}"#
            )]
        );
    }

    #[test]
    fn an_event_names_the_innermost_span_that_it_happened_in() {
        let told = lines(|| {
            let _outer = tracing::info_span!("outer", secret = 1).entered();
            let inner = tracing::warn_span!("inner", id = %"a\"b", later = tracing::field::Empty);
            inner.in_scope(|| tracing::warn!(target: "idlink::test", "one"));
            inner.record("later", 7);
            inner.in_scope(|| tracing::error!(target: "idlink::test", "two"));
            let bare = tracing::info_span!("bare", later = tracing::field::Empty);
            bare.in_scope(|| tracing::info!(target: "idlink::test", "three"));
            bare.record("later", "x");
            bare.in_scope(|| tracing::info!(target: "idlink::test", "four"));
        });
        let expected = [
            r#"","level":"WARN","message":"one","target":"idlink::test","span":{"id":"a\"b","name":"inner"}}"#,
            r#"","level":"ERROR","message":"two","target":"idlink::test","span":{"id":"a\"b","later":7,"name":"inner"}}"#,
            r#"","level":"INFO","message":"three","target":"idlink::test","span":{"name":"bare"}}"#,
            r#"","level":"INFO","message":"four","target":"idlink::test","span":{"later":"x","name":"bare"}}"#,
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_line_of_a_crate_that_logs_in_the_older_way_is_its_own() {
        let told = lines(|| {
            tracing_log::format_trace(
                &tracing_log::log::Record::builder()
                    .args(format_args!("closed"))
                    .level(tracing_log::log::Level::Warn)
                    .target("rustls::conn")
                    .build(),
            )
            .unwrap();
        });
        assert_eq!(
            told,
            [r#"","level":"WARN","message":"closed","target":"rustls::conn"}"#]
        );
    }

    #[test]
    fn an_event_of_no_span_has_none() {
        let told = lines(|| tracing::debug!(target: "t", "alone"));
        assert_eq!(
            told,
            [r#"","level":"DEBUG","message":"alone","target":"t"}"#]
        );
    }
}
