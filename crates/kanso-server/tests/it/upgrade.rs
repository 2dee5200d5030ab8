//! An upgrade from release 0.1.0: what that release stored still answers its retries, and what is
//! stored while its servers run beside newer ones is what they read.

use std::process::Command;

use kanso_server::config::{Secret, Signing};
use kanso_testkit::{Database, PostgresServer};
use serde_json::{Value, json};

use crate::postgres::database;
use crate::support::{App, TestUser, new_id, operation};

const KEY: &str = "idempotency-key";

async fn server(kept: &Database) -> App {
    let url = kept.url();
    App::with(|config| config.database = database(&url)).await
}

/// Makes of `kept`, which a server has migrated, a database that release 0.1.0 has used.
fn begin_mixed_phase(kept: &Database) {
    kept.run("INSERT INTO mixed_phase (id, oldest_server) VALUES (1, '0.1.0')");
}

/// Fails unless `condition` is true of exactly `count` receipts.
fn receipts(kept: &Database, count: usize, condition: &str) {
    kept.run(&format!(
        "SELECT 1 / (count(*) = {count})::int FROM receipts WHERE {condition}"
    ));
}

/// The condition that a receipt has the hash of this text.
fn hash_of(text: &str) -> String {
    format!("fingerprint = sha256(convert_to($kanso${text}$kanso$, 'UTF8'))")
}

const CURRENT: &str = "substring(fingerprint FROM 1 FOR 8) = 'kansofp2'::bytea";

/// Writes that a client may send again, and how each is answered: two calls, an operation.
struct Writes {
    person: TestUser,
    keys: [String; 2],
    habit: String,
    operation: Value,
}

impl Writes {
    fn of(person: TestUser) -> Self {
        let fields = json!({"fields": {"title": "Walk"}});
        Self {
            person,
            keys: [new_id(), new_id()],
            habit: new_id(),
            operation: operation("habit", "create", &json!(new_id()), &fields),
        }
    }

    /// Sends all of them. Each must be answered as a retry exactly if `is_retry`.
    async fn send(&self, is_retry: bool) {
        let replayed = if is_retry { "true" } else { "" };
        let create = json!({"id": self.habit, "title": "Read", "target_value": 1});
        let created = self
            .person
            .post("/habits", &create)
            .header(KEY, &self.keys[0])
            .await;
        created.expect(201);
        assert_eq!(created.header("idempotency-replayed"), replayed);
        let update = json!({"version": 1, "title": "Run"});
        let path = format!("/habits/{}", self.habit);
        let updated = self
            .person
            .put(&path, &update)
            .header(KEY, &self.keys[1])
            .await;
        updated.expect(200);
        assert_eq!(updated.header("idempotency-replayed"), replayed);
        let results = self.person.push(json!([self.operation])).await;
        let status = if is_retry { "duplicate" } else { "applied" };
        assert_eq!(results[0]["status"], status, "{results:?}");
        assert_eq!(results[0]["version"], 1, "{results:?}");
    }

    /// Sends other content under the same ids, which must be refused.
    async fn send_others(&self) {
        let create = json!({"id": self.habit, "title": "Rest"});
        let reused = self
            .person
            .post("/habits", &create)
            .header(KEY, &self.keys[0])
            .await;
        reused.refused(422, "idempotency_key_reused");
        let mut operation = self.operation.clone();
        operation["fields"]["title"] = json!("Rest");
        let results = self.person.push(json!([operation])).await;
        assert_eq!(results[0]["code"], "op_id_reused", "{results:?}");
    }
}

/// Any 32 bytes without the name of a form are what release 0.1.0 may have stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_the_upgrade_gets_the_result_that_0_1_0_stored() {
    let kept = PostgresServer::shared().database();
    let app = server(&kept).await;
    let writes = Writes::of(app.user().await);
    writes.send(false).await;
    kept.run("UPDATE receipts SET fingerprint = decode(repeat('5e', 32), 'hex')");
    writes.send(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_content_under_a_present_receipt_is_refused() {
    let kept = PostgresServer::shared().database();
    let app = server(&kept).await;
    let writes = Writes::of(app.user().await);
    writes.send(false).await;
    receipts(&kept, 3, CURRENT);
    writes.send(true).await;
    writes.send_others().await;
}

/// The texts are those that release 0.1.0 hashed: the golden vectors of kanso-protocol come from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_mixed_phase_receipts_are_what_0_1_0_computes() {
    let kept = PostgresServer::shared().database();
    drop(server(&kept).await);
    begin_mixed_phase(&kept);
    let app = server(&kept).await;
    let writes = Writes::of(app.user().await);
    writes.send(false).await;
    receipts(&kept, 0, CURRENT);
    let absent = |names: &str| -> String {
        let members = names.split(' ').map(|name| format!(", {name}: Absent"));
        members.collect()
    };
    let create = format!(
        "POST /habits 0 CreateHabit {{ id: Some({}), title: Value(\"Read\"){}, target_value: \
         Value(1.0){} }}",
        writes.habit,
        absent(
            "description color icon sort_order kind frequency_type weekdays interval \
             times_per_week"
        ),
        absent(
            "target_direction effective_from unit reminder_time start_date end_date archived_at"
        ),
    );
    receipts(&kept, 1, &hash_of(&create));
    let update = format!(
        "PUT /habits/{} 0 (Version(Version(1)), HabitFields {{ title: Some(Title(\"Run\")), \
         description: None, color: None, icon: None, sort_order: None, schedule: ScheduleFields {{ \
         frequency_type: None, weekdays: None, interval: None, times_per_week: None }}, target: \
         TargetFields {{ kind: None, value: None, direction: None }}, effective_from: None, unit: \
         None, reminder_time: None, start_date: None, end_date: None, archived_at: None }})",
        writes.habit
    );
    receipts(&kept, 1, &hash_of(&update));
    let id = writes.operation["id"].as_str().expect("an id");
    let pushed = format!("Habit Create {id} {{\"title\":\"Walk\",}}");
    receipts(&kept, 1, &hash_of(&pushed));
    writes.send(true).await;

    // Once it is over, its receipts still answer, and new ones get the present form.
    finish(&kept, "The mixed phase with servers of 0.1.0 is over.");
    finish(&kept, "There is no mixed phase to end.");
    let app = server(&kept).await;
    let person = app.log_in(&writes.person.email).await;
    let writes = Writes { person, ..writes };
    writes.send(true).await;
    receipts(&kept, 0, CURRENT);
    Writes::of(writes.person).send(false).await;
    receipts(&kept, 3, CURRENT);
}

/// After the mixed phase the servers restart one by one. The first use of a refresh token reaches one that
/// has restarted, and its retry one that has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_refresh_is_retried_across_the_restarts_after_the_mixed_phase() {
    let kept = PostgresServer::shared().database();
    let url = kept.url();
    let server = async || {
        App::with(|config| {
            config.database = database(&url);
            let secret = "q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw".to_owned();
            config.signing = Signing::Secret(Secret::new(secret));
        })
        .await
    };
    drop(server().await);
    begin_mixed_phase(&kept);
    let before = server().await;
    finish(&kept, "The mixed phase with servers of 0.1.0 is over.");
    let after = server().await;
    let user = after.user().await;
    let refresh = async |app: &App, token: &Value, nonce: &str| {
        let body = json!({"refresh_token": token, "nonce": nonce});
        app.post("/api/v1/auth/refresh", &body).await
    };
    let mut token = json!(user.refresh_token);
    for [first, second] in [[&after, &before], [&before, &after], [&after, &after]] {
        let next = refresh(first, &token, "mine").await.expect(200);
        let again = refresh(second, &token, "mine").await.expect(200);
        assert_eq!(next["refresh_token"], again["refresh_token"]);
        token = next["refresh_token"].clone();
    }
    refresh(&after, &token, "mine").await.expect(200);
    let stolen = refresh(&before, &token, "theirs").await;
    stolen.refused(401, "invalid_refresh_token");
}

/// Ends the mixed phase, which must be answered with `says`.
fn finish(kept: &Database, says: &str) {
    let (shown, code) = migrate(kept, &["--finish"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(says), "{shown}");
}

fn migrate(kept: &Database, arguments: &[&str]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .arg("migrate")
        .args(arguments)
        .env_clear()
        .env("KANSO_DATABASE_URL", kept.url())
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    let shown = [output.stdout, output.stderr].concat();
    (
        String::from_utf8(shown).expect("UTF-8"),
        output.status.code(),
    )
}

/// Undoes every step of the schema but the first, the only one of release 0.1.0.
const AS_0_1_0_LEFT_IT: &str =
    "DROP TABLE mixed_phase, history_starts, epochs, invitations, events; DROP INDEX habits_live, habits_with_deleted_texts, entries_with_deleted_notes, entries_with_notes;
    ALTER TABLE users DROP COLUMN history_epoch, DROP COLUMN history_start, DROP COLUMN is_deleted,
        DROP COLUMN is_disabled, DROP COLUMN stored_records, DROP COLUMN stored_bytes,
        DROP COLUMN quota_live_habits, DROP COLUMN quota_records, DROP COLUMN quota_bytes;
    ALTER TABLE entries ADD CONSTRAINT entries_habit_fk
        FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id);
    ALTER TABLE receipts ADD CONSTRAINT receipts_user_fk
        FOREIGN KEY (user_id) REFERENCES users (user_id);
    ALTER TABLE streak_dirty ADD CONSTRAINT streak_dirty_habit_fk
        FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id);
    ALTER TABLE users RESET (fillfactor);
    ALTER TABLE server DROP COLUMN was_open;
         ALTER TABLE sessions DROP COLUMN client, DROP COLUMN device_name, DROP COLUMN device_id,
        DROP COLUMN nonce_hash, DROP COLUMN replaced_hash;
    DELETE FROM refinery_schema_history WHERE version > 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_0_1_0_has_used_is_in_the_mixed_phase_after_the_migration() {
    const MIXED: &str = "`kanso-server migrate --finish` ends this mixed phase";
    let kept = PostgresServer::shared().database();
    let app = server(&kept).await;
    app.user().await;
    let (shown, code) = migrate(&kept, &[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("mixed phase"), "a new database: {shown}");

    kept.run(AS_0_1_0_LEFT_IT);
    let (shown, code) = migrate(&kept, &["--dry-run"]);
    assert_eq!(code, Some(3), "{shown}");
    for _ in 0..2 {
        let (shown, code) = migrate(&kept, &[]);
        assert_eq!(code, Some(0), "{shown}");
        assert!(shown.contains(MIXED), "{shown}");
    }
    finish(&kept, "The mixed phase with servers of 0.1.0 is over.");
    let (shown, _) = migrate(&kept, &["--dry-run"]);
    assert!(!shown.contains("mixed phase"), "{shown}");
}

#[test]
fn sqlite_has_no_mixed_phase() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_kanso-server"))
        .args(["migrate", "--finish"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.ends_with("There is no mixed phase to end.\n"),
        "{shown}"
    );
}

/// Clients of a server that was open must not be kept out by an upgrade. Its operator is warned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registration_stays_open_in_a_database_that_0_1_0_made_accounts_in() {
    let kept = PostgresServer::shared().database();
    let app = server(&kept).await;
    app.user().await;
    kept.run(AS_0_1_0_LEFT_IT);
    for _ in 0..2 {
        let url = kept.url();
        let app = App::with(|config| {
            config.database = database(&url);
            config.registration = None;
        });
        app.await.user().await;
    }
}
