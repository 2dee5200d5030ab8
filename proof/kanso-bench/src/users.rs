//! Users with accounts, habits and a history, created before the load begins.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use kanso_domain::Date;
use kanso_domain::calendar::days_before;
use kanso_harness::ids::DeviceIds;
use kanso_harness::requests;
use kanso_protocol::accounts::TokenResponse;
use kanso_protocol::sync::{
    EntityName, OperationRequest, OperationStatus, SyncRequest, SyncResponse,
};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::now;
use crate::connection::{Connection, RequestTemplate};

/// Number of registrations at a time. Hashing the passwords is the server's work, and more of it than
/// the server has cores would only wait.
const CONCURRENT_REGISTRATIONS: usize = 2;
/// Time without a new change after which the server counts as idle.
const QUIET: Duration = Duration::from_secs(3);
/// Time limit for the server to become idle.
const QUIET_LIMIT: Duration = Duration::from_mins(2);

/// A user with one device that is in sync.
#[derive(Debug)]
pub(crate) struct BenchUser {
    pub(crate) token: String,
    pub(crate) device: Uuid,
    pub(crate) habits: Vec<Uuid>,
    pub(crate) cursor: Option<String>,
    pub(crate) ids: DeviceIds,
}

impl BenchUser {
    /// Registers an account, logs in and creates a number of habits.
    pub(crate) async fn register(
        connection: &mut Connection,
        number: u32,
        habits: usize,
    ) -> anyhow::Result<Self> {
        let credentials = requests::credentials(number, "bench.example");
        let credentials = serde_json::to_vec(&credentials)?;
        let register = RequestTemplate::post("/api/v1/auth/register")?;
        let answer = connection.send_until_accepted(&register, credentials.clone());
        answer.await?.into_success().context("cannot register")?;
        let log_in = RequestTemplate::post("/api/v1/auth/login")?;
        let answer = connection.send_until_accepted(&log_in, credentials).await?;
        let session = answer.into_success().context("cannot log in")?;
        let session: TokenResponse = serde_json::from_slice(&session)?;

        let mut ids = DeviceIds::of_device(number);
        let mut user = Self {
            token: session.token,
            device: ids.next_id(),
            habits: Vec::new(),
            cursor: None,
            ids,
        };
        user.add_habits(connection, habits).await?;
        Ok(user)
    }

    /// Creates `count` entries: one for each habit on a day, then the same for the next day.
    pub(crate) async fn add_entries(
        &mut self,
        connection: &mut Connection,
        count: usize,
    ) -> anyhow::Result<()> {
        let habits = self.habits.len();
        let fields: Vec<_> = (0..count)
            .map(|number| {
                let habit = self.habits[number % habits];
                entry_fields(habit, number / habits)
            })
            .collect();
        for some in fields.chunks(MAX_OPERATIONS) {
            self.create(connection, EntityName::Entry, some.to_vec())
                .await?;
        }
        Ok(())
    }

    /// Returns the current calendar day of the user by the server's clock.
    pub(crate) async fn today(&self, connection: &mut Connection) -> anyhow::Result<Date> {
        let template = RequestTemplate::get(requests::TODAY)?.authorized(&self.token)?;
        let answer = connection.send(&template, Bytes::new()).await?;
        let answer: Value = serde_json::from_slice(&answer.into_success()?)?;
        requests::date_of_today(&answer)
    }

    /// Creates an entry for each habit on each of the last `days` days.
    pub(crate) async fn add_days(
        &mut self,
        connection: &mut Connection,
        today: Date,
        days: i32,
    ) -> anyhow::Result<()> {
        let mut fields = Vec::new();
        for back in (0..days).rev() {
            let noon = format!("{}T12:00:00Z", days_before(today, back));
            let on_that_day = |habit: &Uuid| fields_at(*habit, &noon);
            fields.extend(self.habits.iter().map(on_that_day));
        }
        // The largest push that a server accepts, because this part is not measured.
        for some in fields.chunks(MAX_OPERATIONS) {
            self.create(connection, EntityName::Entry, some.to_vec())
                .await?;
        }
        Ok(())
    }

    /// Pulls until nothing is new for [`QUIET`]. The server computes streaks after it has answered
    /// a push, and they are changes too; a measurement must not overlap with that work.
    pub(crate) async fn wait_until_quiet(
        &mut self,
        connection: &mut Connection,
    ) -> anyhow::Result<()> {
        let began = now();
        let mut quiet_since = began;
        while quiet_since.elapsed() < QUIET {
            anyhow::ensure!(
                began.elapsed() < QUIET_LIMIT,
                "new changes arrived for {QUIET_LIMIT:?} after the last push"
            );
            if self.sync(connection, Vec::new()).await?.changes.is_empty() {
                // Ten polls in a quiet time: few enough not to keep the server busy.
                tokio::time::sleep(QUIET / 10).await;
            } else {
                quiet_since = now();
            }
        }
        Ok(())
    }

    async fn add_habits(
        &mut self,
        connection: &mut Connection,
        count: usize,
    ) -> anyhow::Result<()> {
        let fields = (1..=count).map(|number| json!({"title": format!("Habit {number}")}));
        self.habits = self
            .create(connection, EntityName::Habit, fields.collect())
            .await?;
        Ok(())
    }

    async fn create(
        &mut self,
        connection: &mut Connection,
        entity: EntityName,
        fields: Vec<Value>,
    ) -> anyhow::Result<Vec<Uuid>> {
        let ids = &mut self.ids;
        let operations: Vec<_> = fields
            .into_iter()
            .map(|fields| requests::create(ids.next_id(), entity, ids.next_id(), fields))
            .collect();
        let created = operations.iter().map(|operation| operation.id).collect();
        let answer = self.sync(connection, operations).await?;
        for result in &answer.results {
            anyhow::ensure!(
                result.status == OperationStatus::Applied,
                "a create was not applied: {result:?}"
            );
        }
        Ok(created)
    }

    async fn sync(
        &mut self,
        connection: &mut Connection,
        operations: Vec<OperationRequest>,
    ) -> anyhow::Result<SyncResponse> {
        let request = SyncRequest {
            device_id: Some(self.device),
            cursor: self.cursor.clone(),
            limit: Some(MAX_PAGE),
            operations,
            ..SyncRequest::default()
        };
        let template = RequestTemplate::post("/api/v1/sync")?.authorized(&self.token)?;
        let answer = connection
            .send(&template, serde_json::to_vec(&request)?)
            .await?;
        let answer: SyncResponse = serde_json::from_slice(&answer.into_success()?)?;
        self.cursor = Some(answer.cursor.clone());
        Ok(answer)
    }
}

/// Registers `count` users with one habit each.
pub(crate) async fn register_all(
    address: SocketAddr,
    count: u32,
) -> anyhow::Result<Vec<BenchUser>> {
    let mut registering = tokio::task::JoinSet::new();
    for first in 0..CONCURRENT_REGISTRATIONS {
        registering.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut users = Vec::new();
            // Interleaved, so that both tasks end at about the same time.
            for number in (0..count).skip(first).step_by(CONCURRENT_REGISTRATIONS) {
                users.push(BenchUser::register(&mut connection, number, 1).await?);
            }
            anyhow::Ok(users)
        });
    }
    let mut users = Vec::new();
    while let Some(some) = registering.join_next().await {
        users.extend(some??);
    }
    Ok(users)
}

/// Pulls with every device until the server is idle.
pub(crate) async fn wait_until_all_quiet(
    address: SocketAddr,
    users: Vec<BenchUser>,
) -> anyhow::Result<Vec<BenchUser>> {
    let mut waiting = tokio::task::JoinSet::new();
    for mut user in users {
        waiting.spawn(async move {
            let mut connection = Connection::open(address).await?;
            user.wait_until_quiet(&mut connection).await?;
            anyhow::Ok(user)
        });
    }
    let mut users = Vec::new();
    while let Some(user) = waiting.join_next().await {
        users.push(user??);
    }
    Ok(users)
}

/// Returns the fields of an entry for `habit` on the day with this number.
pub(crate) fn entry_fields(habit: Uuid, day: usize) -> Value {
    fields_at(habit, &evening(day))
}

fn fields_at(habit: Uuid, instant: &str) -> Value {
    json!({
        "habit_id": habit,
        "completion_date": instant,
        "timezone": "Europe/Rome",
        "value": 1
    })
}

/// Returns the evening of a day, counted over the days 1 to 28 of each month from 2020 on. Every
/// month has 28 days, so no calendar is needed while the load runs. The days repeat after six
/// years.
fn evening(day: usize) -> String {
    let (month, day) = (day / 28, day % 28 + 1);
    let (year, month) = (2020 + month / 12 % 6, month % 12 + 1);
    format!("{year}-{month:02}-{day:02}T20:15:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_consecutive_and_repeat_after_six_years() {
        assert_eq!(evening(0), "2020-01-01T20:15:00Z");
        assert_eq!(evening(27), "2020-01-28T20:15:00Z");
        assert_eq!(evening(28), "2020-02-01T20:15:00Z");
        assert_eq!(evening(28 * 12), "2021-01-01T20:15:00Z");
        assert_eq!(evening(28 * 12 * 6), evening(0));
    }
}
