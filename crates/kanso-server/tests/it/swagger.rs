//! The pages under `/swagger/`.

use crate::support::{App, Document};

#[tokio::test]
async fn page_shows_the_document_and_loads_nothing_external() {
    let app = App::start().await;
    for path in ["/", "/swagger", "/swagger/"] {
        let answer = app.get(path).await;
        answer.expect(307);
        assert_eq!(answer.header("location"), "/swagger/index.html");
    }
    let mut page = String::new();
    for file in ["index.html", "swagger-initializer.js"] {
        let answer = app.get(&format!("/swagger/{file}")).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'self'")
        );
        page.push_str(&String::from_utf8_lossy(&answer.body));
    }
    assert!(page.contains("/swagger/doc.json"), "{page}");
    assert!(page.contains("\"validatorUrl\": \"none\""), "{page}");
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "{page}"
    );
    for script in [
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "swagger-ui-standalone-preset.js",
    ] {
        assert_eq!(app.get(&format!("/swagger/{script}")).await.status, 200);
    }
    app.get("/swagger/nothing.js")
        .await
        .refused(404, "route_not_found");
    assert_eq!(
        app.get("/swagger/doc.json").await.expect(200),
        Document::of_the_code().0
    );
}

#[tokio::test]
async fn second_load_of_a_file_transfers_nothing() {
    let app = App::start().await;
    for (file, content_type) in [
        ("index.html", "text/html; charset=utf-8"),
        ("swagger-ui.css", "text/css; charset=utf-8"),
        ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("doc.json", "application/json"),
    ] {
        let path = format!("/swagger/{file}");
        let mut tags = Vec::new();
        for (accepted, encoding) in [("", ""), ("gzip", "gzip"), ("gzip, zstd", "zstd")] {
            let first = app.get(&path).header("accept-encoding", accepted).await;
            assert_eq!(first.status, 200, "{path}");
            assert_eq!(first.header("content-type"), content_type);
            assert_eq!(first.header("content-encoding"), encoding, "{path}");
            assert_eq!(first.header("cache-control"), "public, max-age=3600");
            assert_eq!(first.header("vary"), "accept-encoding");
            tags.push(first.header("etag").to_owned());
            let call = app.get(&path).header("accept-encoding", accepted);
            let second = call.header("if-none-match", first.header("etag")).await;
            assert_eq!((second.status, second.body.len()), (304, 0), "{path}");
            assert_eq!(second.header("etag"), first.header("etag"));
            assert_eq!(second.header("cache-control"), "public, max-age=3600");
        }
        tags.dedup();
        assert!(
            matches!(&tags[..], [tag] if tag.starts_with("W/\"")),
            "{tags:?}"
        );
    }
}

#[tokio::test]
async fn access_token_does_not_stay_in_the_browser() {
    let app = App::start().await;
    let script = app.get("/swagger/swagger-initializer.js").await.body;
    let script = String::from_utf8(script).expect("UTF-8");
    assert!(
        !script.contains("\"persistAuthorization\": true"),
        "{script}"
    );
}

#[tokio::test]
async fn pages_can_be_turned_off() {
    let app = App::with(|config| config.serves_swagger = false).await;
    for path in [
        "/",
        "/swagger",
        "/swagger/",
        "/swagger/index.html",
        "/swagger/doc.json",
    ] {
        let answer = app.get(path).await;
        answer.refused(404, "route_not_found");
        assert_eq!(answer.header("cache-control"), "no-store");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    app.get("/health/live").await.expect(200);
}
