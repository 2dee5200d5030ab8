//! A database that is restored several times between two syncs of a device.

use std::fs;
use std::path::Path;

use kanso_server::config::Config;
use serde_json::{Value, json};

use crate::support::{App, TestUser};

fn copy(app: &App, to: &Path) -> impl FnOnce(&mut Config) + use<> {
    let (from, to) = (app.data_dir().join("kanso.db"), to.to_owned());
    move |_| {
        fs::copy(from, to).expect("a copy");
    }
}

/// Puts a copy over the database, while no server runs.
fn restore(app: &App, from: &Path) -> impl FnOnce(&mut Config) + use<> {
    let (from, to) = (from.to_owned(), app.data_dir().join("kanso.db"));
    move |_| fs::write(to, fs::read(from).expect("a copy")).expect("written")
}

async fn cursor(user: &TestUser) -> Value {
    user.get("/sync").await.expect(200)["cursor"].take()
}

/// Returns the position that a device with this cursor is answered, with a push and with a pull.
async fn history_start(user: &TestUser, cursor: &Value) -> Value {
    let push = user.post("/sync", &json!({"cursor": cursor})).await;
    let mut refused = push.refused(410, "epoch_changed");
    let text = cursor.as_str().expect("a cursor");
    let pulled = user.get(&format!("/sync?cursor={text}")).await;
    let pulled = pulled.refused(410, "epoch_changed");
    assert_eq!(pulled["history_start"], refused["history_start"]);
    refused["history_start"].take()
}

#[tokio::test]
async fn a_refused_cursor_is_answered_where_the_histories_part() {
    let outside = tempfile::tempdir().expect("a folder");
    let (first, second) = (outside.path().join("1"), outside.path().join("2"));
    let app = App::start().await;
    let user = app.user().await;
    let email = user.email.clone();
    for title in ["a", "b"] {
        user.habit(title).await;
    }
    let copied = copy(&app, &first);
    let app = app.restarted_with(copied).await;
    let user = app.log_in(&email).await;
    for title in ["c", "d", "e"] {
        user.habit(title).await;
    }
    let in_1 = cursor(&user).await;

    // The second history parts from the first after 2.
    let restored = restore(&app, &first);
    let app = app.restarted_with(restored).await;
    let user = app.log_in(&email).await;
    assert_eq!(history_start(&user, &in_1).await, 2);
    user.habit("f").await;
    let copied = copy(&app, &second);
    let app = app.restarted_with(copied).await;
    let user = app.log_in(&email).await;
    for title in ["g", "h", "i"] {
        user.habit(title).await;
    }
    let in_2 = cursor(&user).await;

    // The third parts from the second after 3, and from the first after 2.
    let restored = restore(&app, &second);
    let app = app.restarted_with(restored).await;
    let user = app.log_in(&email).await;
    let in_3 = cursor(&user).await;
    assert_eq!(history_start(&user, &in_1).await, 2);
    assert_eq!(history_start(&user, &in_2).await, 3);
    for title in ["j", "k"] {
        user.habit(title).await;
    }
    assert_eq!(history_start(&user, &in_1).await, 2);
    assert_eq!(history_start(&user, &in_2).await, 3);
    let page = user.get("/sync").await.expect(200);
    assert_eq!(page["history_start"], 3, "the present history");

    // The same copy again: it does not know the third history.
    let restored = restore(&app, &second);
    let app = app.restarted_with(restored).await;
    let user = app.log_in(&email).await;
    assert_eq!(history_start(&user, &in_1).await, 2);
    assert_eq!(history_start(&user, &in_2).await, 3);
    assert_eq!(history_start(&user, &in_3).await, 0);
}
