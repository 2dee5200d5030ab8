//! One address and one password in several spellings, as keyboards and systems write them.

use serde_json::json;

use super::{log_in, register};
use crate::support::App;

#[tokio::test]
async fn spellings_of_an_address_are_one_account() {
    let app = App::start().await;
    for (first, second) in [
        ("j\u{fc}rgen@example.org", "ju\u{308}rgen@example.org"),
        ("k@m\u{fc}nchen.example", "K@MU\u{308}NCHEN.example"),
        ("k2@xn--mnchen-3ya.example", "k2@m\u{fc}nchen.example"),
        ("ada@example.org", "a\u{200b}da@example.org"),
        ("\u{e5}sa@example.org", "\u{212b}sa@example.org"),
    ] {
        let body = |email: &str| json!({"email": email, "password": "correct horse"});
        let account = register(&app, &body(first)).await.expect(201);
        register(&app, &body(second))
            .await
            .refused(409, "email_taken");
        let tokens = log_in(&app, second, "correct horse").await.expect(200);
        assert_eq!(tokens["user"], account, "{second:?}");
    }
    let body = json!({"email": "strasse@example.org", "password": "correct horse"});
    register(&app, &body).await.expect(201);
    let body = json!({"email": "stra\u{df}e@example.org", "password": "correct horse"});
    register(&app, &body).await.expect(201);
}

#[tokio::test]
async fn spellings_of_a_password_are_one_password() {
    let app = App::start().await;
    for (number, (chosen, typed)) in [
        ("P\u{e4}ssw\u{f6}rter", "Pa\u{308}sswo\u{308}rter"),
        ("Pa\u{308}sswo\u{308}rter", "P\u{e4}ssw\u{f6}rter"),
        ("\u{212b}ngstro\u{308}m", "\u{c5}ngstr\u{f6}m"),
        ("\u{bd80}\u{b4dc}\u{b7ec}\u{c6b4} \u{be44}\u{bc00}\u{bc88}\u{d638}",
         "\u{1107}\u{116e}\u{1103}\u{1173}\u{1105}\u{1165}\u{110b}\u{116e}\u{11ab}\u{a0}\u{1107}\u{1175}\u{1106}\u{1175}\u{11af}\u{1107}\u{1165}\u{11ab}\u{1112}\u{1169}"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("p{number}@example.org");
        let body = json!({"email": email, "password": chosen});
        register(&app, &body).await.expect(201);
        for text in [typed, chosen] {
            log_in(&app, &email, text).await.expect(200);
        }
        log_in(&app, &email, "another password").await.refused(401, "invalid_credentials");
    }
    for bad in ["tab\tand more", "abcd\u{200b}efgh", "abcdefgh\u{7}"] {
        let body = json!({"email": "new@example.org", "password": bad});
        register(&app, &body).await.invalid(400, &["/password"]);
    }
}
