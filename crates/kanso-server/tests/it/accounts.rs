//! `/api/v1/auth/…`

mod known_devices;
mod passwords;
mod registration;
mod sensitive;
mod sessions;
mod spellings;

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, App, TestUser, new_id, operation};

async fn register(app: &App, body: &Value) -> Answer {
    app.post("/api/v1/auth/register", body).await
}

async fn log_in(app: &App, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    app.post("/api/v1/auth/login", &body).await
}

async fn refresh(app: &App, token: &str) -> Answer {
    let body = json!({"refresh_token": token});
    app.post("/api/v1/auth/refresh", &body).await
}

async fn is_valid(user: &TestUser) -> bool {
    let answer = user.get("/auth/validate").await;
    match answer.status {
        200 => answer.json() == json!({"status": "valid"}),
        _ => answer.refused(401, "unauthorized").is_null(),
    }
}

#[tokio::test]
async fn user_registers_and_logs_in() {
    let app = App::start().await;
    let body = json!({"email": " Ada@Example.org ", "password": "correct horse"});
    let registered = register(&app, &body).await;
    let account = registered.expect(201);
    assert_eq!(registered.header("location"), "/api/v1/auth/user");
    assert_eq!(account["email"], "ada@example.org");

    let tokens = log_in(&app, "ADA@example.org", "correct horse")
        .await
        .expect(200);
    assert_eq!(tokens["user"], account);
    assert_eq!(tokens["expires_in"], 900);
    assert!(is_valid(&app.user_with(&tokens)).await);
}

#[tokio::test]
async fn registration_names_the_invalid_members() {
    let app = App::start().await;
    for (body, status, pointers) in [
        (
            json!({"email": "ada", "password": "correct horse"}),
            400,
            &["/email"] as &[_],
        ),
        (
            json!({"email": "a@b.c", "password": "1234567"}),
            400,
            &["/password"],
        ),
        (
            json!({"email": "a@b.c", "password": "é".repeat(7)}),
            400,
            &["/password"],
        ),
        (
            json!({"email": "a@b.c", "password": "é".repeat(257)}),
            400,
            &["/password"],
        ),
        (
            json!({"email": "a@b.c", "password": "Password123"}),
            400,
            &["/password"],
        ),
        (
            json!({"email": "", "password": ""}),
            400,
            &["/email", "/password"],
        ),
        (
            json!({"email": "a\0@b.c", "password": "correct horse"}),
            400,
            &["/email"],
        ),
        (json!({"email": "a@b.c"}), 422, &["/password"]),
        (
            json!({"email": 7, "password": "correct horse"}),
            422,
            &["/email"],
        ),
        (
            json!({"email": "a@b.c", "password": "correct horse", "admin": true}),
            422,
            &["/admin"],
        ),
    ] {
        register(&app, &body).await.invalid(status, pointers);
    }
}

#[tokio::test]
async fn password_limits_count_characters() {
    let app = App::start().await;
    for (email, length) in [("short@example.org", 8), ("long@example.org", 256)] {
        // Without a short period, which would make it easy to guess.
        let letter = |nth: usize| if nth * nth % 11 < 5 { 'é' } else { 'è' };
        let password: String = (0..length).map(letter).collect();
        register(&app, &json!({"email": email, "password": password}))
            .await
            .expect(201);
        log_in(&app, email, &password).await.expect(200);
    }
}

#[tokio::test]
async fn passwords_that_are_easy_to_guess_are_refused() {
    let app = App::start().await;
    for password in [
        "changeme1",
        "P@ssw0rd1",
        "Summer2024",
        "kanso123",
        "testtest",
        "        ",
        "87654321",
        "lovelace!",
        "lovelace@example.org",
    ] {
        let body = json!({"email": "lovelace@example.org", "password": password});
        register(&app, &body).await.invalid(400, &["/password"]);
    }
}

#[tokio::test]
async fn email_address_is_unique_in_any_case() {
    let app = App::start().await;
    let user = app.user().await;
    let body = json!({"email": user.email.to_uppercase(), "password": "another password"});
    register(&app, &body).await.refused(409, "email_taken");
    log_in(&app, &user.email, "another password")
        .await
        .refused(401, "invalid_credentials");
}

#[tokio::test]
async fn a_wrong_password_looks_like_an_unknown_address() {
    let app = App::start().await;
    let user = app.user().await;
    let long = "x".repeat(300);
    let mut bodies = Vec::new();
    for (email, password) in [
        (&*user.email, "wrong password"),
        (&user.email, ""),
        (&user.email, &long),
        ("nobody@example.org", "wrong password"),
        ("no address", "wrong password"),
    ] {
        let mut problem = log_in(&app, email, password)
            .await
            .refused(401, "invalid_credentials");
        problem["request_id"].take();
        bodies.push(problem);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_never_locks_out() {
    let app = App::start().await;
    let user = app.user().await;
    for _ in 0..5 {
        log_in(&app, &user.email, "wrong password")
            .await
            .refused(401, "invalid_credentials");
    }
    let throttled = log_in(&app, &user.email, "correct horse battery").await;
    throttled.refused(429, "login_throttled");
    assert_eq!(throttled.header("retry-after"), "1");
    app.clock.advance(1);
    log_in(&app, &user.email, "correct horse battery")
        .await
        .expect(200);
}

/// Concurrent guesses are limited too, although each password takes time to check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_guessing_is_no_faster() {
    let app = App::start().await;
    let user = app.user().await;
    let guesses = (0..40).map(async |nth| {
        let guess = format!("guess number {nth}");
        log_in(&app, &user.email, &guess).await.status
    });
    let answers = join_all(guesses).await;
    let checked = answers.iter().filter(|status| **status == 401).count();
    let held_up = answers.iter().filter(|status| **status == 429).count();
    // Four failures are free, and eight checks may already run.
    assert!((5..=12).contains(&checked), "{answers:?}");
    assert_eq!(checked + held_up, 40, "{answers:?}");
}

/// Many devices of one address log in at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_with_the_right_password_log_in_at_once() {
    let app = App::start().await;
    let user = app.user().await;
    let log_ins = (0..8).map(|_| log_in(&app, &user.email, "correct horse battery"));
    for answer in join_all(log_ins).await {
        answer.expect(200);
    }
}

#[tokio::test]
async fn settings_are_changed_one_by_one() {
    let app = App::start().await;
    let user = app.user().await;
    let mut expected = user.get("/auth/user").await.expect(200);
    assert_eq!(expected["created_at"], "2026-11-22T12:00:00.000000Z");
    for (member, value) in [
        ("timezone", "UTC"),
        ("timezone", "Europe/Rome"),
        ("week_start", "monday"),
        ("week_start", "saturday"),
        ("day_start", "00:00"),
        ("day_start", "12:00"),
    ] {
        let changed = user
            .patch("/auth/user", &json!({member: value}))
            .await
            .expect(200);
        expected[member] = value.into();
        assert_eq!(changed, expected);
    }
    assert_eq!(
        user.patch("/auth/user", &json!({})).await.expect(200),
        expected
    );
    assert_eq!(user.get("/auth/user").await.expect(200), expected);
}

#[tokio::test]
async fn invalid_settings_are_refused() {
    let app = App::start().await;
    let user = app.user().await;
    for (body, pointers) in [
        (json!({"timezone": "Mars/Olympus"}), &["/timezone"] as &[_]),
        (json!({"timezone": null}), &["/timezone"]),
        (json!({"week_start": "tuesday"}), &["/week_start"]),
        (json!({"day_start": "12:01"}), &["/day_start"]),
        (json!({"day_start": 3}), &["/day_start"]),
        (
            json!({"timezone": "", "day_start": "3:00"}),
            &["/timezone", "/day_start"],
        ),
        (json!({"email": "other@example.org"}), &["/email"]),
    ] {
        user.patch("/auth/user", &body).await.invalid(422, pointers);
    }
}

#[tokio::test]
async fn deleting_the_account_leaves_nothing() {
    let app = App::start().await;
    let user = app.user().await;
    let habit = user.habit("Read").await;
    user.entry(&habit).await;
    let answer = user.delete("/auth/user").await.expect(200);
    assert_eq!(answer, json!({"message": "account deleted successfully"}));

    assert!(!is_valid(&user).await);
    refresh(&app, &user.refresh_token)
        .await
        .refused(401, "invalid_refresh_token");
    log_in(&app, &user.email, "correct horse battery")
        .await
        .refused(401, "invalid_credentials");
    let body = json!({"email": user.email, "password": "correct horse battery"});
    register(&app, &body).await.expect(201);
    let again = app.log_in(&user.email).await;
    let delta = again.get("/sync").await.expect(200);
    assert_eq!((&delta["changes"], &delta["head"]), (&json!([]), &json!(0)));
}

/// A deletion answers at once, and the workers erase the rows in short steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_account_is_erased_from_the_files() {
    const CANARY: &str = "canary-77d1";
    let app = App::with_workers().await;
    let user = app.user().await;
    let habit = user.habit(CANARY).await;
    let (id, title) = (&habit["id"], CANARY.repeat(20));
    for _ in 0..3 {
        // More rows than a step erases.
        let note = |_| {
            let members = json!({"fields": {
                "habit_id": id, "completion_date": "2026-11-20", "notes": title,
            }});
            operation("entry", "create", &json!(new_id()), &members)
        };
        let results = user.push((0..100).map(note).collect()).await;
        assert!(results.iter().all(|result| result["status"] == "applied"));
    }
    let neighbour = app.user().await;
    let has_canary = || {
        let files = std::fs::read_dir(app.data_dir()).expect("a folder");
        let bytes = files.map(|file| std::fs::read(file.expect("a file").path()));
        let canary = CANARY.as_bytes();
        let mut bytes = bytes.map(Result::unwrap_or_default);
        bytes.any(|bytes| bytes.windows(canary.len()).any(|window| window == canary))
    };
    assert!(has_canary());
    user.delete("/auth/user").await.expect(200);
    assert!(!is_valid(&user).await);
    neighbour.habit("Run").await;
    for _ in 0..300 {
        if !has_canary() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the files still have data of the account");
}

#[tokio::test]
async fn an_operation_without_an_account_is_refused() {
    let app = App::start().await;
    for path in [
        "/habits",
        "/entries",
        "/sync",
        "/sync/config",
        "/stats/weekly",
    ] {
        app.get(&format!("/api/v1{path}"))
            .await
            .refused(401, "unauthorized");
    }
    let path = format!("/api/v1/habits/{}", new_id());
    app.get(&path).await.refused(401, "unauthorized");
}
