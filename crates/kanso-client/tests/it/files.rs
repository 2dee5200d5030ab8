//! The replica's file.

use kanso_client::{Client, ReplicaError};

use crate::support::{titled, titles};

#[test]
fn a_replica_survives_its_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep").join("replica");
    let first = Client::open(&path).expect("opens");
    first.create_habit(titled("Read")).expect("creates");
    let device = first.status().expect("reads").device_id;
    drop(first);
    let second = Client::open(&path).expect("opens");
    assert_eq!(titles(&second), ["Read"]);
    assert_eq!(second.status().expect("reads").device_id, device);
}

#[test]
fn two_processes_may_share_a_replica() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Client::open(folder.path()).expect("opens");
    let second = Client::open(folder.path()).expect("opens");
    first.create_habit(titled("Read")).expect("creates");
    second.create_habit(titled("Run")).expect("creates");
    assert_eq!(titles(&first), ["Read", "Run"]);
    assert_eq!(titles(&second), titles(&first));
}

#[cfg(unix)]
#[test]
fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kanso");
    let client = Client::open(&path).expect("opens");
    client.create_habit(titled("Read")).expect("creates");
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).expect("is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&path), 0o700);
    for file in std::fs::read_dir(&path).expect("reads") {
        let file = file.expect("reads").path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_foreign_file_is_rejected_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("replica.db");
    std::fs::write(&file, "a diary".repeat(100)).expect("writes");
    let refused = Client::open(folder.path()).map(drop);
    assert!(
        matches!(refused, Err(ReplicaError::Foreign { .. })),
        "{refused:?}"
    );
    assert_eq!(
        std::fs::read_to_string(&file).expect("reads"),
        "a diary".repeat(100)
    );
}
