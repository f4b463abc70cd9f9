//! Values of a statement that say themselves what they are, for where the server cannot be asked before.

use std::borrow::Cow;

use tokio_postgres::types::{ToSql, Type};

use super::wire::{Day, Exact, Stamp};

/// A value with its type on the wire.
pub(super) trait Value: ToSql + Sync {
    /// The type.
    fn kind(&self) -> Type;
}

/// Parameters of a statement.
pub(super) type Values<'a> = Vec<&'a (dyn Value + Sync)>;

/// One, perhaps none, and many of a type.
macro_rules! values {
    ($($one:ty => $kind:ident, $many:ident;)*) => {
        $(values!(@ $kind: $one, Option<$one>);)*
        $(values!(@ $many: Vec<$one>, Vec<Option<$one>>, &[$one]);)*
    };
    (@ $kind:ident: $($of:ty),*) => {
        $(impl Value for $of {
            fn kind(&self) -> Type {
                Type::$kind
            }
        })*
    };
}

values! {
    bool => BOOL, BOOL_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    Cow<'_, str> => TEXT, TEXT_ARRAY;
    Day => DATE, DATE_ARRAY;
    Exact => NUMERIC, NUMERIC_ARRAY;
    Stamp => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
}
