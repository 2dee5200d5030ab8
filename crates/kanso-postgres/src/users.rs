//! Rows of accounts.

use kanso_application::ports::storage::{Credentials, DayBorder, NewAccount};
use kanso_domain::accounts::{Account, Email, PasswordHash, Settings, SettingsRecord};
use kanso_domain::sync::{Digest, Epoch, Floor, Head};
use kanso_domain::{Date, Seq, Timestamp, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, bind, bound_all, only};
use crate::connection::{Connection, sent};
use crate::error::Failure;

/// `day_begun` of a person for whom no day was begun: before every date.
const NO_DAY: i64 = -5_000_000;

/// What [`read_head`] reads, in its order.
macro_rules! head_columns {
    () => {
        "head_seq, last_change_at, digest, floor_seq, floor_at"
    };
}

const HEAD: &str = concat!("SELECT ", head_columns!(), " FROM users WHERE user_id = $1");

const HEAD_AND_SETTINGS: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", timezone, week_start, day_start FROM users WHERE user_id = $1"
);

/// Locks the user, and reads what every writer needs to know. Waits until no other writer of the
/// user is left.
pub(crate) const LOCK: &str = concat!(
    "SELECT ",
    head_columns!(),
    ", timezone, week_start, day_start FROM users WHERE user_id = $1 FOR UPDATE"
);

/// The newest change; `None` when there is no such account.
pub(crate) async fn head(connection: &Connection, user: UserId) -> Result<Option<Head>, Failure> {
    let read = |row: &Row| read_head(&mut Columns::of(row), connection.epoch);
    connection.first(HEAD, bind![user], read).await
}

/// Where the histories of these people stand, of those who have accounts.
pub(crate) async fn heads(
    connection: &Connection,
    users: &[UserId],
) -> Result<Vec<(UserId, Seq)>, Failure> {
    let sql = "SELECT user_id, head_seq FROM users WHERE user_id = ANY($1)";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    };
    connection.all(sql, vec![bound_all(users)], read).await
}

/// The newest change and the settings, in one look.
pub(crate) async fn head_and_settings(
    connection: &Connection,
    user: UserId,
) -> Result<Option<(Head, Settings)>, Failure> {
    let read = |row: &Row| read_head_and_settings(row, connection.epoch);
    connection.first(HEAD_AND_SETTINGS, bind![user], read).await
}

/// The same, under the lock on the user.
pub(crate) async fn lock(
    connection: &Connection,
    user: UserId,
) -> Result<Option<(Head, Settings)>, Failure> {
    let read = |row: &Row| read_head_and_settings(row, connection.epoch);
    connection.first(LOCK, bind![user], read).await
}

pub(crate) const SET_HEAD: &str =
    "UPDATE users SET head_seq = $2, last_change_at = $3, digest = $4 WHERE user_id = $1";

pub(crate) async fn set_head(
    connection: &Connection,
    user: UserId,
    head: Head,
) -> Result<(), Failure> {
    let values = bind![user, head.seq, head.changed_at, head.digest];
    connection.execute(SET_HEAD, values).await.map(drop)
}

pub(crate) async fn account(
    connection: &Connection,
    user: UserId,
) -> Result<Option<Account>, Failure> {
    let sql = "SELECT user_id, email, timezone, week_start, day_start, created_at
               FROM users WHERE user_id = $1";
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

/// Two looks, so that each is for rows of one user or of the directory alone.
pub(crate) async fn credentials(
    connection: &Connection,
    email: &Email,
) -> Result<Option<Credentials>, Failure> {
    let sql = "SELECT user_id FROM emails WHERE email = $1";
    let Some(user) = connection.first(sql, bind![*email], only::<UserId>).await? else {
        return Ok(None);
    };
    let sql = "SELECT user_id, password_hash FROM users WHERE user_id = $1";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Credentials {
            user_id: columns.take()?,
            password_hash: columns.take()?,
        })
    };
    connection.first(sql, bind![user], read).await
}

/// Stores a new account; `false` when its e-mail address is taken.
pub(crate) async fn create(connection: &Connection, new: &NewAccount) -> Result<bool, Failure> {
    let account = &new.account;
    let sql = "INSERT INTO emails (email, user_id) VALUES ($1, $2)
               ON CONFLICT (email) DO NOTHING";
    let entered = connection.execute(sql, bind![account.email, account.id]);
    if entered.await? == 0 {
        return Ok(false);
    }
    let settings = &account.settings;
    let sql = "INSERT INTO users (user_id, email, password_hash, timezone, week_start, day_start,
                   created_at, head_seq, last_change_at, digest)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9)";
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

/// Stores the settings, which changed at `head`. The person's day begins anew, because it may be
/// another one now.
pub(crate) async fn set_settings(
    connection: &Connection,
    user: UserId,
    settings: &Settings,
    head: Head,
) -> Result<(), Failure> {
    let sql = "UPDATE users SET timezone = $2, week_start = $3, day_start = $4, day_begun = $5,
                   head_seq = $6, last_change_at = $7, settings_seq = $6, settings_at = $7
               WHERE user_id = $1";
    let values = bind![
        user,
        settings.timezone,
        settings.week_start,
        settings.day_start,
        NO_DAY,
        head.seq,
        head.changed_at,
    ];
    connection.execute(sql, values).await.map(drop)
}

/// The settings with their place in the history; `None` while they are as registered.
pub(crate) async fn settings_record(
    connection: &Connection,
    user: UserId,
) -> Result<Option<SettingsRecord>, Failure> {
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

/// The ways in which people's days begin, each once.
pub(crate) async fn day_borders(connection: &Connection) -> Result<Vec<DayBorder>, Failure> {
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

/// Locks people who live by `border` and for whom `today` has not begun, as many as `limit`, but
/// none whom somebody else has locked.
pub(crate) async fn lock_sleepers(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
    limit: u32,
) -> Result<Vec<UserId>, Failure> {
    let sql = "SELECT user_id FROM users
               WHERE timezone = $1 AND day_start = $2 AND day_begun < $3
               ORDER BY day_begun, user_id LIMIT $4 FOR UPDATE SKIP LOCKED";
    let values = bind![border.timezone, border.day_start, today, limit];
    connection.all(sql, values, only).await
}

/// Whether there are people who live by `border` and for whom `today` has not begun.
pub(crate) async fn has_sleepers(
    connection: &Connection,
    border: &DayBorder,
    today: Date,
) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM users
               WHERE timezone = $1 AND day_start = $2 AND day_begun < $3
               ORDER BY day_begun LIMIT 1";
    let values = bind![border.timezone, border.day_start, today];
    connection.exists(sql, values).await
}

/// Notes that `today` has begun for somebody.
pub(crate) async fn wake(
    connection: &Connection,
    user: UserId,
    today: Date,
) -> Result<(), Failure> {
    let sql = "UPDATE users SET day_begun = $2 WHERE user_id = $1";
    connection.execute(sql, bind![user, today]).await.map(drop)
}

/// Whether the password of an account that is there has this hash, which it then keeps until the
/// end of the transaction.
pub(crate) async fn has_password(
    connection: &Connection,
    user: UserId,
    hash: &PasswordHash,
) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM users WHERE user_id = $1 AND password_hash = $2 FOR UPDATE";
    connection.exists(sql, bind![user, *hash]).await
}

/// `false` when another hash is stored than the one to be replaced.
pub(crate) async fn replace_password(
    connection: &Connection,
    user: UserId,
    replaces: &PasswordHash,
    hash: &PasswordHash,
) -> Result<bool, Failure> {
    let sql = "UPDATE users SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2";
    let changed = connection
        .execute(sql, bind![user, *replaces, *hash])
        .await?;
    Ok(changed > 0)
}

/// What an account consists of, in the order in which it can go.
const ROWS: [&str; 9] = [
    "DELETE FROM streak_dirty WHERE user_id = $1",
    "DELETE FROM devices WHERE user_id = $1",
    "DELETE FROM graves WHERE user_id = $1",
    "DELETE FROM receipts WHERE user_id = $1",
    "DELETE FROM entries WHERE user_id = $1",
    "DELETE FROM habits WHERE user_id = $1",
    "DELETE FROM sessions WHERE user_id = $1",
    "DELETE FROM emails WHERE email = (SELECT email FROM users WHERE user_id = $1)",
    "DELETE FROM users WHERE user_id = $1",
];

/// Deletes every row of an account; `false` when there was none. A table that is forgotten here
/// refuses the deletion, because its rows refer to the user's.
pub(crate) async fn delete(connection: &Connection, user: UserId) -> Result<bool, Failure> {
    if lock(connection, user).await?.is_none() {
        return Ok(false);
    }
    connection.prepare(&ROWS).await?;
    let mut deleted = Vec::with_capacity(ROWS.len());
    for rows in ROWS {
        deleted.push(sent(connection.execute(rows, bind![user])).await);
    }
    for rows in deleted {
        rows.await?;
    }
    Ok(true)
}

pub(crate) fn read_head_and_settings(row: &Row, epoch: Epoch) -> Result<(Head, Settings), Failure> {
    let mut columns = Columns::of(row);
    let head = read_head(&mut columns, epoch)?;
    Ok((head, read_settings(&mut columns)?))
}

fn read_head(columns: &mut Columns<'_>, epoch: Epoch) -> Result<Head, Failure> {
    Ok(Head {
        epoch,
        seq: columns.take()?,
        changed_at: columns.take()?,
        digest: columns.take()?,
        floor: Floor {
            seq: columns.take()?,
            at: columns.take::<Option<_>>()?.unwrap_or(Timestamp::MIN),
        },
    })
}

fn read_settings(columns: &mut Columns<'_>) -> Result<Settings, Failure> {
    Ok(Settings {
        timezone: columns.take()?,
        week_start: columns.take()?,
        day_start: columns.take()?,
    })
}
