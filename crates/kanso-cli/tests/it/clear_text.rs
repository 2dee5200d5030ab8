//! A server that is reached in clear text.

use crate::support::{Device, EMAIL, PASSWORD, Server};

/// An address of the server that is not on the loopback. Linux leads it to this machine all the same.
#[cfg(target_os = "linux")]
fn outside(server: &Server) -> String {
    server.address().replace("127.0.0.1", "0.0.0.0")
}

#[cfg(target_os = "linux")]
#[test]
fn clear_text_needs_consent_once() {
    let server = Server::start();
    Device::at(server.address()).ok(&["register", EMAIL]);
    let address = outside(&server);
    let device = Device::at(&address);
    for command in [&["login", EMAIL] as &[_], &["register", EMAIL], &["sync"]] {
        let refused = device.ends(2, command);
        assert!(refused.stderr.contains("--insecure"), "{refused:?}");
        assert!(refused.stderr.contains(&address), "{refused:?}");
    }
    device.ok(&["--insecure", "login", EMAIL]);
    // Remembered for this replica and this address.
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["sync"]);
    let other = device.ends(2, &["--server", "http://192.0.2.1:9", "sync"]);
    assert!(other.stderr.contains("--insecure"), "{other:?}");
    let another = Device::at(&address);
    another.ends(2, &["login", EMAIL]);
}

#[test]
fn what_stays_on_this_machine_needs_no_consent() {
    let device = Device::offline();
    for address in [
        "http://localhost:9",
        "http://[::1]:9",
        "https://127.0.0.1:9",
    ] {
        device.ends(3, &["--server", address, "login", EMAIL]);
    }
    // Offline work never asks.
    device.ok(&["--server", "http://192.0.2.1:9", "habit", "add", "Read"]);
}

/// The check on the device: no request is needed to learn that a password is weak.
#[test]
fn a_weak_password_is_refused_before_it_is_sent() {
    let device = Device::offline();
    for (weak, says) in [
        ("short", "at least 8 characters"),
        ("Password123", "one of the most common passwords"),
        ("ada@example.org", "made from the e-mail address"),
        ("abcdefghijkl", "follow the alphabet"),
    ] {
        let refused = device.told(weak, &["register", EMAIL, "--password-stdin"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
    let sent = device.told(PASSWORD, &["register", EMAIL, "--password-stdin"]);
    assert_eq!(sent.code, 3, "only a strong one is sent: {sent:?}");
}
