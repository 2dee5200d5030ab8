//! nginx in front of the servers, as `deploy/nginx.conf` has it.

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

/// What people are told to run.
const PRODUCTION: &str = include_str!("../../../deploy/nginx.conf");
const START: Duration = Duration::from_secs(20);

/// A running nginx. It ends with this value.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts one in front of `servers`, with its files in `folder`.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(folder: &Path, servers: &[SocketAddr]) -> anyhow::Result<Self> {
        let address = free_address()?;
        let folder = folder.join("nginx");
        fs::create_dir(&folder)?;
        let config = folder.join("nginx.conf");
        fs::write(&config, whole_config(address, servers)?)?;
        let process = Command::new("nginx")
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&config)
            .args(["-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("nginx does not run; `cargo xtask test` installs it")?;
        let mut nginx = Self { process, address };
        let listens = timeout(START, nginx.listens()).await;
        let said = || fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        let listens = listens.unwrap_or_else(|_| Err(anyhow::anyhow!("not within {START:?}")));
        listens.with_context(|| format!("nginx does not listen; it said: {}", said()))?;
        Ok(nginx)
    }

    /// Where it listens, as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn listens(&mut self) -> anyhow::Result<()> {
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.process.try_wait()?;
            anyhow::ensure!(ended.is_none(), "nginx ended with {ended:?}");
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// nginx cannot be told to take any port.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The file for production, with other addresses and without what needs a certificate, in what a
/// process of its own needs around it. One process, so that killing it ends it.
fn whole_config(address: SocketAddr, servers: &[SocketAddr]) -> anyhow::Result<String> {
    Ok(format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log warn;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\naccess_log off;\nclient_body_temp_path body;\nproxy_temp_path proxy;\n\
         fastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n{}\n}}\n",
        adapted(PRODUCTION, address, servers)?
    ))
}

fn adapted(file: &str, address: SocketAddr, servers: &[SocketAddr]) -> anyhow::Result<String> {
    let (file, redirect) = file
        .rsplit_once("\nserver {")
        .context("the last server redirects")?;
    anyhow::ensure!(redirect.contains("return 308"), "the last server redirects");
    let mut adapted = String::new();
    let (mut upstreams, mut listens) = (0, 0);
    for line in file.lines() {
        let word = line.trim_start();
        if let Some(rest) = word.strip_prefix("server 10.0.0.") {
            let (_, parameters) = rest.split_once(' ').context("parameters of a server")?;
            if let Some(server) = servers.get(upstreams) {
                writeln!(adapted, "server {server} {parameters}")?;
            }
            upstreams += 1;
        } else if word.starts_with("listen ") {
            writeln!(adapted, "listen {address};")?;
            listens += 1;
        } else if !word.starts_with("ssl_") {
            writeln!(adapted, "{line}")?;
        }
    }
    anyhow::ensure!(
        (upstreams, listens) == (3, 1) && servers.len() <= upstreams,
        "the file for production has changed: {upstreams} servers, {listens} addresses"
    );
    Ok(adapted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_for_production_is_what_runs_here() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let config = whole_config(address(1), &[address(2), address(3), address(4)]).unwrap();
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
