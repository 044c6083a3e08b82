//! What a statement may be given, with the type that the server is told.

use time::OffsetDateTime;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The value of a parameter. It says its type itself: a statement without a
/// name is sent in one go, and nobody asks the server what it expects.
pub(super) trait Param: ToSql + Sync {
    fn declared(&self) -> Type;

    fn value(&self) -> &(dyn ToSql + Sync);
}

impl<T: Declared + ToSql + Sync> Param for T {
    fn declared(&self) -> Type {
        T::TYPE
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

/// A type of ours and PostgreSQL's for it.
pub(super) trait Declared {
    const TYPE: Type;
}

/// The same in an array.
pub(super) trait Element {
    const ARRAY: Type;
}

macro_rules! declared {
    ($($ours:ty => $type:ident, $array:ident;)+) => {
        $(
            impl Declared for $ours {
                const TYPE: Type = Type::$type;
            }

            impl Element for $ours {
                const ARRAY: Type = Type::$array;
            }
        )+
    };
}

declared! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    Uuid => UUID, UUID_ARRAY;
    OffsetDateTime => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    serde_json::Value => JSONB, JSONB_ARRAY;
}

impl<T: Declared> Declared for Option<T> {
    const TYPE: Type = T::TYPE;
}

impl<T: Declared> Declared for &T {
    const TYPE: Type = T::TYPE;
}

impl<T: Element> Element for Option<T> {
    const ARRAY: Type = T::ARRAY;
}

impl<T: Element> Element for &T {
    const ARRAY: Type = T::ARRAY;
}

impl<T: Element> Declared for Vec<T> {
    const TYPE: Type = T::ARRAY;
}

impl<T: Element> Declared for &[T] {
    const TYPE: Type = T::ARRAY;
}
