//! Change of the password on one of two devices.

use crate::support::{Device, EMAIL, Ended, PASSWORD, Server};

const NEW: &str = "two slow kettles";

fn change(device: &Device, current: &str, new: &str) -> Ended {
    let lines = format!("{current}\n{new}\n");
    device.told(&lines, &["password", "--password-stdin"])
}

fn log_in(device: &Device, password: &str) -> Ended {
    device.told(password, &["login", EMAIL, "--password-stdin"])
}

#[test]
fn a_changed_password_signs_the_other_device_out_and_loses_nothing() {
    let server = Server::start();
    let (phone, tablet) = (Device::at(server.address()), Device::at(server.address()));
    phone.ok(&["register", EMAIL]);
    tablet.ok(&["login", EMAIL]);
    tablet.ok(&["habit", "add", "Read"]);

    let changed = change(&phone, PASSWORD, NEW);
    assert_eq!(changed.code, 0, "{changed:?}");
    assert!(changed.stderr.contains("Other devices"), "{changed:?}");
    phone.ok(&["sync"]);

    // The other device is signed out, and its operations wait.
    let refused = tablet.ends(4, &["sync"]);
    assert!(refused.stderr.contains("kanso login"), "{refused:?}");
    assert_ne!(log_in(&tablet, PASSWORD).code, 0);
    assert_eq!(log_in(&tablet, NEW).code, 0);
    tablet.ok(&["sync"]);
    phone.ok(&["sync"]);
    assert_eq!(phone.titles(), ["Read"]);
}

#[test]
fn password_errors_are_explained() {
    let server = Server::start();
    let phone = Device::at(server.address());
    phone.ok(&["register", EMAIL]);
    for (current, new, says) in [
        ("not this one", NEW, "the current password is wrong"),
        (PASSWORD, "short", "at least 8 characters"),
    ] {
        let refused = change(&phone, current, new);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
    // The device is still signed in. Without a terminal it does not ask for a password.
    phone.ok(&["sync"]);
    let asked = phone.ends(2, &["password"]);
    assert!(asked.stderr.contains("--password-stdin"), "{asked:?}");
    assert_eq!(change(&Device::offline(), PASSWORD, NEW).code, 4);
}

#[test]
fn an_account_is_deleted_with_its_password() {
    let server = Server::start();
    let phone = Device::at(server.address());
    phone.ok(&["register", EMAIL]);
    phone.ok(&["habit", "add", "Read"]);
    phone.ok(&["sync"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.ndjson");
    let export = ["export", file.to_str().unwrap(), "--password-stdin"];
    let refused = phone.told("not this one", &export);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert_eq!(phone.told(PASSWORD, &export).code, 0);

    let delete = ["account", "delete", "--password-stdin"];
    let refused = phone.told("not this one", &delete);
    assert_eq!(refused.code, 1, "{refused:?}");
    phone.ok(&["sync"]);
    let deleted = phone.told(PASSWORD, &delete);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    assert_eq!(phone.titles(), ["Read"], "the records stay on the device");
    assert_ne!(log_in(&phone, PASSWORD).code, 0);
}
