//! A server whose operator invites its users.

use crate::support::{Device, EMAIL, Server};

#[test]
fn user_registers_with_an_invitation_and_keeps_the_data_of_a_disabled_account() {
    let server = Server::start_for_invited();
    let owner = Device::at(server.address());
    owner.ok(&["register", "owner@example.org"]);

    let phone = Device::at(server.address());
    phone.ok(&["habit", "add", "Read"]);
    let refused = phone.ends(1, &["register", EMAIL]);
    assert!(refused.stderr.contains("--invite CODE"), "{refused:?}");
    let code = server.operator(&["user", "invite"]);
    let code = code.trim_end();
    phone.ok(&["register", EMAIL, "--invite", code]);
    phone.ok(&["sync"]);

    let tablet = Device::at(server.address());
    let used = tablet.ends(1, &["register", "other@example.org", "--invite", code]);
    assert!(used.stderr.contains("unknown, used or expired"), "{used:?}");

    let sessions = server.operator(&["user", "sessions", EMAIL]);
    assert_eq!(sessions.lines().count(), 2, "{sessions}");
    server.operator(&["user", "disable", EMAIL]);
    phone.ok(&["habit", "add", "Run"]);
    let refused = phone.ends(1, &["sync"]);
    assert!(refused.stderr.contains("disabled"), "{refused:?}");
    assert!(refused.stderr.contains("Nothing is lost"), "{refused:?}");
    server.operator(&["user", "enable", EMAIL]);
    phone.ends(4, &["sync"]);
    phone.ok(&["login", EMAIL]);
    phone.ok(&["sync"]);
    tablet.ok(&["login", EMAIL]);
    tablet.ok(&["sync"]);
    assert_eq!(tablet.titles().len(), 2);
}
