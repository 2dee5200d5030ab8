//! People with accounts, habits and a history, before the load begins.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use kanso_domain::Date;
use kanso_domain::calendar::days_before;
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};
use kanso_protocol::sync::{
    ActionName, EntityName, OperationRequest, OperationStatus, SyncRequest, SyncResponse,
};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::connection::{Call, Connection};
use crate::ids::Ids;
use crate::load::now;

/// Password hashing is the server's work: more at once than it has cores only wait.
const JOINING_AT_ONCE: usize = 2;
/// How long there is nothing new when the server has done all that a change entails.
const QUIET: Duration = Duration::from_secs(3);
/// How long that may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Somebody with a device that is in sync.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) device: Uuid,
    pub(crate) habits: Vec<Uuid>,
    pub(crate) cursor: Option<String>,
    pub(crate) ids: Ids,
}

impl Person {
    /// Registers, logs in and has a number of habits.
    pub(crate) async fn join(
        connection: &mut Connection,
        number: u32,
        habits: usize,
    ) -> anyhow::Result<Self> {
        let credentials = serde_json::to_vec(&CredentialsRequest {
            email: format!("person-{number}@bench.example"),
            password: "two carrots and a slow kettle".to_owned(),
        })?;
        let register = Call::post("/api/v1/auth/register")?;
        let answer = connection.send_patiently(&register, credentials.clone());
        answer.await?.into_success().context("cannot register")?;
        let log_in = Call::post("/api/v1/auth/login")?;
        let answer = connection.send_patiently(&log_in, credentials).await?;
        let session = answer.into_success().context("cannot log in")?;
        let session: TokenResponse = serde_json::from_slice(&session)?;

        let mut ids = Ids::of_device(number);
        let mut person = Self {
            token: session.token,
            device: ids.next(),
            habits: Vec::new(),
            cursor: None,
            ids,
        };
        person.add_habits(connection, habits).await?;
        Ok(person)
    }

    /// Creates entries, a day's for each habit, then the next day's.
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

    /// The date where the server is, for this person.
    pub(crate) async fn today(&self, connection: &mut Connection) -> anyhow::Result<Date> {
        let call = Call::get("/api/v1/today")?.authorized(&self.token)?;
        let answer = connection.send(&call, Bytes::new()).await?;
        let answer: Value = serde_json::from_slice(&answer.into_success()?)?;
        let date = answer["date"].as_str().context("today has a date")?;
        Ok(date.parse()?)
    }

    /// Creates an entry for each habit on each of the last days.
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
        for some in fields.chunks(MAX_OPERATIONS) {
            self.create(connection, EntityName::Entry, some.to_vec())
                .await?;
        }
        Ok(())
    }

    /// Pulls until there is nothing new for a while: the server computes streaks after it has
    /// answered, and they are changes too.
    pub(crate) async fn settle(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let began = now();
        let mut quiet_since = began;
        while quiet_since.elapsed() < QUIET {
            anyhow::ensure!(
                began.elapsed() < PATIENCE,
                "there was something new for {PATIENCE:?} after the last change"
            );
            if self.sync(connection, Vec::new()).await?.changes.is_empty() {
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
        let operations: Vec<_> = fields
            .into_iter()
            .map(|fields| OperationRequest {
                op_id: self.ids.next(),
                entity,
                action: ActionName::Create,
                id: self.ids.next(),
                base_version: None,
                on_conflict: None,
                revive: false,
                group: None,
                fields: Some(fields),
            })
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
        let call = Call::post("/api/v1/sync")?.authorized(&self.token)?;
        let answer = connection
            .send(&call, serde_json::to_vec(&request)?)
            .await?;
        let answer: SyncResponse = serde_json::from_slice(&answer.into_success()?)?;
        self.cursor = Some(answer.cursor.clone());
        Ok(answer)
    }
}

/// Makes `count` people with a habit each.
pub(crate) async fn join_all(address: SocketAddr, count: u32) -> anyhow::Result<Vec<Person>> {
    let mut joining = tokio::task::JoinSet::new();
    for first in 0..JOINING_AT_ONCE {
        joining.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut people = Vec::new();
            for number in (0..count).skip(first).step_by(JOINING_AT_ONCE) {
                people.push(Person::join(&mut connection, number, 1).await?);
            }
            anyhow::Ok(people)
        });
    }
    let mut people = Vec::new();
    while let Some(some) = joining.join_next().await {
        people.extend(some??);
    }
    Ok(people)
}

/// Lets everybody's device catch up and the server come to rest.
pub(crate) async fn settle_all(
    address: SocketAddr,
    people: Vec<Person>,
) -> anyhow::Result<Vec<Person>> {
    let mut settling = tokio::task::JoinSet::new();
    for mut person in people {
        settling.spawn(async move {
            let mut connection = Connection::open(address).await?;
            person.settle(&mut connection).await?;
            anyhow::Ok(person)
        });
    }
    let mut people = Vec::new();
    while let Some(person) = settling.join_next().await {
        people.push(person??);
    }
    Ok(people)
}

/// The members of an entry for `habit` on a day that is told by its number.
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

/// An evening of the days 1 to 28 of the months from 2020 on.
fn evening(day: usize) -> String {
    let (month, day) = (day / 28, day % 28 + 1);
    let (year, month) = (2020 + month / 12 % 6, month % 12 + 1);
    format!("{year}-{month:02}-{day:02}T20:15:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_each_other() {
        assert_eq!(evening(0), "2020-01-01T20:15:00Z");
        assert_eq!(evening(27), "2020-01-28T20:15:00Z");
        assert_eq!(evening(28), "2020-02-01T20:15:00Z");
        assert_eq!(evening(28 * 12), "2021-01-01T20:15:00Z");
        assert_eq!(evening(28 * 12 * 6), evening(0));
    }
}
