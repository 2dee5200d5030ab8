//! Accounts and sessions.

use serde_json::{Value, json};

use crate::account::{PASSWORD, id, log_in, new_account, new_email};
use crate::answer::CheckResult;
use crate::case::cases;
use crate::server::ServerUnderTest;

cases! { "accounts";
    a_registration_answers_the_account, "protocol.md, Accounts",
        "POST /auth/register answers 201 with id and e-mail address, and opens no session.";
    a_log_in_answers_tokens, "protocol.md, Accounts",
        "POST /auth/login answers token, expires_in, refresh_token and user.";
    an_address_is_compared_without_case, "protocol.md, Accounts",
        "E-mail addresses are compared without regard to case.";
    a_password_is_judged_by_length_and_use, "protocol.md, Accounts",
        "A password has 8 to 256 characters and is not among the most common ones.";
    a_wrong_password_looks_like_an_unknown_address, "protocol.md, Errors",
        "A wrong password and an unknown address have the same answer.";
    guessing_is_slowed_down, "protocol.md, Errors",
        "Many wrong passwords in a row are answered 429 login_throttled with Retry-After.";
    nothing_is_shown_without_a_token, "protocol.md, Errors",
        "Every operation without a valid access token is answered 401 with a challenge.";
    a_refresh_token_that_is_sent_again_has_one_successor, "protocol.md, Accounts",
        "A refresh that is sent again is answered with the same successor token.";
    a_refresh_token_that_nobody_gave_is_refused, "protocol.md, Errors",
        "An unknown refresh token is answered 401 invalid_refresh_token.";
    a_log_out_ends_the_session_at_once, "protocol.md, Accounts",
        "A logout ends its own session at once, with both tokens, and no other session.";
    a_new_password_ends_other_sessions, "protocol.md, Accounts",
        "PUT /auth/password answers 204, also when repeated, and ends all other sessions.";
    a_password_is_changed_by_who_knows_it, "protocol.md, Errors",
        "A password change needs the current password (403) and a valid new one (422).";
    settings_are_changed_one_by_one, "protocol.md, Accounts",
        "PATCH /auth/user changes only the members in its body and answers the profile.";
    settings_that_mean_nothing_are_named, "domain.md, 2. Settings",
        "Unknown zones, first days of the week and day starts are rejected by name.";
    an_export_has_everything, "protocol.md, Accounts",
        "GET /auth/user/export has all records, tombstones included, and ends with counts.";
    a_deleted_account_leaves_nothing, "protocol.md, Accounts",
        "After DELETE /auth/user the address is free, and a new account on it is empty.";
}

async fn a_registration_answers_the_account(server: &ServerUnderTest) -> CheckResult {
    let email = new_email();
    let body = json!({"email": email, "password": PASSWORD});
    let answer = server.post("/api/v1/auth/register", &body).await?;
    answer.status(201)?;
    answer.is("/email", email)?;
    let has_id = uuid::Uuid::parse_str(answer.text("/id")).is_ok();
    answer.must(has_id, "/id to be a UUID")?;
    // Nothing else may be in the answer: a registration opens no session.
    let members = answer.json.as_object().map_or(0, serde_json::Map::len);
    answer.must(members == 2, "no more than id and email")
}

async fn a_log_in_answers_tokens(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let body = json!({"email": account.email, "password": PASSWORD});
    let answer = server.post("/api/v1/auth/login", &body).await?;
    answer.status(200)?;
    answer.is("/user/email", account.email.clone())?;
    for member in ["/token", "/refresh_token"] {
        answer.must(!answer.text(member).is_empty(), format_args!("a {member}"))?;
    }
    answer.must(
        answer.at("/expires_in").as_i64() > Some(0),
        "seconds in /expires_in",
    )?;
    // The token of the login in `new_account` must work for a request.
    let valid = account.get("/auth/validate").await?;
    valid.status(200)?;
    valid.is("/status", "valid")
}

async fn an_address_is_compared_without_case(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let upper = account.email.to_uppercase();
    let body = json!({"email": upper, "password": PASSWORD});
    let answer = server.post("/api/v1/auth/register", &body).await?;
    answer.problem(409, "email_taken")?;
    // The same account: a second one would have been created above.
    log_in(server, &upper).await?;
    Ok(())
}

async fn a_password_is_judged_by_length_and_use(server: &ServerUnderTest) -> CheckResult {
    // One character too short, a common password, one character too long.
    for password in ["1234567", "password123", &"x".repeat(257)] {
        let body = json!({"email": new_email(), "password": password});
        let answer = server.post("/api/v1/auth/register", &body).await?;
        answer.names(400, "invalid_registration", &["/password"])?;
    }
    let body = json!({"email": "no address", "password": PASSWORD});
    let answer = server.post("/api/v1/auth/register", &body).await?;
    answer.names(400, "invalid_registration", &["/email"])?;
    let body = json!({"email": new_email(), "password": PASSWORD, "admin": true});
    let answer = server.post("/api/v1/auth/register", &body).await?;
    answer.names(422, "invalid", &["/admin"])?;
    // 256 characters in 512 bytes: the limit counts characters.
    // They do not repeat themselves, which a server may refuse.
    let letter = |nth: usize| if nth * nth % 11 < 5 { 'é' } else { 'è' };
    let password: String = (0..256).map(letter).collect();
    let body = json!({"email": new_email(), "password": password});
    server
        .post("/api/v1/auth/register", &body)
        .await?
        .status(201)?;
    Ok(())
}

async fn a_wrong_password_looks_like_an_unknown_address(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let mut problems = Vec::new();
    for email in [account.email, new_email()] {
        let body = json!({"email": email, "password": "another password"});
        let answer = server.post("/api/v1/auth/login", &body).await?;
        answer.problem(401, "invalid_credentials")?;
        let mut problem = answer.json.clone();
        // The only member that may differ. Any other difference would show an attacker which addresses
        // have an account.
        problem["request_id"].take();
        answer.must(
            problems.iter().all(|it| *it == problem),
            "the same problem for both",
        )?;
        problems.push(problem);
    }
    Ok(())
}

async fn guessing_is_slowed_down(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let body = json!({"email": account.email, "password": "another password"});
    // Several servers may each count alone, and answer slowly, so the throttle may come late. 60 attempts
    // exceed the limit of every server.
    for _ in 0..60 {
        let answer = server.post("/api/v1/auth/login", &body).await?;
        if answer.status == 429 {
            return answer.problem(429, "login_throttled");
        }
        answer.problem(401, "invalid_credentials")?;
    }
    let answer = server.post("/api/v1/auth/login", &body).await?;
    answer.problem(429, "login_throttled")
}

async fn nothing_is_shown_without_a_token(server: &ServerUnderTest) -> CheckResult {
    let paths = [
        "/habits",
        "/entries",
        "/sync",
        "/sync/config",
        "/sync/snapshot",
        "/auth/user/export",
        "/sync/stream",
        "/devices",
        "/today",
        "/stats/weekly",
        "/stats/overview",
        "/stats/heatmap",
        "/auth/user",
    ];
    for path in paths {
        let answer = server.get(&format!("/api/v1{path}")).await?;
        answer.problem(401, "unauthorized")?;
        let challenge = answer.header("www-authenticate");
        answer.must(challenge.starts_with("Bearer"), "a challenge `Bearer`")?;
    }
    // A token with the algorithm `none`, which a careless library accepts, and texts that are not tokens.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4In0.";
    for token in [none, "x", "", "a.b.c"] {
        let call = server
            .call(reqwest::Method::GET, "/api/v1/habits")
            .bearer(token);
        call.send().await?.problem(401, "unauthorized")?;
    }
    Ok(())
}

async fn a_refresh_token_that_is_sent_again_has_one_successor(
    server: &ServerUnderTest,
) -> CheckResult {
    let account = new_account(server).await?;
    // The client lost the answer to its refresh and sends the same token again. A new successor would
    // leave two valid chains; a refusal would log the device out.
    let body = json!({"refresh_token": account.refresh_token});
    let first = server.post("/api/v1/auth/refresh", &body).await?;
    first.status(200)?;
    let successor = first.text("/refresh_token");
    first.must(successor != account.refresh_token, "a new refresh token")?;
    let again = server.post("/api/v1/auth/refresh", &body).await?;
    again.status(200)?;
    again.is("/refresh_token", successor)?;
    let next = json!({"refresh_token": successor});
    server
        .post("/api/v1/auth/refresh", &next)
        .await?
        .status(200)?;
    Ok(())
}

async fn a_refresh_token_that_nobody_gave_is_refused(server: &ServerUnderTest) -> CheckResult {
    // Empty, too short and too long: each must be an answer and not an error of the parser.
    for token in ["", "x", &"A".repeat(500)] {
        let body = json!({"refresh_token": token});
        let answer = server.post("/api/v1/auth/refresh", &body).await?;
        answer.problem(401, "invalid_refresh_token")?;
    }
    Ok(())
}

async fn a_log_out_ends_the_session_at_once(server: &ServerUnderTest) -> CheckResult {
    let phone = new_account(server).await?;
    let tablet = log_in(server, &phone.email).await?;
    phone.post("/auth/logout", &json!({})).await?.status(204)?;
    phone.get("/habits").await?.problem(401, "unauthorized")?;
    // Both tokens end. A refresh token that still worked would open the session again.
    let body = json!({"refresh_token": phone.refresh_token});
    let answer = server.post("/api/v1/auth/refresh", &body).await?;
    answer.problem(401, "invalid_refresh_token")?;
    tablet.get("/habits").await?.status(200)?;
    Ok(())
}

async fn a_new_password_ends_other_sessions(server: &ServerUnderTest) -> CheckResult {
    let phone = new_account(server).await?;
    let tablet = log_in(server, &phone.email).await?;
    let change = json!({"current_password": PASSWORD, "new_password": "two slow kettles"});
    // Twice, as after a lost answer. The second request has an old current password, and the account
    // already has the new one: a retry must not be an error.
    for _ in 0..2 {
        phone.put("/auth/password", &change).await?.status(204)?;
    }
    phone.get("/habits").await?.status(200)?;
    tablet.get("/habits").await?.problem(401, "unauthorized")?;
    let body = json!({"refresh_token": tablet.refresh_token});
    let answer = server.post("/api/v1/auth/refresh", &body).await?;
    answer.problem(401, "invalid_refresh_token")?;
    for (password, status) in [(PASSWORD, 401), ("two slow kettles", 200)] {
        let body = json!({"email": phone.email, "password": password});
        let answer = server.post("/api/v1/auth/login", &body).await?;
        answer.status(status)?;
    }
    Ok(())
}

async fn a_password_is_changed_by_who_knows_it(server: &ServerUnderTest) -> CheckResult {
    let phone = new_account(server).await?;
    let tablet = log_in(server, &phone.email).await?;
    let guess = json!({"current_password": "not this one", "new_password": "two slow kettles"});
    let answer = phone.put("/auth/password", &guess).await?;
    answer.problem(403, "wrong_password")?;
    for new in ["1234567", "password123", &"x".repeat(257)] {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        let answer = phone.put("/auth/password", &body).await?;
        answer.names(422, "invalid", &["/new_password"])?;
    }
    // No request above succeeded, so the other session and the old password are still valid.
    tablet.get("/habits").await?.status(200)?;
    log_in(server, &phone.email).await?;
    Ok(())
}

async fn settings_are_changed_one_by_one(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let mut expected = account.get("/auth/user").await?.status(200)?.clone();
    for (member, value) in [
        ("timezone", "Pacific/Kiritimati"),
        ("week_start", "sunday"),
        ("day_start", "03:30"),
    ] {
        let answer = account.patch("/auth/user", &json!({member: value})).await?;
        answer.status(200)?;
        expected[member] = json!(value);
        answer.is("", expected.clone())?;
    }
    account.get("/auth/user").await?.is("", expected)
}

async fn settings_that_mean_nothing_are_named(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    for (body, pointer) in [
        (json!({"timezone": "Mars/Olympus"}), "/timezone"),
        // An offset is not a zone: it has no rules for summer time.
        (json!({"timezone": "+02:00"}), "/timezone"),
        (json!({"week_start": "tuesday"}), "/week_start"),
        // A day starts at noon at the latest.
        (json!({"day_start": "12:01"}), "/day_start"),
        (json!({"email": "other@example.org"}), "/email"),
    ] {
        let answer = account.patch("/auth/user", &body).await?;
        answer.names(422, "invalid", &[pointer])?;
    }
    Ok(())
}

async fn an_export_has_everything(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    let (kept, gone) = (account.habit("Read").await?, account.habit("Run").await?);
    let path = format!("/habits/{}", id(&gone));
    account.delete(&path).await?.status(204)?;
    let answer = account.get("/auth/user/export").await?;
    answer.status(200)?;
    let lines: Vec<Value> = String::from_utf8_lossy(&answer.body)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let (first, last) = (lines.first(), lines.last());
    let begins = first.is_some_and(|line| {
        line["type"] == "begin" && line["account"]["email"] == account.email.as_str()
    });
    answer.must(begins, "a first line with the account")?;
    let record = |habit: &Value| {
        let found = lines
            .iter()
            .rfind(|line| line["record"]["id"] == habit["id"]);
        found.map(|line| line["record"]["deleted_at"].clone())
    };
    answer.must(record(&kept) == Some(Value::Null), "the live habit")?;
    let has_tombstone = record(&gone).is_some_and(|at| at.is_string());
    answer.must(has_tombstone, "the deleted habit as a tombstone")?;
    let count = |name: &str| lines.iter().filter(|line| line["type"] == name).count();
    let counts = last.is_some_and(|line| {
        line["type"] == "end"
            && line["records"] == count("record")
            && line["sessions"] == count("session")
            && line["devices"] == count("device")
    });
    answer.must(counts, "a last line that counts the others")
}

async fn a_deleted_account_leaves_nothing(server: &ServerUnderTest) -> CheckResult {
    let account = new_account(server).await?;
    account.habit("Read").await?;
    let answer = account.delete("/auth/user").await?;
    answer.status(200)?;
    answer.is("/message", "account deleted successfully")?;
    account.get("/habits").await?.problem(401, "unauthorized")?;
    let body = json!({"email": account.email, "password": PASSWORD});
    let answer = server.post("/api/v1/auth/login", &body).await?;
    answer.problem(401, "invalid_credentials")?;
    server
        .post("/api/v1/auth/register", &body)
        .await?
        .status(201)?;
    // The new account must not inherit records of the deleted one, although the address is the same.
    let anew = log_in(server, &account.email).await?;
    let page = anew.pull("").await?;
    page.is("/changes", json!([]))?;
    page.is("/head", 0)
}
