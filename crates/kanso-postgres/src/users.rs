//! Rows of accounts.

use kanso_application::ports::storage::{Credentials, DayBorder, NewAccount};
use kanso_domain::accounts::{Account, Email, PasswordHash, Settings, SettingsRecord};
use kanso_domain::sync::{Digest, Epoch, Floor, Head, OwnQuota, Usage};
use kanso_domain::{Date, Seq, SessionId, Timestamp, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, bind, bound_all, only};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::pipeline::Pipeline;
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
pub(crate) use head_columns;

const HEAD: &str = concat!(
    "SELECT ",
    head_columns!(),
    " FROM users WHERE user_id = $1 AND NOT is_deleted"
);

const HEAD_AND_SETTINGS: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", timezone, week_start, day_start FROM users WHERE user_id = $1 AND NOT is_deleted"
);

/// Locks the user's row and reads what a write needs. Waits for other writers of the user.
pub(crate) const LOCK: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", timezone, week_start, day_start, ",
    usage_columns!(),
    " FROM users WHERE user_id = $1 AND NOT is_deleted FOR UPDATE"
);

/// The row of a user that a write needs.
pub(crate) struct Locked {
    pub(crate) head: Head,
    pub(crate) settings: Settings,
    /// `None` until it is counted.
    pub(crate) usage: Option<Usage>,
    pub(crate) own_quota: OwnQuota,
    /// True if the newest change was written in the present epoch.
    pub(crate) is_of_epoch: bool,
}

/// Reads a row of [`LOCK`].
pub(crate) fn read_locked(row: &Row, epoch: Epoch) -> Result<Locked, DatabaseError> {
    let mut columns = Columns::of(row);
    let head = read_head(&mut columns, epoch)?;
    let written_in: Option<i64> = Columns::from(row, 5).take()?;
    let settings = read_settings(&mut columns)?;
    let (usage, own_quota) = usage::read(&mut columns)?;
    Ok(Locked {
        is_of_epoch: written_in == Some(epoch.get().cast_signed()),
        head,
        settings,
        usage,
        own_quota,
    })
}

/// Returns the head of a user; `None` if there is no such account.
pub(crate) async fn head(
    connection: &Connection,
    user: UserId,
) -> Result<Option<Head>, DatabaseError> {
    let read = |row: &Row| read_head(&mut Columns::of(row), connection.epoch);
    connection.first(HEAD, bind![user], read).await
}

/// Returns the head of a user with an open session.
pub(crate) async fn head_of_session(
    connection: &Connection,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Head>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        head_columns!(),
        " FROM users WHERE user_id = $1 AND NOT is_deleted
              AND (SELECT expires_at > $3 FROM sessions WHERE user_id = $1 AND id = $2)"
    );
    let read = |row: &Row| read_head(&mut Columns::of(row), connection.epoch);
    connection.first(sql, bind![user, session, now], read).await
}

/// Returns the head positions of those users that exist.
pub(crate) async fn heads(
    connection: &Connection,
    users: &[UserId],
) -> Result<Vec<(UserId, Seq)>, DatabaseError> {
    let sql = "SELECT user_id, head_seq FROM users WHERE user_id = ANY($1) AND NOT is_deleted";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    };
    connection.all(sql, vec![bound_all(users)], read).await
}

/// Returns the head and the settings.
pub(crate) async fn head_and_settings(
    connection: &Connection,
    user: UserId,
) -> Result<Option<(Head, Settings)>, DatabaseError> {
    let read = |row: &Row| read_head_and_settings(row, connection.epoch);
    connection.first(HEAD_AND_SETTINGS, bind![user], read).await
}

/// Locks the user and returns the head and the settings.
pub(crate) async fn lock(
    connection: &Connection,
    user: UserId,
) -> Result<Option<(Head, Settings)>, DatabaseError> {
    let read = |row: &Row| read_head_and_settings(row, connection.epoch);
    connection.first(LOCK, bind![user], read).await
}

/// Returns the newest position up to which the present history is the same as the one of `epoch`.
pub(crate) async fn shared_up_to(
    connection: &Connection,
    user: UserId,
    epoch: Epoch,
) -> Result<Option<Seq>, DatabaseError> {
    let Some(head) = head(connection, user).await? else {
        return Ok(None);
    };
    if epoch == connection.epoch {
        return Ok(Some(head.seq));
    }
    let sql = "SELECT ordinal FROM epochs WHERE epoch = $1";
    let number = epoch.get().cast_signed();
    let Some(ordinal) = connection.first(sql, bind![number], only::<i64>).await? else {
        return Ok(Some(Seq::ZERO));
    };
    // The newest write of the user may be in an epoch before the present one: that start is in
    // `users`. A missing epoch in `epochs` is older than all that are there.
    let sql = "SELECT min(start) FROM (
                   SELECT start, epoch FROM history_starts WHERE user_id = $1
                   UNION ALL SELECT history_start, history_epoch FROM users WHERE user_id = $1
               ) AS starts JOIN epochs ON epochs.epoch = starts.epoch AND epochs.ordinal > $2";
    let earlier = connection.first(sql, bind![user, ordinal], only::<Option<Seq>>);
    let earlier = earlier.await?.flatten();
    let lowest = earlier.map_or(head.history_start, |start| start.min(head.history_start));
    Ok(Some(lowest))
}

/// Stores the head of a user. The first write in a new epoch keeps the start of the one before.
pub(crate) const SET_HEAD: &str = "WITH kept AS (
         INSERT INTO history_starts (user_id, epoch, start)
         SELECT user_id, history_epoch, history_start FROM users
         WHERE user_id = $1 AND history_epoch <> $5
         ON CONFLICT (user_id, epoch) DO NOTHING
     )
     UPDATE users SET head_seq = $2, last_change_at = $3, digest = $4,
         history_epoch = $5, history_start = $6,
         stored_records = coalesce($7, stored_records), stored_bytes = coalesce($8, stored_bytes)
     WHERE user_id = $1";

/// Adds the statement that stores the head, and the usage if there is one.
pub(crate) fn set_head(
    pipeline: &mut Pipeline<'_>,
    user: UserId,
    head: Head,
    usage: Option<Usage>,
) {
    let values = bind![
        user,
        head.seq,
        head.changed_at,
        head.digest,
        head.epoch.get().cast_signed(),
        head.history_start,
        usage.map(|usage| usage.records),
        usage.map(|usage| usage.bytes),
    ];
    pipeline.add(SET_HEAD, values);
}

/// Returns the account of a user.
pub(crate) async fn account(
    connection: &Connection,
    user: UserId,
) -> Result<Option<Account>, DatabaseError> {
    let sql = "SELECT user_id, email, timezone, week_start, day_start, created_at
               FROM users WHERE user_id = $1 AND NOT is_deleted";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Account {
            id: columns.take()?,
            email: columns.take()?,
            settings: read_settings(&mut columns)?,
            created_at: columns.take()?,
        })
    };
    connection.first(sql, bind![user], read).await
}

/// Returns the password hash for an e-mail address: that of the account with its older spelling, or
/// else of the one with the address itself.
//
// Two statements instead of a join: with tables partitioned by user, a join from the directory of
// e-mail addresses would be planned over every partition.
pub(crate) async fn credentials(
    connection: &Connection,
    email: &Email,
) -> Result<Option<Credentials>, DatabaseError> {
    let sql = "SELECT user_id FROM emails WHERE email IN ($1, $2) ORDER BY email = $1 LIMIT 1";
    let spellings = bind![*email, spelled_before(email)];
    let Some(user) = connection.first(sql, spellings, only::<UserId>).await? else {
        return Ok(None);
    };
    let sql = "SELECT user_id, password_hash, is_disabled FROM users
               WHERE user_id = $1 AND NOT is_deleted";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Credentials {
            user_id: columns.take()?,
            password_hash: columns.take()?,
            is_disabled: columns.take()?,
        })
    };
    connection.first(sql, bind![user], read).await
}

/// Returns the older spelling of an address, or the address itself if it has none.
fn spelled_before(email: &Email) -> String {
    email.older_spelling().unwrap_or(email.as_str()).to_owned()
}

/// Stores a new account; returns false if its e-mail address is taken.
pub(crate) async fn create(
    connection: &Connection,
    new: &NewAccount,
) -> Result<bool, DatabaseError> {
    let account = &new.account;
    let sql = "INSERT INTO emails (email, user_id) SELECT $1, $2
               WHERE NOT EXISTS (SELECT 1 FROM emails WHERE email = $3)
               ON CONFLICT (email) DO NOTHING";
    // The directory decides: `users` may be partitioned by user, where no index can make the
    // address unique.
    let values = bind![account.email, account.id, spelled_before(&account.email)];
    let inserted = connection.execute(sql, values);
    if inserted.await? == 0 {
        return Ok(false);
    }
    let settings = &account.settings;
    let sql = "INSERT INTO users (user_id, email, password_hash, timezone, week_start, day_start,
                   created_at, head_seq, last_change_at, digest, stored_records, stored_bytes)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, 0, 0)";
    let values = bind![
        account.id,
        account.email,
        new.password_hash,
        settings.timezone,
        settings.week_start,
        settings.day_start,
        account.created_at,
        Seq::ZERO,
        Digest::EMPTY,
    ];
    connection.execute(sql, values).await?;
    Ok(true)
}

/// Stores the settings, which changed at `head`. The user's day begins again, because it may be
/// another date in the new timezone.
pub(crate) async fn set_settings(
    connection: &Connection,
    user: UserId,
    settings: &Settings,
    head: Head,
) -> Result<(), DatabaseError> {
    let sql = "WITH kept AS (
                   INSERT INTO history_starts (user_id, epoch, start)
                   SELECT user_id, history_epoch, history_start FROM users
                   WHERE user_id = $1 AND history_epoch <> $8
                   ON CONFLICT (user_id, epoch) DO NOTHING
               )
               UPDATE users SET timezone = $2, week_start = $3, day_start = $4, day_begun = $5,
                   head_seq = $6, last_change_at = $7, settings_seq = $6, settings_at = $7,
                   history_epoch = $8, history_start = $9
               WHERE user_id = $1";
    let values = bind![
        user,
        settings.timezone,
        settings.week_start,
        settings.day_start,
        NO_DAY,
        head.seq,
        head.changed_at,
        head.epoch.get().cast_signed(),
        head.history_start,
    ];
    connection.execute(sql, values).await.map(drop)
}

/// Returns the settings with their position in the history; `None` if they never changed.
pub(crate) async fn settings_record(
    connection: &Connection,
    user: UserId,
) -> Result<Option<SettingsRecord>, DatabaseError> {
    let sql = "SELECT timezone, week_start, day_start, settings_seq, settings_at
               FROM users WHERE user_id = $1 AND settings_seq > 0";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(SettingsRecord {
            settings: read_settings(&mut columns)?,
            seq: columns.take()?,
            updated_at: columns.take()?,
        })
    };
    connection.first(sql, bind![user], read).await
}

/// Returns each distinct pair of timezone and start of the day.
pub(crate) async fn day_borders(connection: &Connection) -> Result<Vec<DayBorder>, DatabaseError> {
    let sql = "SELECT DISTINCT timezone, day_start FROM users ORDER BY timezone, day_start";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(DayBorder {
            timezone: columns.take()?,
            day_start: columns.take()?,
        })
    };
    connection.all(sql, Vec::new(), read).await
}

/// Locks at most `limit` users with this `border` for whom `today` has not begun. Skips users that
/// another transaction has locked.
pub(crate) async fn lock_users_before_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
    limit: u32,
) -> Result<Vec<UserId>, DatabaseError> {
    let sql = "SELECT user_id FROM users
               WHERE timezone = $1 AND day_start = $2 AND day_begun < $3 AND NOT is_deleted
               ORDER BY day_begun, user_id LIMIT $4 FOR UPDATE SKIP LOCKED";
    let values = bind![border.timezone, border.day_start, today, limit];
    connection.all(sql, values, only).await
}

/// Returns true if there are users with this `border` for whom `today` has not begun.
pub(crate) async fn has_users_before_day(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM users
               WHERE timezone = $1 AND day_start = $2 AND day_begun < $3 AND NOT is_deleted
               ORDER BY day_begun LIMIT 1";
    let values = bind![border.timezone, border.day_start, today];
    connection.exists(sql, values).await
}

/// Notes that the day $2 has begun for a user.
pub(crate) const SET_DAY_BEGUN: &str = "UPDATE users SET day_begun = $2 WHERE user_id = $1";

/// Returns true if the account exists with this password hash. The row stays locked, so the hash
/// cannot change before the transaction ends.
pub(crate) async fn has_password(
    connection: &Connection,
    user: UserId,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM users WHERE user_id = $1 AND password_hash = $2 AND NOT is_disabled
               FOR UPDATE";
    connection.exists(sql, bind![user, *hash]).await
}

/// Replaces the password hash; returns false if the stored one is not `replaces`.
pub(crate) async fn replace_password(
    connection: &Connection,
    user: UserId,
    replaces: &PasswordHash,
    hash: &PasswordHash,
) -> Result<bool, DatabaseError> {
    let sql = "UPDATE users SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2";
    let changed = connection
        .execute(sql, bind![user, *replaces, *hash])
        .await?;
    Ok(changed > 0)
}

pub(crate) fn read_head_and_settings(
    row: &Row,
    epoch: Epoch,
) -> Result<(Head, Settings), DatabaseError> {
    let mut columns = Columns::of(row);
    let head = read_head(&mut columns, epoch)?;
    Ok((head, read_settings(&mut columns)?))
}

pub(crate) fn read_head(columns: &mut Columns<'_>, epoch: Epoch) -> Result<Head, DatabaseError> {
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
    // A node of 0.1.0 does not write the columns: after a restore before the upgrade, or while such
    // nodes still run, the start may be too late. Devices then compare versions as with 0.1.0.
    Ok(match start {
        Some(history_start) if written_in == Some(epoch) => Head {
            history_start,
            ..head
        },
        _ => head.in_epoch(epoch),
    })
}

pub(crate) fn read_settings(columns: &mut Columns<'_>) -> Result<Settings, DatabaseError> {
    Ok(Settings {
        timezone: columns.take()?,
        week_start: columns.take()?,
        day_start: columns.take()?,
    })
}
