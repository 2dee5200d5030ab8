//! Conversion between values of the domain and columns. A column with an invalid value is an error of
//! the driver, never a default.

use jiff::civil::Date;
use kanso_domain::accounts::{Email, PasswordHash};
use kanso_domain::entries::EntryKind;
use kanso_domain::events::EventKind;
use kanso_domain::habits::{FrequencyType, HabitType, TargetDirection, Weekdays};
use kanso_domain::sessions::{Label, TokenHash};
use kanso_domain::sync::{Digest, Fingerprint};
use kanso_domain::text::{Color, Description, Icon, Notes, Title, Unit};
use kanso_domain::{
    DayStart, DeviceId, EntryId, HabitId, OpId, Quantity, Seq, SessionId, TimeOfDay, Timestamp,
    UserId, Version, WeekStart, Zone,
};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, ToSql};
use uuid::Uuid;

/// A value that is stored in one column.
pub(crate) trait Column: Sized {
    fn store(&self) -> ToSqlOutput<'_>;
    fn read(stored: ValueRef<'_>) -> FromSqlResult<Self>;
}

/// A parameter of a statement; a wrapper, because `ToSql` belongs to the driver.
pub(crate) struct Bound<'a, T>(pub(crate) &'a T);

impl<T: Column> ToSql for Bound<'_, T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.store())
    }
}

/// Reads a [`Column`]; a wrapper, because `FromSql` belongs to the driver.
struct Read<T>(T);

impl<T: Column> FromSql for Read<T> {
    fn column_result(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        T::read(stored).map(Self)
    }
}

/// Reads the columns of a row from left to right.
pub(crate) struct Columns<'a, 'stmt> {
    row: &'a Row<'stmt>,
    next: usize,
}

impl<'a, 'stmt> Columns<'a, 'stmt> {
    pub(crate) const fn of(row: &'a Row<'stmt>) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn take<T: Column>(&mut self) -> rusqlite::Result<T> {
        let index = self.next;
        self.next += 1;
        self.row.get::<_, Read<T>>(index).map(|read| read.0)
    }
}

/// Reads the first column of a row.
pub(crate) fn only<T: Column>(row: &Row<'_>) -> rusqlite::Result<T> {
    Columns::of(row).take()
}

impl<T: Column> Column for Option<T> {
    fn store(&self) -> ToSqlOutput<'_> {
        match self {
            Some(value) => value.store(),
            None => ToSqlOutput::Owned(Value::Null),
        }
    }

    fn read(stored: ValueRef<'_>) -> FromSqlResult<Self> {
        match stored {
            ValueRef::Null => Ok(None),
            some => T::read(some).map(Some),
        }
    }
}

/// Implements [`Column`], one line for each type: how to store it and how to read it.
macro_rules! columns {
    ($($variant:ident { $($type:ty: |$value:ident| $store:expr, |$stored:ident| $read:expr;)+ })+) => {$($(
        impl Column for $type {
            fn store(&self) -> ToSqlOutput<'_> {
                let $value = self;
                columns!(@bound $variant $store)
            }

            fn read(stored: ValueRef<'_>) -> FromSqlResult<Self> {
                let $stored = columns!(@read $variant stored)?;
                $read
            }
        }
    )+)+};
    (@bound Integer $store:expr) => { ToSqlOutput::Owned(Value::Integer($store)) };
    (@bound Text $store:expr) => { ToSqlOutput::Borrowed(ValueRef::Text($store.as_bytes())) };
    (@bound Printed $store:expr) => { ToSqlOutput::Owned(Value::Text($store.to_string())) };
    (@bound Id $store:expr) => { ToSqlOutput::Owned(Value::Blob($store.as_bytes().to_vec())) };
    (@bound Hash $store:expr) => { ToSqlOutput::Borrowed(ValueRef::Blob($store)) };
    (@read Integer $stored:ident) => { $stored.as_i64() };
    (@read Text $stored:ident) => { $stored.as_str() };
    (@read Printed $stored:ident) => { $stored.as_str() };
    (@read Id $stored:ident) => { Uuid::column_result($stored) };
    (@read Hash $stored:ident) => { <[u8; 32]>::column_result($stored) };
}

columns! {
    Integer {
        i64: |value| *value, |stored| Ok(stored);
        // The bits are kept: an INTEGER is signed, a digest is not.
        Digest: |value| value.get().cast_signed(), |stored| Ok(Self::new(stored.cast_unsigned()));
        bool: |value| i64::from(*value), |stored| Ok(stored != 0);
        i32: |value| i64::from(*value), |stored| narrow(stored);
        // A figure beyond the range is a bound that no account reaches.
        u64: |value| i64::try_from(*value).unwrap_or(i64::MAX), |stored| narrow(stored);
        u32: |value| i64::from(*value), |stored| narrow(stored);
        u16: |value| i64::from(*value), |stored| narrow(stored);
        u8: |value| i64::from(*value), |stored| narrow(stored);
        Seq: |value| value.get(), |stored| Self::new(stored).ok_or(FromSqlError::OutOfRange(stored));
        Version: |value| value.get(), |stored| Self::new(stored).ok_or(FromSqlError::OutOfRange(stored));
        Timestamp: |value| value.as_micros(), |stored| Self::from_micros(stored).map_err(FromSqlError::other);
        Quantity: |value| value.thousandths(), |stored| Self::from_thousandths(stored).map_err(FromSqlError::other);
        Date: |value| days_since_epoch(*value), |stored| date_of(stored);
        Weekdays: |value| mask_of(*value), |stored| weekdays_of(stored);
    }
    Text {
        Title: |value| value.as_str(), |stored| Self::restored(stored).map_err(FromSqlError::other);
        Description: |value| value.as_str(), |stored| Self::new(stored).map_err(FromSqlError::other);
        Icon: |value| value.as_str(), |stored| Self::new(stored).map_err(FromSqlError::other);
        Unit: |value| value.as_str(), |stored| Self::new(stored).map_err(FromSqlError::other);
        Notes: |value| value.as_str(), |stored| Self::new(stored).map_err(FromSqlError::other);
        Color: |value| value.as_str(), |stored| Self::new(stored).map_err(FromSqlError::other);
        Email: |value| value.as_str(), |stored| Ok(Self::restored(stored.to_owned()));
        PasswordHash: |value| value.as_str(), |stored| Ok(Self::new(stored.to_owned()));
        Zone: |value| value.name(), |stored| stored.parse().map_err(FromSqlError::other);
        WeekStart: |value| value.as_str(), |stored| stored.parse().map_err(FromSqlError::other);
        HabitType: |value| value.as_str(), |stored| named(&Self::ALL, Self::as_str, stored);
        FrequencyType: |value| value.as_str(), |stored| named(&Self::ALL, Self::as_str, stored);
        TargetDirection: |value| value.as_str(), |stored| named(&Self::ALL, Self::as_str, stored);
        EntryKind: |value| value.as_str(), |stored| named(&Self::ALL, Self::as_str, stored);
        EventKind: |value| value.as_str(), |stored| named(Self::ALL, Self::as_str, stored);
        Label: |value| value.as_str(), |stored| Self::cut(stored).ok_or(FromSqlError::InvalidType);
        String: |value| value, |stored| Ok(stored.to_owned());
    }
    Printed {
        TimeOfDay: |value| value, |stored| stored.parse().map_err(FromSqlError::other);
        DayStart: |value| value, |stored| stored.parse().map_err(FromSqlError::other);
    }
    Id {
        Uuid: |value| value, |stored| Ok(stored);
        UserId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        HabitId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        EntryId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        SessionId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        OpId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        DeviceId: |value| value.uuid(), |stored| Ok(Self::new(stored));
    }
    Hash {
        TokenHash: |value| value.bytes(), |stored| Ok(Self::new(stored));
        Fingerprint: |value| value.bytes(), |stored| Ok(Self::from_bytes(stored));
    }
}

fn narrow<T: TryFrom<i64>>(stored: i64) -> FromSqlResult<T> {
    T::try_from(stored).map_err(|_| FromSqlError::OutOfRange(stored))
}

/// Finds the value with this stored name among `all`.
pub(crate) fn named<T: Copy>(
    all: &[T],
    name: fn(T) -> &'static str,
    stored: &str,
) -> FromSqlResult<T> {
    let value = all.iter().copied().find(|&value| name(value) == stored);
    value.ok_or(FromSqlError::InvalidType)
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

pub(crate) fn days_since_epoch(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

pub(crate) fn date_of(days: i64) -> FromSqlResult<Date> {
    let out_of_range = |_| FromSqlError::OutOfRange(days);
    let days = i32::try_from(days).map_err(|_| FromSqlError::OutOfRange(days))?;
    let offset = jiff::SignedDuration::from_hours(i64::from(days) * 24);
    EPOCH.checked_add(offset).map_err(out_of_range)
}

pub(crate) fn mask_of(weekdays: Weekdays) -> i64 {
    let days = weekdays.days();
    days.iter().fold(0, |mask, &day| mask | 1 << day)
}

pub(crate) fn weekdays_of(mask: i64) -> FromSqlResult<Weekdays> {
    let days: Vec<u8> = (0..=6).filter(|&day| mask & (1 << day) != 0).collect();
    // Bits beyond the seventh would be dropped silently, so the mask must survive the round trip.
    let weekdays = Weekdays::new(&days).filter(|&weekdays| mask_of(weekdays) == mask);
    weekdays.ok_or(FromSqlError::OutOfRange(mask))
}
