//! Access tokens, refresh tokens, and how sessions end.

use reqwest::Method;

use super::{is_valid, refresh};
use crate::support::App;

#[tokio::test]
async fn a_lost_refresh_answer_can_be_asked_for_again() {
    let app = App::start().await;
    let person = app.person().await;
    let first = refresh(&app, &person.refresh_token).await.expect(200);
    assert_ne!(first["refresh_token"], person.refresh_token);
    app.clock.advance(60);
    let again = refresh(&app, &person.refresh_token).await.expect(200);
    assert_eq!(again["refresh_token"], first["refresh_token"]);
    assert!(is_valid(&app.person_with(&again)).await);
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let app = App::start().await;
    let person = app.person().await;
    let next = refresh(&app, &person.refresh_token).await.expect(200);
    app.clock.advance(61);
    refresh(&app, &person.refresh_token)
        .await
        .refused(401, "invalid_refresh_token");
    let successor = next["refresh_token"].as_str().expect("a token");
    refresh(&app, successor)
        .await
        .refused(401, "invalid_refresh_token");
    assert!(!is_valid(&app.person_with(&next)).await);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let app = App::start().await;
    let person = app.person().await;
    for token in [
        "",
        "kr1_",
        "nonsense",
        &person.token,
        "\0",
        &"x".repeat(5000),
    ] {
        refresh(&app, token)
            .await
            .refused(401, "invalid_refresh_token");
    }
}

#[tokio::test]
async fn an_access_token_runs_out_and_its_session_does_not() {
    let app = App::start().await;
    let person = app.person().await;
    app.clock.advance(15 * 60 - 1);
    assert!(is_valid(&person).await);
    app.clock.advance(60);
    assert!(!is_valid(&person).await);
    let tokens = refresh(&app, &person.refresh_token).await.expect(200);
    assert!(is_valid(&app.person_with(&tokens)).await);
}

#[tokio::test]
async fn logging_out_ends_this_session_at_once_and_no_other() {
    let app = App::start().await;
    let phone = app.person().await;
    let laptop = app.log_in(&phone.email).await;
    phone.call(Method::POST, "/auth/logout").await.expect(204);
    assert!(!is_valid(&phone).await);
    refresh(&app, &phone.refresh_token)
        .await
        .refused(401, "invalid_refresh_token");
    assert!(is_valid(&laptop).await);
}

#[tokio::test]
async fn only_a_good_bearer_token_is_accepted() {
    let app = App::start().await;
    let person = app.person().await;
    let cut = &person.token[..person.token.len() - 2];
    let good = format!("Bearer {}", person.token);
    app.get("/api/v1/auth/validate")
        .await
        .refused(401, "unauthorized");
    for (header, status) in [
        (&*good, 200),
        (&format!("bearer {}", person.token), 200),
        (&person.token, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Basic YTpi", 401),
        (&format!("Bearer {cut}"), 401),
        (&format!("Bearer {}", person.refresh_token), 401),
        ("Bearer eyJhbGciOiJub25lIn0.e30.", 401),
        (&format!("{good}, {good}"), 401),
    ] {
        let call = app
            .get("/api/v1/auth/validate")
            .header("authorization", header);
        assert_eq!(call.await.status, status, "{header}");
    }
    let twice = person
        .get("/auth/validate")
        .header("authorization", &good)
        .await;
    twice.refused(401, "unauthorized");
}
