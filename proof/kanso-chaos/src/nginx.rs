//! nginx in front of the servers, with the configuration of `deploy/nginx.conf`.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Configuration that ships. The round runs this file, so that a mistake in it is found.
const PRODUCTION: &str = include_str!("../../../deploy/nginx.conf");
const START_LIMIT: Duration = Duration::from_secs(20);

/// An nginx process. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts nginx in front of `servers`, with its files in `folder`.
    ///
    /// # Errors
    /// nginx is not installed or does not start.
    pub async fn start(folder: &Path, servers: &[SocketAddr]) -> anyhow::Result<Self> {
        let address = free_address()?;
        let folder = folder.join("nginx");
        fs::create_dir(&folder)?;
        let file = folder.join("nginx.conf");
        fs::write(&file, config(address, servers)?)?;
        let process = Command::new("nginx")
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&file)
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start nginx; `cargo xtask test` installs it")?;
        let mut nginx = Self { process, address };
        // A connection is accepted as soon as nginx has read its configuration.
        let started = timeout(START_LIMIT, nginx.wait_until_it_listens()).await;
        let log = || fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        let started =
            started.unwrap_or_else(|_| Err(anyhow::anyhow!("not within {START_LIMIT:?}")));
        started.with_context(|| format!("nginx does not listen; its log: {}", log()))?;
        Ok(nginx)
    }

    /// Address on which it listens, as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.process.try_wait()?;
            anyhow::ensure!(ended.is_none(), "nginx ended with {ended:?}");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// Finds a free port. nginx cannot listen on port 0 and report the port that the kernel chose, so
/// another process may take this one first; then the start fails.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Returns a complete configuration around the shipped file.
///
/// `master_process off`: one process, so that a kill leaves no workers behind.
fn config(address: SocketAddr, servers: &[SocketAddr]) -> anyhow::Result<String> {
    Ok(format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log warn;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\n\
         fastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{}\n}}\n",
        adapted(PRODUCTION, address, servers)?
    ))
}

/// Replaces the addresses of the shipped file, and removes the certificate and the redirect to HTTPS.
fn adapted(file: &str, address: SocketAddr, servers: &[SocketAddr]) -> anyhow::Result<String> {
    let (file, redirect) = file
        .rsplit_once("\nserver {")
        .context("the shipped file does not end with the redirect to HTTPS")?;
    anyhow::ensure!(
        redirect.contains("return 308"),
        "the last server of the shipped file does not redirect to HTTPS"
    );
    let mut adapted = String::new();
    let (mut upstreams, mut listens) = (0, 0);
    for line in file.lines() {
        let word = line.trim_start();
        if let Some(rest) = word.strip_prefix("server 10.0.0.") {
            let (_, parameters) = rest
                .split_once(' ')
                .context("an upstream server without parameters")?;
            if let Some(server) = servers.get(upstreams) {
                writeln!(adapted, "server {server} {parameters}")?;
            }
            upstreams += 1;
        } else if word.starts_with("listen ") {
            writeln!(adapted, "listen {address};")?;
            listens += 1;
        } else if !word.starts_with("ssl_") && !word.starts_with("access_log ") {
            writeln!(adapted, "{line}")?;
        }
    }
    // A line that is not recognised any more would leave a real address in the configuration, or
    // start nginx without one of the servers.
    anyhow::ensure!(
        (upstreams, listens) == (3, 1) && servers.len() <= upstreams,
        "the shipped file has changed: {upstreams} servers, {listens} addresses"
    );
    Ok(adapted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_configuration_is_used_with_other_addresses() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let config = config(address(1), &[address(2), address(3), address(4)]).unwrap();
        for line in [
            "listen 127.0.0.1:1;",
            "server 127.0.0.1:2 max_fails=1 fail_timeout=1s;",
            "server 127.0.0.1:4 max_fails=1 fail_timeout=1s;",
            "        proxy_next_upstream error timeout non_idempotent;",
            "        proxy_buffering off;",
        ] {
            assert!(config.lines().any(|has| has == line), "{line}\n{config}");
        }
        assert!(!config.contains("10.0.0."), "{config}");
        assert!(!config.contains("ssl"), "{config}");
    }
}
