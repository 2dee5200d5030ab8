//! Control characters in the output, and output that cannot be written.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Api, Device, EMAIL, Server};

/// Titles with characters that a terminal would carry out, or show nothing for.
const TITLES: [&str; 9] = [
    "\u{1b}[31mred\u{1b}[0m",
    "a\u{1b}]52;c;cm0gLXJm\u{7}b",
    "bell\u{7}",
    "two\nlines",
    "back\u{202e}wards",
    "\u{9b}31mC1",
    "zero\u{200b}width",
    "isolate\u{2066}d",
    "tab\tand\u{7f}del",
];

#[test]
fn control_characters_are_shown_and_not_carried_out() {
    let server = Server::start();
    let api = Api::register(server.address());
    for title in TITLES {
        let habit = api.send(
            "POST",
            "/habits",
            &json!({
                "title": title, "type": "numeric", "target_value": 2, "unit": "u\u{1b}[2J"
            }),
        );
        api.send(
            "POST",
            "/entries",
            &json!({
                "habit_id": habit["id"], "completion_date": "2026-02-01", "value": 1,
                "notes": format!("note {title}")
            }),
        );
    }
    let device = Device::at(server.address());
    device.ok(&["login", EMAIL]);
    device.ok(&["sync"]);
    let first = device.json(&["habit", "list"])[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let commands: &[&[&str]] = &[
        &["habit", "list"],
        &["today"],
        &["stats"],
        &["stats", &first],
        &["heatmap"],
        &["heatmap", &first],
        &["log", "--from", "2026-01-01"],
        &["done", &first, "1"],
        &["undo"],
        &["habit", "archive", &first],
        &["habit", "unarchive", &first],
        &["entry", "delete", &first, "2026-02-01"],
        &["done", "a\u{1b}[2J\u{202e}"],
    ];
    for command in commands {
        for options in [&[][..], &["--json"]] {
            let ended = device.run(&[command, options].concat());
            for text in [&ended.stdout, &ended.stderr] {
                let is_control = |c: char| c != '\n' && c.is_control();
                assert!(!text.contains(is_control), "{command:?}: {text:?}");
                for hidden in ['\u{202e}', '\u{200b}', '\u{2066}'] {
                    assert!(!text.contains(hidden), "{command:?}: {text:?}");
                }
                assert!(!text.contains("two\nlines"), "{command:?}: {text}");
            }
        }
    }
    // JSON stays JSON, with the very titles.
    let titles = device.titles();
    let mut expected: Vec<_> = TITLES.map(str::to_owned).into();
    expected.sort();
    assert_eq!(titles, expected);
}

fn program(device: &Device) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kanso"));
    command
        .env_clear()
        .env("KANSO_HOME", device.home())
        .env("TZ", "UTC");
    command
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Read"]);
    device.ok(&["done", "Read"]);
    let commands: &[&[&str]] = &[
        &["--help"],
        &["habit", "add", "--help"],
        &["--version"],
        &["today"],
        &["habit", "list"],
        &["--json", "habit", "list"],
        &["stats"],
        &["stats", "Read"],
        &["heatmap"],
        &["log"],
        &["status"],
        &["settings"],
        &["--json", "stats"],
        &["--json", "habit", "add", "Run"],
        &["--json", "done", "Read"],
        &["--json", "conflicts"],
    ];
    for command in commands {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("opens");
        let ended = program(&device)
            .args(*command)
            .stdout(full)
            .output()
            .expect("starts");
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{command:?}: {stderr}");
        assert!(
            stderr.contains("cannot write the output"),
            "{command:?}: {stderr}"
        );
    }
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let device = Device::offline();
    device.ok(&["habit", "add", "Read"]);
    for command in [&["today"][..], &["--json", "stats"], &["--help"]] {
        let mut child = program(&device)
            .args(command)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("ends");
        assert_eq!(ended.status.code(), Some(0), "{command:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{command:?}");
    }
}

#[test]
fn no_secret_in_an_address_is_shown_or_kept() {
    let server = Server::start();
    let host = server
        .address()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    for address in [
        format!("http://user:hunter2@{host}"),
        format!("http://hunter2@{host}/"),
        format!("http://{host}/?token=hunter2"),
        format!("http://{host}/#hunter2"),
        format!("user:hunter2@{host}"),
        "http://user:hunter2@".to_owned(),
    ] {
        let device = Device::at(&address);
        let mut ended = vec![
            device.ends(2, &["register", EMAIL]),
            device.run(&["status"]),
        ];
        ended.push(device.ends(2, &["login", EMAIL, "--server", &address]));
        for ended in ended {
            assert!(
                !format!("{ended:?}").contains("hunter2"),
                "{address}: {ended:?}"
            );
        }
        let kept = std::fs::read(device.home().join("replica.db")).expect("reads");
        assert!(
            !kept.windows(7).any(|seven| seven == b"hunter2"),
            "{address}"
        );
    }
    let device = Device::at(&format!("http://{host}/api/v1/"));
    device.ok(&["register", EMAIL]);
    device.ok(&["sync"]);
    let status: Value = device.json(&["status"]);
    assert_eq!(status["server"], format!("http://{host}"));
}
