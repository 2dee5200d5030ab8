//! Rows of accounts.

use kanso_application::ports::storage::{Credentials, DayBorder, NewAccount};
use kanso_domain::accounts::{Account, Email, PasswordHash, Settings, SettingsRecord};
use kanso_domain::sync::{Digest, Epoch, Floor, Head, OwnQuota, Usage};
use kanso_domain::{Date, Seq, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::columns::{Bound, Columns, only};
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::usage::{self, usage_columns};

/// Value of `day_begun` for a user without a begun day: before every valid date.
//
// Days since 1970. The first date of the calendar, in the year -9999, is about day -4,372,000.
const NO_DAY: i64 = -5_000_000;

/// Columns in the order of [`read_head`].
macro_rules! head_columns {
    () => {
        "head_seq, last_change_at, digest, floor_seq, floor_at, history_epoch, history_start"
    };
}

/// Returns the head of a user; `None` if there is no such account.
pub(crate) fn head(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
) -> Result<Option<Head>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            head_columns!(),
            " FROM users WHERE user_id = ?1 AND is_deleted = 0"
        ),
    )?;
    let read = |row: &Row<'_>| read_head(&mut Columns::of(row), epoch);
    Ok(statement.query_row([Bound(&user)], read).optional()?)
}

/// Returns the head positions of those users that exist.
pub(crate) fn heads(
    connection: &Connection,
    users: &[UserId],
) -> Result<Vec<(UserId, Seq)>, DatabaseError> {
    // SQLite has no array parameters. In process a look-up takes microseconds, so a loop is enough.
    let sql = "SELECT head_seq FROM users WHERE user_id = ?1 AND is_deleted = 0";
    let mut statement = prepare(connection, sql)?;
    let mut heads = Vec::with_capacity(users.len());
    for user in users {
        let seq = statement.query_row([Bound(user)], only).optional()?;
        heads.extend(seq.map(|seq| (*user, seq)));
    }
    Ok(heads)
}

/// Returns the head and the settings.
pub(crate) fn head_and_settings(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
) -> Result<Option<(Head, Settings)>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            head_columns!(),
            ", timezone, week_start, day_start FROM users WHERE user_id = ?1 AND is_deleted = 0"
        ),
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let head = read_head(&mut columns, epoch)?;
        Ok((head, read_settings(&mut columns)?))
    };
    Ok(statement.query_row([Bound(&user)], read).optional()?)
}

/// The row of a user that a write needs.
pub(crate) struct ForWrite {
    pub(crate) head: Head,
    pub(crate) settings: Settings,
    /// `None` until it is counted.
    pub(crate) usage: Option<Usage>,
    pub(crate) own_quota: OwnQuota,
}

pub(crate) fn for_write(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
) -> Result<Option<ForWrite>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            head_columns!(),
            ", timezone, week_start, day_start, ",
            usage_columns!(),
            " FROM users WHERE user_id = ?1 AND is_deleted = 0"
        ),
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let (head, settings) = (
            read_head(&mut columns, epoch)?,
            read_settings(&mut columns)?,
        );
        let (usage, own_quota) = usage::read(&mut columns)?;
        Ok(ForWrite {
            head,
            settings,
            usage,
            own_quota,
        })
    };
    Ok(statement.query_row([Bound(&user)], read).optional()?)
}

/// Returns the newest position up to which the history in the epoch `present` is the same as the one of
/// `epoch`.
pub(crate) fn shared_up_to(
    connection: &Connection,
    present: Epoch,
    user: UserId,
    epoch: Epoch,
) -> Result<Option<Seq>, DatabaseError> {
    let Some(head) = head(connection, present, user)? else {
        return Ok(None);
    };
    if epoch == present {
        return Ok(Some(head.seq));
    }
    let mut statement = prepare(connection, "SELECT ordinal FROM epochs WHERE epoch = ?1")?;
    let known = statement.query_row([epoch.get().cast_signed()], only::<i64>);
    let Some(ordinal) = known.optional()? else {
        return Ok(Some(Seq::ZERO));
    };
    // The newest write of the user may be in an epoch before the present one: that start is in
    // `users`. A missing epoch in `epochs` is older than all that are there.
    let mut statement = prepare(
        connection,
        "SELECT min(start) FROM (
             SELECT start, epoch FROM history_starts WHERE user_id = ?1
             UNION ALL SELECT history_start, history_epoch FROM users WHERE user_id = ?1
         ) AS starts JOIN epochs ON epochs.epoch = starts.epoch AND epochs.ordinal > ?2",
    )?;
    let earlier = statement.query_row(params![Bound(&user), ordinal], only::<Option<Seq>>)?;
    let lowest = earlier.map_or(head.history_start, |start| start.min(head.history_start));
    Ok(Some(lowest))
}

/// Keeps the start of the epoch that has ended, before the first write of the user in the present one
/// replaces it.
fn keep_start(connection: &Connection, user: UserId, present: Epoch) -> Result<(), DatabaseError> {
    prepare(
        connection,
        "INSERT INTO history_starts (user_id, epoch, start)
         SELECT user_id, history_epoch, history_start FROM users
         WHERE user_id = ?1 AND history_epoch <> ?2
         ON CONFLICT (user_id, epoch) DO NOTHING",
    )?
    .execute(params![Bound(&user), present.get().cast_signed()])?;
    Ok(())
}

/// Stores the head, and the usage if there is one.
pub(crate) fn set_head(
    connection: &Connection,
    user: UserId,
    head: Head,
    usage: Option<Usage>,
) -> Result<(), DatabaseError> {
    let mut statement = prepare(
        connection,
        "UPDATE users SET head_seq = ?2, last_change_at = ?3, digest = ?4, history_start = ?6,
             stored_records = coalesce(?7, stored_records),
             stored_bytes = coalesce(?8, stored_bytes)
         WHERE user_id = ?1 AND history_epoch = ?5",
    )?;
    let values = params![
        Bound(&user),
        Bound(&head.seq),
        Bound(&head.changed_at),
        Bound(&head.digest),
        head.epoch.get().cast_signed(),
        Bound(&head.history_start),
        Bound(&usage.map(|usage| usage.records)),
        Bound(&usage.map(|usage| usage.bytes))
    ];
    if statement.execute(values)? == 1 {
        return Ok(());
    }
    // The first write of the user in this epoch.
    keep_start(connection, user, head.epoch)?;
    prepare(
        connection,
        "UPDATE users SET head_seq = ?2, last_change_at = ?3, digest = ?4,
             history_epoch = ?5, history_start = ?6,
             stored_records = coalesce(?7, stored_records),
             stored_bytes = coalesce(?8, stored_bytes)
         WHERE user_id = ?1",
    )?
    .execute(values)?;
    Ok(())
}

pub(crate) fn account(
    connection: &Connection,
    user: UserId,
) -> Result<Option<Account>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT user_id, email, timezone, week_start, day_start, created_at
         FROM users WHERE user_id = ?1 AND is_deleted = 0",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Account {
            id: columns.take()?,
            email: columns.take()?,
            settings: read_settings(&mut columns)?,
            created_at: columns.take()?,
        })
    };
    Ok(statement.query_row([Bound(&user)], read).optional()?)
}

/// Returns the password hash for an e-mail address: that of the account with its older spelling, or
/// else of the one with the address itself.
pub(crate) fn credentials(
    connection: &Connection,
    email: &Email,
) -> Result<Option<Credentials>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT users.user_id, users.password_hash, users.is_disabled
         FROM emails JOIN users ON users.user_id = emails.user_id
         WHERE emails.email IN (?1, ?2) ORDER BY emails.email = ?1 LIMIT 1",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Credentials {
            user_id: columns.take()?,
            password_hash: columns.take()?,
            is_disabled: columns.take()?,
        })
    };
    let spellings = [email.as_str(), spelled_before(email)];
    Ok(statement.query_row(spellings, read).optional()?)
}

/// Returns the older spelling of an address, or the address itself if it has none.
fn spelled_before(email: &Email) -> &str {
    email.older_spelling().unwrap_or(email.as_str())
}

/// Stores a new account; returns false if its e-mail address is taken.
pub(crate) fn create(connection: &Connection, new: &NewAccount) -> Result<bool, DatabaseError> {
    let account = &new.account;
    // The directory of addresses decides, as in kanso-postgres, where `users` may be partitioned.
    let inserted = prepare(
        connection,
        "INSERT INTO emails (email, user_id) SELECT ?1, ?2
         WHERE NOT EXISTS (SELECT 1 FROM emails WHERE email = ?3)
         ON CONFLICT (email) DO NOTHING",
    )?
    .execute(params![
        Bound(&account.email),
        Bound(&account.id),
        spelled_before(&account.email)
    ])?;
    if inserted == 0 {
        return Ok(false);
    }
    let settings = &account.settings;
    prepare(
        connection,
        "INSERT INTO users (user_id, email, password_hash, timezone, week_start, day_start,
             created_at, head_seq, last_change_at, digest, stored_records, stored_bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?7, ?9, 0, 0)",
    )?
    .execute(params![
        Bound(&account.id),
        Bound(&account.email),
        Bound(&new.password_hash),
        Bound(&settings.timezone),
        Bound(&settings.week_start),
        Bound(&settings.day_start),
        Bound(&account.created_at),
        Bound(&Seq::ZERO),
        Bound(&Digest::EMPTY)
    ])?;
    Ok(true)
}

/// Stores the settings, which changed at `head`. The user's day begins again, because it may be
/// another date in the new timezone.
pub(crate) fn set_settings(
    connection: &Connection,
    user: UserId,
    settings: &Settings,
    head: Head,
) -> Result<(), DatabaseError> {
    keep_start(connection, user, head.epoch)?;
    prepare(
        connection,
        "UPDATE users SET timezone = ?2, week_start = ?3, day_start = ?4, day_begun = ?5,
             head_seq = ?6, last_change_at = ?7, settings_seq = ?6, settings_at = ?7,
             history_epoch = ?8, history_start = ?9
         WHERE user_id = ?1",
    )?
    .execute(params![
        Bound(&user),
        Bound(&settings.timezone),
        Bound(&settings.week_start),
        Bound(&settings.day_start),
        NO_DAY,
        Bound(&head.seq),
        Bound(&head.changed_at),
        head.epoch.get().cast_signed(),
        Bound(&head.history_start)
    ])?;
    Ok(())
}

/// Returns the settings with their position in the history; `None` if they never changed.
pub(crate) fn settings_record(
    connection: &Connection,
    user: UserId,
) -> Result<Option<SettingsRecord>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT timezone, week_start, day_start, settings_seq, settings_at
         FROM users WHERE user_id = ?1 AND settings_seq > 0",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(SettingsRecord {
            settings: read_settings(&mut columns)?,
            seq: columns.take()?,
            updated_at: columns.take()?,
        })
    };
    Ok(statement.query_row([Bound(&user)], read).optional()?)
}

/// Returns each distinct pair of timezone and start of the day.
pub(crate) fn day_borders(connection: &Connection) -> Result<Vec<DayBorder>, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT DISTINCT timezone, day_start FROM users ORDER BY timezone, day_start",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(DayBorder {
            timezone: columns.take()?,
            day_start: columns.take()?,
        })
    };
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Begins `today` for one user with this `border` for whom it has not begun, and returns the user;
/// `None` if there is none left.
pub(crate) fn begin_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
) -> Result<Option<UserId>, DatabaseError> {
    // One user for each statement: the single writer needs no locks, and each user counts towards the
    // limit together with its queued habits.
    let mut statement = prepare(
        connection,
        "UPDATE users SET day_begun = ?3
         WHERE user_id = (SELECT user_id FROM users
                          WHERE timezone = ?1 AND day_start = ?2 AND day_begun < ?3
                            AND is_deleted = 0
                          ORDER BY day_begun, user_id LIMIT 1)
         RETURNING user_id",
    )?;
    let (zone, start) = (Bound(&border.timezone), Bound(&border.day_start));
    let begun = statement.query_row(params![zone, start, Bound(&today)], only);
    Ok(begun.optional()?)
}

/// Returns true if the account exists with this password hash and is not disabled.
pub(crate) fn has_password(
    connection: &Connection,
    user: UserId,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let mut statement = prepare(
        connection,
        "SELECT 1 FROM users WHERE user_id = ?1 AND password_hash = ?2 AND is_disabled = 0",
    )?;
    Ok(statement.exists(params![Bound(&user), Bound(hash)])?)
}

/// Replaces the password hash; returns false if the stored one is not `replaces`.
pub(crate) fn replace_password(
    connection: &Connection,
    user: UserId,
    replaces: &PasswordHash,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let changed = prepare(
        connection,
        "UPDATE users SET password_hash = ?3 WHERE user_id = ?1 AND password_hash = ?2",
    )?
    .execute(params![Bound(&user), Bound(replaces), Bound(hash)])?;
    Ok(changed > 0)
}

fn read_head(columns: &mut Columns<'_, '_>, epoch: Epoch) -> rusqlite::Result<Head> {
    let head = Head {
        epoch,
        history_start: Seq::ZERO,
        seq: columns.take()?,
        changed_at: columns.take()?,
        digest: columns.take()?,
        floor: Floor {
            seq: columns.take()?,
            at: columns.take::<Option<_>>()?.unwrap_or(Timestamp::MIN),
        },
    };
    let (written_in, start): (Option<i64>, Option<Seq>) = (columns.take()?, columns.take()?);
    let written_in = written_in.map(|number| Epoch::new(number.cast_unsigned()));
    // A new epoch updates no users, so the columns are those of the epoch of the newest write. If
    // that is another one, nothing was written in this epoch, and its history begins at the head.
    // A user of an older release has no values: after a restore before the upgrade the start is
    // too late, and devices then compare versions as that release did.
    Ok(match start {
        Some(history_start) if written_in == Some(epoch) => Head {
            history_start,
            ..head
        },
        _ => head.in_epoch(epoch),
    })
}

fn read_settings(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Settings> {
    Ok(Settings {
        timezone: columns.take()?,
        week_start: columns.take()?,
        day_start: columns.take()?,
    })
}
