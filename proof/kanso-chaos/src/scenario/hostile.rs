//! Accounts that ask for all they can, and clients that send all they can.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use kanso_harness::ids::DeviceIds;
use kanso_harness::requests;
use kanso_protocol::sync::{EntityName, OperationRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::account::AccountSession;
use crate::api::ApiClient;
use crate::fleet::Topology;
use crate::report::ReportRow;
use crate::round::Round;
use crate::setup::Setup;

/// Most memory that a server may have taken, in KiB: less than the 512 MiB of its container.
const MOST_MEMORY: u64 = 400 * 1024;
/// Numbers of the attacking accounts and of the one whose requests are timed. The devices of the load
/// have smaller ones.
const TIMED: u32 = 9_000;
const FULL: u32 = 9_001;
const BEYOND_THE_QUOTA: u32 = 9_002;
const LONG: u32 = 9_003;
/// Operations in a push.
const BATCH: usize = 500;
/// Time for which a flood lasts.
const FLOOD: Duration = Duration::from_secs(3);
/// Addresses from which the connections of the attackers come. The devices use 127.0.0.1.
const FLOODING: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const SILENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const SLOW: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));

/// Lets accounts and clients ask for all they can while others write. The server must go on, in bounded
/// memory, and no request of the others may fail.
pub(super) async fn tenants(setup: &Setup) -> anyhow::Result<ReportRow> {
    // Without a quota of habits, so that one account can hold more than the default lets through.
    let topology = Topology {
        flags: &["--habit-quota", "off"],
        ..Topology::default()
    };
    let mut round = Round::begin(setup, topology, "accounts ask for all they can").await?;
    round.allow_no_failures();
    let size = u32::try_from(setup.faults)?.min(5);
    let server = &round.fleet.servers[0];
    let api = ApiClient::new(vec![server.url()])?;
    let timed = AccountSession::register(&api, TIMED).await?;
    let target = Target {
        api,
        url: server.url(),
        address: server.address(),
    };
    let mut notes = vec![watched("quiet", sleep(FLOOD), &target, &timed).await?];

    let full = target.account(FULL, habits(500)).await?;
    let beyond = target
        .account(BEYOND_THE_QUOTA, habits(3_600 * size))
        .await?;
    let long = target.account(LONG, long_history(18_000 * size)).await?;

    for (name, account) in [("500 habits", &full), ("habits beyond the quota", &beyond)] {
        let attack = target.statistics(account);
        notes.push(watched(name, attack, &target, &timed).await?);
    }
    let lists = target.at_once(&long, "/api/v1/entries?from=1990-01-01&to=2100-12-31", 4);
    let note = watched("entries of a long account", lists, &target, &timed).await?;
    if !note.ends_with("answers: 4 × 200") {
        round.row.wrong(note.clone());
    }
    notes.push(note);
    let silent = target.silent(2_000 * size);
    notes.push(watched("silent connections", silent, &target, &timed).await?);
    let slow = target.slow(&long);
    notes.push(watched("slow readers", slow, &target, &timed).await?);
    for (name, requests) in [("8 log-ins at once", 8), ("120 log-ins at once", 120)] {
        let body = json!({"email": "person-9001@chaos.example", "password": "not the password"});
        let flood = target.flood("/api/v1/auth/login", body, requests);
        notes.push(watched(name, flood, &target, &timed).await?);
    }
    let body = json!({"email": "not an address", "password": "two carrots and a slow kettle"});
    let flood = target.flood("/api/v1/auth/register", body, 8);
    notes.push(watched("registrations", flood, &target, &timed).await?);
    let flood = target.flood_of_pages(8);
    notes.push(watched("pages of the description", flood, &target, &timed).await?);
    let deletion = target.delete(&long);
    let note = watched("deletion of a long account", deletion, &target, &timed).await?;
    if !note.ends_with("answers: 1 × 200") {
        round.row.wrong(note.clone());
    }
    notes.push(note);

    round.row.faults = u64::try_from(notes.len())?;
    round.row.notes = notes;
    let memory = peak_memory(round.fleet.servers[0].pid().context("the server ended")?)?;
    let note = format!("largest memory: {} MiB", memory / 1024);
    round.row.notes.push(note);
    if memory > MOST_MEMORY {
        round
            .row
            .wrong(format!("the server took {} MiB", memory / 1024));
    }
    round.wait_for_recovery().await?;
    round.end().await
}

/// Largest resident memory that a process has had, in KiB.
fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let amount = line.and_then(|line| line.split_whitespace().next());
    Ok(amount.context("no VmHWM")?.parse()?)
}

/// Times pulls and writes of an account until `attack` ends, and returns a note about them.
async fn watched(
    name: &str,
    attack: impl Future<Output = impl Into<Attacked>>,
    target: &Target,
    account: &AccountSession,
) -> anyhow::Result<String> {
    let habit = new_id();
    target.push(account, vec![habit_with(habit)]).await?;
    let mut number = 0;
    let token = account.token();
    let (mut pulls, mut writes) = (Vec::new(), Vec::new());
    let attack = async { attack.await.into() };
    tokio::pin!(attack);
    let Attacked(answers) = loop {
        let one = async {
            let began = Instant::now();
            target
                .api
                .get::<Value>("/api/v1/sync?limit=10", &token)
                .await?;
            pulls.push(began.elapsed());
            let began = Instant::now();
            number += 1;
            target.push(account, vec![entry_of(habit, number)]).await?;
            writes.push(began.elapsed());
            sleep(Duration::from_millis(20)).await;
            anyhow::Ok(())
        };
        tokio::select! {
            answers = &mut attack => break answers,
            // An honest request that fails ends the round.
            done = one => done.with_context(|| format!("beside {name}"))?,
        }
    };
    pulls.sort();
    writes.sort();
    let millis = |times: &[Duration], at: usize| {
        let time = times.get(at.min(times.len().saturating_sub(1)));
        time.map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    Ok(format!(
        "{name}: {} pulls, median {:.0} ms, longest {:.0} ms; longest write {:.0} ms; {answers}",
        pulls.len(),
        millis(&pulls, pulls.len() / 2),
        millis(&pulls, pulls.len()),
        millis(&writes, writes.len()),
    ))
}

/// Answers to an attack, as text.
struct Attacked(String);

impl From<()> for Attacked {
    fn from((): ()) -> Self {
        Self("no attack".to_owned())
    }
}

impl From<Vec<u16>> for Attacked {
    /// Counts the statuses. 0 stands for no answer.
    fn from(mut statuses: Vec<u16>) -> Self {
        statuses.sort_unstable();
        let counts = statuses.chunk_by(|a, b| a == b);
        let counts = counts.map(|same| format!("{} × {}", same.len(), same[0]));
        Self(format!(
            "answers: {}",
            counts.collect::<Vec<_>>().join(", ")
        ))
    }
}

/// The server that is attacked.
struct Target {
    api: ApiClient,
    url: String,
    address: SocketAddr,
}

impl Target {
    async fn account(
        &self,
        number: u32,
        operations: Vec<OperationRequest>,
    ) -> anyhow::Result<AccountSession> {
        let account = AccountSession::register(&self.api, number).await?;
        self.push(&account, operations).await?;
        Ok(account)
    }

    async fn push(
        &self,
        account: &AccountSession,
        operations: Vec<OperationRequest>,
    ) -> anyhow::Result<()> {
        for batch in operations.chunks(BATCH) {
            let body = json!({"operations": batch});
            let token = account.token();
            let pushed = self.api.post::<Value>("/api/v1/sync", Some(&token), &body);
            pushed.await.context("cannot push")?;
        }
        Ok(())
    }

    /// Asks for all statistics of an account, each several times at once.
    async fn statistics(&self, account: &AccountSession) -> Vec<u16> {
        let mut statuses = Vec::new();
        for (path, times) in [
            ("/api/v1/stats/heatmap?from=2025-12-01&to=2026-11-29", 2),
            (
                "/api/v1/stats/weekly?start_date=2025-12-01&end_date=2026-11-29",
                2,
            ),
            ("/api/v1/stats/overview", 16),
            ("/api/v1/today", 16),
            ("/api/v1/habits", 16),
            ("/api/v1/habits/sync", 16),
        ] {
            statuses.extend(self.at_once(account, path, times).await);
        }
        statuses
    }

    /// Sends several equal requests at once and reads their answers to the end.
    async fn at_once(&self, account: &AccountSession, path: &str, times: usize) -> Vec<u16> {
        let Ok(client) = client(FLOODING) else {
            return Vec::new();
        };
        let (url, token) = (format!("{}{path}", self.url), account.token());
        let requests = (0..times).map(|_| status(client.get(&url).bearer_auth(&token)));
        join_all(requests).await
    }

    /// Sends equal requests without a pause, `at_once` at a time.
    async fn flood(&self, path: &str, body: Value, at_once: usize) -> Vec<u16> {
        let Ok(client) = client(FLOODING) else {
            return Vec::new();
        };
        let (began, url) = (Instant::now(), format!("{}{path}", self.url));
        let lanes = (0..at_once).map(|_| async {
            let mut statuses = Vec::new();
            while began.elapsed() < FLOOD {
                let request = client.post(&url).header("content-type", "application/json");
                statuses.push(status(request.body(body.to_string())).await);
            }
            statuses
        });
        join_all(lanes).await.into_iter().flatten().collect()
    }

    async fn flood_of_pages(&self, at_once: usize) -> Vec<u16> {
        let Ok(client) = client(FLOODING) else {
            return Vec::new();
        };
        let url = format!("{}/swagger/swagger-ui-bundle.js", self.url);
        let began = Instant::now();
        let lanes = (0..at_once).map(|_| async {
            let mut statuses = Vec::new();
            while began.elapsed() < FLOOD {
                let request = client.get(&url).header("accept-encoding", "gzip");
                statuses.push(status(request).await);
            }
            statuses
        });
        join_all(lanes).await.into_iter().flatten().collect()
    }

    /// Opens connections that send nothing, and keeps them for a while.
    async fn silent(&self, number: u32) -> Vec<u16> {
        let mut open = Vec::new();
        for _ in 0..number {
            // This process may have no file descriptor left; the server has its own bound.
            match self.connect(SILENT).await {
                Ok(connection) => open.push(connection),
                Err(_) => break,
            }
        }
        sleep(FLOOD).await;
        vec![0; open.len()]
    }

    /// Reads a long answer a few bytes at a time, over many connections.
    async fn slow(&self, account: &AccountSession) -> Vec<u16> {
        let request = format!(
            "GET /api/v1/sync/snapshot HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            self.address,
            account.token()
        );
        let readers = (0..50).map(|_| async {
            let mut connection = self.connect(SLOW).await.ok()?;
            connection.write_all(request.as_bytes()).await.ok()?;
            let (began, mut few) = (Instant::now(), [0; 20]);
            while began.elapsed() < FLOOD {
                timeout(FLOOD, connection.read(&mut few)).await.ok()?.ok()?;
                sleep(Duration::from_secs(1)).await;
            }
            Some(())
        });
        join_all(readers).await.into_iter().map(|_| 0).collect()
    }

    async fn connect(&self, from: IpAddr) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(self.address).await
    }

    async fn delete(&self, account: &AccountSession) -> Vec<u16> {
        let Ok(client) = client(FLOODING) else {
            return Vec::new();
        };
        let url = format!("{}/api/v1/auth/user", self.url);
        let request = client.delete(url).bearer_auth(account.token());
        let deleted = status(request).await;
        // The rows go after the answer.
        sleep(FLOOD).await;
        vec![deleted]
    }
}

/// Ids of a device that no device of the load has.
fn new_id() -> Uuid {
    static IDS: LazyLock<Mutex<DeviceIds>> =
        LazyLock::new(|| Mutex::new(DeviceIds::of_device(1 << 29)));
    IDS.lock().unwrap_or_else(PoisonError::into_inner).next_id()
}

fn client(from: IpAddr) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder().no_proxy().local_address(from);
    client.timeout(Duration::from_mins(1)).build()
}

/// Sends a request, reads its answer to the end and returns its status; 0 if there is no whole answer.
async fn status(request: reqwest::RequestBuilder) -> u16 {
    let Ok(mut answer) = request.send().await else {
        return 0;
    };
    let status = answer.status().as_u16();
    loop {
        match answer.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => return status,
            Err(_) => return 0,
        }
    }
}

fn habit_with(id: Uuid) -> OperationRequest {
    let fields = json!({"title": "h"});
    requests::create(new_id(), EntityName::Habit, id, fields)
}

fn habits(number: u32) -> Vec<OperationRequest> {
    (0..number).map(|_| habit_with(new_id())).collect()
}

/// Returns the creation of an entry on one of many days.
fn entry_of(habit: Uuid, number: u32) -> OperationRequest {
    let (year, month, day) = (
        2000 + number / 308 % 25,
        number / 28 % 11 + 1,
        number % 28 + 1,
    );
    let date = format!("{year}-{month:02}-{day:02}");
    let fields = json!({"habit_id": habit, "completion_date": date, "notes": "n".repeat(200)});
    requests::create(new_id(), EntityName::Entry, new_id(), fields)
}

/// Returns the creation of a habit and of its entries.
fn long_history(number: u32) -> Vec<OperationRequest> {
    let habit = new_id();
    let entries = (0..number).map(|number| entry_of(habit, number));
    std::iter::once(habit_with(habit)).chain(entries).collect()
}
