//! Conversion between values of the domain and columns. A column with an invalid value is an error,
//! never a default.

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
use tokio_postgres::Row;
use tokio_postgres::types::{FromSqlOwned, ToSql};
use uuid::Uuid;

use crate::error::{DatabaseError, InvalidColumn};

/// A value that is stored in one column.
pub(crate) trait Column: Sized {
    /// The driver's type of the column.
    type Stored: FromSqlOwned + ToSql + Send + Sync + 'static;

    fn store(&self) -> Self::Stored;
    fn read(stored: Self::Stored) -> Result<Self, InvalidColumn>;
}

/// A parameter of a statement.
pub(crate) type Parameter = Box<dyn ToSql + Send + Sync>;

/// Makes a parameter from a value.
pub(crate) fn bound<T: Column>(value: &T) -> Parameter {
    Box::new(value.store())
}

/// Makes one array parameter from many values.
pub(crate) fn bound_all<'a, T: Column + 'a>(values: impl IntoIterator<Item = &'a T>) -> Parameter {
    let stored: Vec<T::Stored> = values.into_iter().map(Column::store).collect();
    Box::new(stored)
}

/// Makes the parameters of a statement, in order.
macro_rules! bind {
    ($($value:expr),* $(,)?) => { vec![$($crate::columns::bound(&$value)),*] };
}
pub(crate) use bind;

/// Reads the columns of a row from left to right.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) const fn of(row: &'r Row) -> Self {
        Self::from(row, 0)
    }

    /// Begins at the column with this index.
    pub(crate) const fn from(row: &'r Row, next: usize) -> Self {
        Self { row, next }
    }

    pub(crate) fn take<T: Column>(&mut self) -> Result<T, DatabaseError> {
        let index = self.next;
        self.next += 1;
        let stored = self.row.try_get(index).map_err(InvalidColumn::of)?;
        Ok(T::read(stored)?)
    }
}

/// Reads the first column of a row.
pub(crate) fn only<T: Column>(row: &Row) -> Result<T, DatabaseError> {
    Columns::of(row).take()
}

impl<T: Column> Column for Option<T> {
    type Stored = Option<T::Stored>;

    fn store(&self) -> Self::Stored {
        self.as_ref().map(T::store)
    }

    fn read(stored: Self::Stored) -> Result<Self, InvalidColumn> {
        stored.map(T::read).transpose()
    }
}

/// Implements [`Column`], one line for each type: how to store it and how to read it.
//
// All integers are BIGINT, also small ones: a column then never needs to be widened, and the sums of
// the domain cannot overflow in SQL.
macro_rules! columns {
    ($($as:ty { $($type:ty: |$value:ident| $store:expr, |$stored:ident| $read:expr;)+ })+) => {$($(
        impl Column for $type {
            type Stored = $as;

            fn store(&self) -> $as {
                let $value = self;
                $store
            }

            fn read($stored: $as) -> Result<Self, InvalidColumn> {
                $read
            }
        }
    )+)+};
}

columns! {
    bool {
        bool: |value| *value, |stored| Ok(stored);
    }
    i64 {
        i64: |value| *value, |stored| Ok(stored);
        // The bits are kept: BIGINT is signed, a digest is not.
        Digest: |value| value.get().cast_signed(), |stored| Ok(Self::new(stored.cast_unsigned()));
        i32: |value| i64::from(*value), |stored| narrow(stored);
        // A figure beyond the range is a bound that no account reaches.
        u64: |value| i64::try_from(*value).unwrap_or(i64::MAX), |stored| narrow(stored);
        u32: |value| i64::from(*value), |stored| narrow(stored);
        u16: |value| i64::from(*value), |stored| narrow(stored);
        u8: |value| i64::from(*value), |stored| narrow(stored);
        Seq: |value| value.get(), |stored| Self::new(stored).ok_or_else(|| out_of_range(stored));
        Version: |value| value.get(), |stored| Self::new(stored).ok_or_else(|| out_of_range(stored));
        Timestamp: |value| value.as_micros(), |stored| Self::from_micros(stored).map_err(InvalidColumn::of);
        Quantity: |value| value.thousandths(), |stored| Self::from_thousandths(stored).map_err(InvalidColumn::of);
        Date: |value| days_since_epoch(*value), |stored| date_of(stored);
        Weekdays: |value| mask_of(*value), |stored| weekdays_of(stored);
    }
    String {
        Title: |value| value.as_str().to_owned(), |stored| Self::restored(&stored).map_err(InvalidColumn::of);
        Description: |value| value.as_str().to_owned(), |stored| Self::new(&stored).map_err(InvalidColumn::of);
        Icon: |value| value.as_str().to_owned(), |stored| Self::new(&stored).map_err(InvalidColumn::of);
        Unit: |value| value.as_str().to_owned(), |stored| Self::new(&stored).map_err(InvalidColumn::of);
        Notes: |value| value.as_str().to_owned(), |stored| Self::new(&stored).map_err(InvalidColumn::of);
        Color: |value| value.as_str().to_owned(), |stored| Self::new(&stored).map_err(InvalidColumn::of);
        Email: |value| value.as_str().to_owned(), |stored| Ok(Self::restored(stored));
        PasswordHash: |value| value.as_str().to_owned(), |stored| Ok(Self::new(stored));
        Zone: |value| value.name().to_owned(), |stored| stored.parse().map_err(InvalidColumn::of);
        WeekStart: |value| value.as_str().to_owned(), |stored| stored.parse().map_err(InvalidColumn::of);
        HabitType: |value| value.as_str().to_owned(), |stored| named(&Self::ALL, Self::as_str, &stored);
        FrequencyType: |value| value.as_str().to_owned(), |stored| named(&Self::ALL, Self::as_str, &stored);
        TargetDirection: |value| value.as_str().to_owned(), |stored| named(&Self::ALL, Self::as_str, &stored);
        EntryKind: |value| value.as_str().to_owned(), |stored| named(&Self::ALL, Self::as_str, &stored);
        EventKind: |value| value.as_str().to_owned(), |stored| named(Self::ALL, Self::as_str, &stored);
        Label: |value| value.as_str().to_owned(), |stored| Self::cut(&stored).ok_or_else(|| InvalidColumn::new("an empty label".to_owned()));
        TimeOfDay: |value| value.to_string(), |stored| stored.parse().map_err(InvalidColumn::of);
        DayStart: |value| value.to_string(), |stored| stored.parse().map_err(InvalidColumn::of);
        String: |value| value.clone(), |stored| Ok(stored);
    }
    Uuid {
        Uuid: |value| *value, |stored| Ok(stored);
        UserId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        HabitId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        EntryId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        SessionId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        OpId: |value| value.uuid(), |stored| Ok(Self::new(stored));
        DeviceId: |value| value.uuid(), |stored| Ok(Self::new(stored));
    }
    Vec<u8> {
        Vec<u8>: |value| value.clone(), |stored| Ok(stored);
        TokenHash: |value| value.bytes().to_vec(), |stored| hash(&stored).map(Self::new);
        Fingerprint: |value| value.bytes().to_vec(), |stored| hash(&stored).map(Self::from_bytes);
    }
}

/// Reads a hash of 32 bytes.
fn hash(stored: &[u8]) -> Result<[u8; 32], InvalidColumn> {
    stored.try_into().map_err(InvalidColumn::of)
}

fn narrow<T: TryFrom<i64>>(stored: i64) -> Result<T, InvalidColumn> {
    T::try_from(stored).map_err(|_| out_of_range(stored))
}

fn out_of_range(stored: i64) -> InvalidColumn {
    InvalidColumn::new(format!("{stored} is out of range"))
}

/// Finds the value with this stored name among `all`.
pub(crate) fn named<T: Copy>(
    all: &[T],
    name: fn(T) -> &'static str,
    stored: &str,
) -> Result<T, InvalidColumn> {
    let value = all.iter().copied().find(|&value| name(value) == stored);
    value.ok_or_else(|| InvalidColumn::new(format!("{stored:?} is not a known name")))
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

pub(crate) fn days_since_epoch(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

pub(crate) fn date_of(days: i64) -> Result<Date, InvalidColumn> {
    let count = i32::try_from(days).map_err(|_| out_of_range(days))?;
    let offset = jiff::SignedDuration::from_hours(i64::from(count) * 24);
    EPOCH.checked_add(offset).map_err(|_| out_of_range(days))
}

pub(crate) fn mask_of(weekdays: Weekdays) -> i64 {
    let days = weekdays.days();
    days.iter().fold(0, |mask, &day| mask | 1 << day)
}

pub(crate) fn weekdays_of(mask: i64) -> Result<Weekdays, InvalidColumn> {
    let days: Vec<u8> = (0..=6).filter(|&day| mask & (1 << day) != 0).collect();
    // Bits beyond the seventh would be dropped silently, so the mask must survive the round trip.
    let weekdays = Weekdays::new(&days).filter(|&weekdays| mask_of(weekdays) == mask);
    weekdays.ok_or_else(|| out_of_range(mask))
}
