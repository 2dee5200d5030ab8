//! Accounts and their sessions.

use serde_json::{Value, json};

use crate::answer::Outcome;
use crate::case::cases;
use crate::person::{PASSWORD, id, log_in, new_email, somebody};
use crate::wire::Wire;

cases! { "accounts";
    a_registration_answers_the_account, "protocol.md, Accounts",
        "Registering answers 201 with id and e-mail address, and does not log in.";
    a_log_in_answers_tokens, "protocol.md, Accounts",
        "Logging in answers token, expires_in, refresh_token and user.";
    an_address_is_compared_without_case, "protocol.md, Accounts",
        "An address is taken in whatever case it is written.";
    a_password_is_judged_by_length_and_use, "protocol.md, Accounts",
        "Passwords have 8 to 256 characters; the most common ones are refused.";
    a_wrong_password_looks_like_an_unknown_address, "protocol.md, Errors",
        "Which of address and password is wrong is not told.";
    guessing_is_slowed_down, "protocol.md, Errors",
        "Many wrong passwords in a row are 429 login_throttled with Retry-After.";
    nothing_is_shown_without_a_token, "protocol.md, Errors",
        "Without a good access token every operation is 401 with a challenge.";
    a_refresh_token_that_is_sent_again_has_one_successor, "protocol.md, Accounts",
        "A client that lost the answer to a refresh asks again and gets the same successor.";
    a_refresh_token_that_nobody_gave_is_refused, "protocol.md, Errors",
        "A refresh token that the server did not give is 401 invalid_refresh_token.";
    a_log_out_ends_the_session_at_once, "protocol.md, Accounts",
        "After a log-out, access and refresh token are refused; other sessions go on.";
    a_new_password_ends_other_sessions, "protocol.md, Accounts",
        "PUT /auth/password is 204, also once more; other sessions end, this one goes on.";
    a_password_is_changed_by_who_knows_it, "protocol.md, Errors",
        "A wrong current password is 403 wrong_password, a bad new one 422, and nothing changes.";
    settings_are_changed_one_by_one, "protocol.md, Accounts",
        "PATCH /auth/user changes the members that are given and answers the profile.";
    settings_that_mean_nothing_are_named, "domain.md, 2. Settings",
        "Zones, first days of the week and day starts that do not exist are refused.";
    an_export_has_everything, "protocol.md, Accounts",
        "GET /auth/user/export has every record, tombstones too, and an end that counts.";
    a_deleted_account_leaves_nothing, "protocol.md, Accounts",
        "After DELETE /auth/user the address is free and the new account is empty.";
}

async fn a_registration_answers_the_account(wire: &Wire) -> Outcome {
    let email = new_email();
    let body = json!({"email": email, "password": PASSWORD});
    let answer = wire.post("/api/v1/auth/register", &body).await?;
    answer.status(201)?;
    answer.is("/email", email)?;
    let has_id = uuid::Uuid::parse_str(answer.text("/id")).is_ok();
    answer.must(has_id, "/id to be a UUID")?;
    let members = answer.json.as_object().map_or(0, serde_json::Map::len);
    answer.must(members == 2, "no more than id and email")
}

async fn a_log_in_answers_tokens(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let body = json!({"email": person.email, "password": PASSWORD});
    let answer = wire.post("/api/v1/auth/login", &body).await?;
    answer.status(200)?;
    answer.is("/user/email", person.email.clone())?;
    for member in ["/token", "/refresh_token"] {
        answer.must(!answer.text(member).is_empty(), format_args!("a {member}"))?;
    }
    answer.must(
        answer.at("/expires_in").as_i64() > Some(0),
        "seconds in /expires_in",
    )?;
    let valid = person.get("/auth/validate").await?;
    valid.status(200)?;
    valid.is("/status", "valid")
}

async fn an_address_is_compared_without_case(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let upper = person.email.to_uppercase();
    let body = json!({"email": upper, "password": PASSWORD});
    let answer = wire.post("/api/v1/auth/register", &body).await?;
    answer.problem(409, "email_taken")?;
    log_in(wire, &upper).await?;
    Ok(())
}

async fn a_password_is_judged_by_length_and_use(wire: &Wire) -> Outcome {
    for password in ["1234567", "password123", &"x".repeat(257)] {
        let body = json!({"email": new_email(), "password": password});
        let answer = wire.post("/api/v1/auth/register", &body).await?;
        answer.names(400, "invalid_registration", &["/password"])?;
    }
    let body = json!({"email": "no address", "password": PASSWORD});
    let answer = wire.post("/api/v1/auth/register", &body).await?;
    answer.names(400, "invalid_registration", &["/email"])?;
    let body = json!({"email": new_email(), "password": PASSWORD, "admin": true});
    let answer = wire.post("/api/v1/auth/register", &body).await?;
    answer.names(422, "invalid", &["/admin"])?;
    let body = json!({"email": new_email(), "password": "é".repeat(256)});
    wire.post("/api/v1/auth/register", &body)
        .await?
        .status(201)?;
    Ok(())
}

async fn a_wrong_password_looks_like_an_unknown_address(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let mut told = Vec::new();
    for email in [person.email, new_email()] {
        let body = json!({"email": email, "password": "another password"});
        let answer = wire.post("/api/v1/auth/login", &body).await?;
        answer.problem(401, "invalid_credentials")?;
        let mut problem = answer.json.clone();
        problem["request_id"].take();
        answer.must(
            told.iter().all(|it| *it == problem),
            "the same problem for both",
        )?;
        told.push(problem);
    }
    Ok(())
}

async fn guessing_is_slowed_down(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let body = json!({"email": person.email, "password": "another password"});
    // Several servers may each count for themselves, and be slow: the waits grow beyond any of that.
    for _ in 0..60 {
        let answer = wire.post("/api/v1/auth/login", &body).await?;
        if answer.status == 429 {
            return answer.problem(429, "login_throttled");
        }
        answer.problem(401, "invalid_credentials")?;
    }
    let answer = wire.post("/api/v1/auth/login", &body).await?;
    answer.problem(429, "login_throttled")
}

async fn nothing_is_shown_without_a_token(wire: &Wire) -> Outcome {
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
        let answer = wire.get(&format!("/api/v1{path}")).await?;
        answer.problem(401, "unauthorized")?;
        let challenge = answer.header("www-authenticate");
        answer.must(challenge.starts_with("Bearer"), "a challenge `Bearer`")?;
    }
    // A signature of nothing, a header that says `none`, and what is no token at all.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ4In0.";
    for token in [none, "x", "", "a.b.c"] {
        let call = wire
            .call(reqwest::Method::GET, "/api/v1/habits")
            .bearer(token);
        call.send().await?.problem(401, "unauthorized")?;
    }
    Ok(())
}

async fn a_refresh_token_that_is_sent_again_has_one_successor(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let body = json!({"refresh_token": person.refresh_token});
    let first = wire.post("/api/v1/auth/refresh", &body).await?;
    first.status(200)?;
    let successor = first.text("/refresh_token");
    first.must(successor != person.refresh_token, "a new refresh token")?;
    let again = wire.post("/api/v1/auth/refresh", &body).await?;
    again.status(200)?;
    again.is("/refresh_token", successor)?;
    let next = json!({"refresh_token": successor});
    wire.post("/api/v1/auth/refresh", &next)
        .await?
        .status(200)?;
    Ok(())
}

async fn a_refresh_token_that_nobody_gave_is_refused(wire: &Wire) -> Outcome {
    for token in ["", "x", &"A".repeat(500)] {
        let body = json!({"refresh_token": token});
        let answer = wire.post("/api/v1/auth/refresh", &body).await?;
        answer.problem(401, "invalid_refresh_token")?;
    }
    Ok(())
}

async fn a_log_out_ends_the_session_at_once(wire: &Wire) -> Outcome {
    let phone = somebody(wire).await?;
    let tablet = log_in(wire, &phone.email).await?;
    phone.post("/auth/logout", &json!({})).await?.status(204)?;
    phone.get("/habits").await?.problem(401, "unauthorized")?;
    let body = json!({"refresh_token": phone.refresh_token});
    let answer = wire.post("/api/v1/auth/refresh", &body).await?;
    answer.problem(401, "invalid_refresh_token")?;
    tablet.get("/habits").await?.status(200)?;
    Ok(())
}

async fn a_new_password_ends_other_sessions(wire: &Wire) -> Outcome {
    let phone = somebody(wire).await?;
    let tablet = log_in(wire, &phone.email).await?;
    let change = json!({"current_password": PASSWORD, "new_password": "two slow kettles"});
    for _ in 0..2 {
        phone.put("/auth/password", &change).await?.status(204)?;
    }
    phone.get("/habits").await?.status(200)?;
    tablet.get("/habits").await?.problem(401, "unauthorized")?;
    let body = json!({"refresh_token": tablet.refresh_token});
    let answer = wire.post("/api/v1/auth/refresh", &body).await?;
    answer.problem(401, "invalid_refresh_token")?;
    for (password, status) in [(PASSWORD, 401), ("two slow kettles", 200)] {
        let body = json!({"email": phone.email, "password": password});
        let answer = wire.post("/api/v1/auth/login", &body).await?;
        answer.status(status)?;
    }
    Ok(())
}

async fn a_password_is_changed_by_who_knows_it(wire: &Wire) -> Outcome {
    let phone = somebody(wire).await?;
    let tablet = log_in(wire, &phone.email).await?;
    let guess = json!({"current_password": "not this one", "new_password": "two slow kettles"});
    let answer = phone.put("/auth/password", &guess).await?;
    answer.problem(403, "wrong_password")?;
    for new in ["1234567", "password123", &"x".repeat(257)] {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        let answer = phone.put("/auth/password", &body).await?;
        answer.names(422, "invalid", &["/new_password"])?;
    }
    tablet.get("/habits").await?.status(200)?;
    log_in(wire, &phone.email).await?;
    Ok(())
}

async fn settings_are_changed_one_by_one(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let mut expected = person.get("/auth/user").await?.status(200)?.clone();
    for (member, value) in [
        ("timezone", "Pacific/Kiritimati"),
        ("week_start", "sunday"),
        ("day_start", "03:30"),
    ] {
        let answer = person.patch("/auth/user", &json!({member: value})).await?;
        answer.status(200)?;
        expected[member] = json!(value);
        answer.is("", expected.clone())?;
    }
    person.get("/auth/user").await?.is("", expected)
}

async fn settings_that_mean_nothing_are_named(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    for (body, pointer) in [
        (json!({"timezone": "Mars/Olympus"}), "/timezone"),
        (json!({"timezone": "+02:00"}), "/timezone"),
        (json!({"week_start": "tuesday"}), "/week_start"),
        (json!({"day_start": "12:01"}), "/day_start"),
        (json!({"email": "other@example.org"}), "/email"),
    ] {
        let answer = person.patch("/auth/user", &body).await?;
        answer.names(422, "invalid", &[pointer])?;
    }
    Ok(())
}

async fn an_export_has_everything(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    let (kept, gone) = (person.habit("Read").await?, person.habit("Run").await?);
    let path = format!("/habits/{}", id(&gone));
    person.delete(&path).await?.status(204)?;
    let answer = person.get("/auth/user/export").await?;
    answer.status(200)?;
    let lines: Vec<Value> = String::from_utf8_lossy(&answer.body)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let (first, last) = (lines.first(), lines.last());
    let begins = first.is_some_and(|line| {
        line["type"] == "begin" && line["account"]["email"] == person.email.as_str()
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

async fn a_deleted_account_leaves_nothing(wire: &Wire) -> Outcome {
    let person = somebody(wire).await?;
    person.habit("Read").await?;
    let answer = person.delete("/auth/user").await?;
    answer.status(200)?;
    answer.is("/message", "account deleted successfully")?;
    person.get("/habits").await?.problem(401, "unauthorized")?;
    let body = json!({"email": person.email, "password": PASSWORD});
    let answer = wire.post("/api/v1/auth/login", &body).await?;
    answer.problem(401, "invalid_credentials")?;
    wire.post("/api/v1/auth/register", &body)
        .await?
        .status(201)?;
    let anew = log_in(wire, &person.email).await?;
    let page = anew.pull("").await?;
    page.is("/changes", json!([]))?;
    page.is("/head", 0)
}
