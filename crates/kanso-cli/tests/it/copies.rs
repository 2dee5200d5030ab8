//! Copies of one replica: a copied folder, and a backup that is restored.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Device, EMAIL, Server};

/// Copies the files of a replica over those in `to`, which keep their inodes.
fn copy_replica(from: &Path, to: &Path) {
    for file in ["replica.db", "replica.db-wal", "replica.db-shm"] {
        let (from, to) = (from.join(file), to.join(file));
        if from.exists() {
            fs::copy(from, to).expect("copies");
        } else if to.exists() {
            fs::remove_file(to).expect("removes");
        }
    }
}

/// Returns a device with a habit that the server has.
fn synced(server: &Server) -> Device {
    let device = Device::at(server.address());
    device.ok(&["register", EMAIL]);
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["sync"]);
    device
}

/// Checks that the only conflict of `device` has both titles.
fn must_clash(device: &Device, mine: &str, theirs: &str) {
    device.ends(5, &["sync"]);
    let shown = device.run(&["conflicts"]).stdout;
    assert!(shown.contains(mine) && shown.contains(theirs), "{shown}");
}

#[test]
fn a_copied_replica_is_another_device() {
    let server = Server::start();
    let original = synced(&server);
    let copy = Device::at(server.address());
    copy_replica(original.home(), copy.home());
    original.ok(&["habit", "edit", "Read", "--title", "Of the original"]);
    copy.ok(&["habit", "edit", "Read", "--title", "Of the copy"]);
    original.ok(&["sync"]);
    must_clash(&copy, "Of the copy", "Of the original");
    let devices = original.json(&["devices"]);
    let count = devices.as_array().map(Vec::len);
    assert_eq!(count, Some(2), "{devices}");
}

#[test]
fn an_edit_from_before_the_copy_is_carried_out_once() {
    let server = Server::start();
    let original = synced(&server);
    original.ok(&["habit", "edit", "Read", "--title", "Read more"]);
    let copy = Device::at(server.address());
    copy_replica(original.home(), copy.home());
    original.ok(&["sync"]);
    // The copy's edit of the same habit builds on the edit that waits in both.
    copy.ok(&["habit", "edit", "Read more", "--title", "Read most"]);
    copy.ok(&["sync"]);
    original.ok(&["sync"]);
    assert_eq!(original.titles(), ["Read most"]);
    let status = copy.json(&["status"]);
    assert_eq!(status["conflicts"], Value::from(0));
}

#[test]
fn a_restored_backup_of_a_device_does_not_overwrite_its_newer_title() {
    let server = Server::start();
    let device = synced(&server);
    let backup = tempfile::tempdir().expect("a folder");
    copy_replica(device.home(), backup.path());
    device.ok(&["habit", "edit", "Read", "--title", "Newer"]);
    device.ok(&["sync"]);
    copy_replica(backup.path(), device.home());
    device.ok(&["habit", "edit", "Read", "--title", "After the backup"]);
    must_clash(&device, "After the backup", "Newer");
}
