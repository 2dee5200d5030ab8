use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Configuration that ships.
const PRODUCTION: &str = include_str!("../../../../../deploy/nginx.conf");

/// nginx with the shipped configuration, without its certificate. It ends with this value.
pub(crate) struct Nginx {
    address: SocketAddr,
    _process: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Starts nginx in front of a server.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // nginx cannot report the port that the kernel chose for it.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("a free port");
        let file = folder.path().join("nginx.conf");
        fs::write(&file, config(address, server)).expect("a file");
        let process = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("nginx, which `cargo xtask test` installs");
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), listens)
            .await
            .expect("nginx listens");
        Self {
            address,
            _process: process,
            _folder: folder,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Returns a complete configuration around the shipped file.
fn config(address: SocketAddr, server: SocketAddr) -> String {
    let (shipped, redirect) = PRODUCTION.rsplit_once("\nserver {").expect("two servers");
    assert!(redirect.contains("return 308"), "{redirect}");
    let lines = shipped.lines().filter_map(|line| {
        let word = line.trim_start();
        if word.starts_with("ssl_") || word.starts_with("access_log ") {
            return None;
        }
        if word.starts_with("listen ") {
            return Some(format!("listen {address};"));
        }
        // One server instead of three.
        match word.strip_prefix("server 10.0.0.") {
            Some(rest) if rest.starts_with("11:") => Some(format!("server {server};")),
            Some(_) => None,
            None => Some(line.to_owned()),
        }
    });
    let lines: Vec<_> = lines.collect();
    // One process, so that a kill leaves no worker behind.
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log warn;\n\
         events {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\n\
         fastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{}\n}}\n",
        lines.join("\n")
    )
}
