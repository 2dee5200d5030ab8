//! Long names of unknown members in a push.

use std::path::Path;

use serde_json::json;

use crate::support::{App, new_id, operation};

/// Returns the size of all files in `folder`, in bytes.
fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).expect("a folder");
    let size = |file: std::io::Result<std::fs::DirEntry>| {
        let metadata = file.expect("a file").metadata();
        metadata.expect("metadata").len()
    };
    files.map(size).sum()
}

#[tokio::test]
async fn long_unknown_name_is_cut_in_the_result_and_in_its_receipt() {
    let app = App::start().await;
    let user = app.user().await;
    let (name, shown) = ("x".repeat(900_000), format!("{}…", "x".repeat(64)));
    let habit = json!(new_id());
    // In the operation itself: it cannot be read, so it leaves no receipt.
    let envelope = json!({"fields": {"title": "Read"}, &name: 1});
    // In its fields: the rejection is stored, and a retry gets the stored one.
    let fields = json!({"fields": {"title": "Read", &name: 1}});
    let before = size(app.data_dir());
    for (members, pointer) in [
        (envelope, format!("/{shown}")),
        (fields, format!("/fields/{shown}")),
    ] {
        let operation = operation("habit", "create", &habit, &members);
        for _ in 0..2 {
            let answer = user
                .post("/sync", &json!({"operations": [operation]}))
                .await;
            let result = &answer.expect(200)["results"][0];
            assert_eq!(result["status"], "rejected", "{result}");
            assert_eq!(result["errors"][0]["pointer"], pointer);
            assert!(answer.body.len() < 2_000, "{} bytes", answer.body.len());
        }
    }
    // The pages of a receipt, of the history and of their indexes, and not the name.
    let grown = size(app.data_dir()) - before;
    assert!(grown < 450_000, "{grown} bytes");
    drop(app);
}
