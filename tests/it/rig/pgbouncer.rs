//! A private PgBouncer before a private PostgreSQL.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::canary;
use super::home::Home;
use super::postgres::{Postgres, as_user, free_port, give, server_user, signal};

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sessions of the server that its clients share: few, so that they do.
const POOL: u32 = 3;

/// A pooler. It is ended when this is dropped, and also when the test is killed.
pub struct PgBouncer {
    pooler: Option<Child>,
    port: u16,
    home: Home,
}

impl PgBouncer {
    /// Starts one that shares by `transaction` or by `session`.
    pub fn start(pg: &Postgres, mode: &str) -> PgBouncer {
        let (home, user) = (Home::new("chainfill-pgb-"), server_user());
        // Its user may not be able to reach .tools, so the program and its libraries go where it is.
        let program = program();
        let beside = program.parent().filter(|folder| folder.ends_with(".tools/pgbouncer"));
        for file in beside.into_iter().flat_map(|folder| fs::read_dir(folder).expect("a folder").flatten()) {
            fs::copy(file.path(), home.path().join(file.file_name())).expect("a copy");
        }
        let program = if beside.is_some() { home.path().join("pgbouncer") } else { program };
        give(home.path(), user);
        let mut pooler = PgBouncer { pooler: None, port: 0, home };
        for _ in 0..20 {
            pooler.port = free_port();
            if pooler.try_start(&program, pg.port(), mode) {
                return pooler;
            }
        }
        panic!("PgBouncer does not start:\n{}", pooler.log());
    }

    /// The URL of a database by way of it.
    pub fn through(&self, pg: &Postgres, url: &str) -> String {
        url.replace(&format!("127.0.0.1:{}", pg.port()), &format!("127.0.0.1:{}", self.port))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Whether it came up; where it did not, because another test took the port, it has ended.
    fn try_start(&mut self, program: &Path, server_port: u16, mode: &str) -> bool {
        let home = self.home.path().to_owned();
        let settings = home.join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {POOL}\n\
             max_client_conn = 500\nunix_socket_dir =\n",
            self.port
        );
        fs::write(&settings, text).expect("its settings");
        let log = File::create(home.join("log")).expect("a log");
        let mut command = Command::new(program);
        command.arg(&settings).current_dir(&home).env("LD_LIBRARY_PATH", &home);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = as_user(&mut command, server_user()).spawn().expect("pgbouncer starts");
        self.home.guard(Some(child.id()));
        let start = Instant::now();
        while start.elapsed() < PATIENCE && child.try_wait().expect("a child can be waited for").is_none() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                self.pooler = Some(child);
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        end(child);
        self.home.guard(None);
        false
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some(pooler) = self.pooler.take() {
            end(pooler);
            self.home.guard(None);
        }
        canary::none_in(self.home.path());
    }
}

fn end(mut pooler: Child) {
    signal(pooler.id(), Signal::KILL);
    let _ = pooler.wait();
}

/// Where it is: named by a variable, in the folder that scripts/prepare fills, or in PATH.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("CHAINFILL_PGBOUNCER") {
        return named.into();
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/pgbouncer/pgbouncer");
    if own.exists() { own } else { "pgbouncer".into() }
}
