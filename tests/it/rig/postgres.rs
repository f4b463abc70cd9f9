//! A private PostgreSQL, started from the machine's own programs on a free port.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::canary;
use super::certificate::Certificate;
use super::home::Home;
use super::volume::Volume;

/// How long a server may take to come up or go down.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `psql` ends with where it has no server, or lost it.
const PSQL_NO_CONNECTION: i32 = 2;

/// Where Linux does not take the ports of outgoing connections from, so that the port is still free when a server
/// that was killed comes back to it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

const WHAT_TO_DO: &str = "run scripts/prepare, which says what is missing";

/// A server of this test's own. It is ended, and every trace of it removed, when this is dropped.
pub struct Postgres {
    server: Option<Child>,
    port: u16,
    settings: Vec<String>,
    databases: AtomicU32,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    /// What stands before the server's name, so that it sees a small file system.
    inside: Vec<String>,
    home: Home,
}

impl Postgres {
    /// A server that trusts the disk's cache, which outlives SIGKILL and not a power cut: what most tests need.
    pub fn start() -> Postgres {
        Postgres::start_with(&["fsync=off"])
    }

    /// A server with settings of postgresql.conf, such as `fsync=on` or `max_connections=20`.
    pub fn start_with(settings: &[&str]) -> Postgres {
        Postgres::launch(settings, None)
    }

    /// A server that sees a small file system; its own files are elsewhere, but its log of what it writes is there
    /// where that is wanted.
    pub fn start_on(volume: &Volume, settings: &[&str], with_its_log: bool) -> Postgres {
        Postgres::launch(settings, Some((volume, with_its_log)))
    }

    fn launch(settings: &[&str], on: Option<(&Volume, bool)>) -> Postgres {
        let programs = programs();
        let user = server_user();
        let home = Home::new("chainfill-pg-");
        give(home.path(), user);
        let data = home.path().join("data");
        copy(&template(&programs, user), &data);
        if let Some((volume, true)) = on {
            copy(&data.join("pg_wal"), &volume.seen("wal"));
            fs::remove_dir_all(data.join("pg_wal")).expect("the log is moved");
            std::os::unix::fs::symlink(volume.path().join("wal"), data.join("pg_wal")).expect("a link");
        }
        let inside = on.map_or_else(Vec::new, |(volume, _)| volume.inside(home.path()));
        let settings = settings.iter().map(|s| (*s).to_owned()).collect();
        let databases = AtomicU32::new(0);
        let mut pg = Postgres { server: None, port: 0, settings, databases, programs, user, inside, home };
        for _ in 0..20 {
            pg.port = free_port();
            // Another test may take the port between the look and the start: then the server ends at once.
            if pg.try_start() {
                return pg;
            }
        }
        panic!("PostgreSQL does not start:\n{}", pg.log());
    }

    /// A server that speaks TLS with this certificate, and writes down who connected.
    pub fn start_with_tls(certificate: &Certificate) -> Postgres {
        // The key must be the server's own.
        let home = Home::new("chainfill-pg-tls-");
        let user = server_user();
        give(home.path(), user);
        let (cert, key) = (home.path().join("server.crt"), home.path().join("server.key"));
        for (from, to) in [(&certificate.cert, &cert), (&certificate.key, &key)] {
            fs::copy(from, to).expect("a copy");
            fs::set_permissions(to, fs::Permissions::from_mode(0o600)).expect("permissions");
            give(to, user);
        }
        let files = [format!("ssl_cert_file={}", cert.display()), format!("ssl_key_file={}", key.display())];
        let pg = Postgres::start_with(&["fsync=off", "ssl=on", "log_connections=on", &files[0], &files[1]]);
        drop(home);
        pg
    }

    /// A fresh database's URL: `postgres://postgres@127.0.0.1:PORT/dbN`.
    pub fn database(&self) -> String {
        let name = format!("db{}", self.databases.fetch_add(1, Ordering::Relaxed) + 1);
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The same with its tables on a small file system that this server sees.
    pub fn database_on(&self, volume: &Volume) -> String {
        fs::create_dir(volume.seen("tables")).expect("a folder");
        give(&volume.seen("tables"), self.user);
        let place = volume.path().join("tables");
        self.psql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
        let url = self.database();
        let name = url.rsplit('/').next().unwrap_or(&url);
        self.psql("postgres", &format!("ALTER DATABASE {name} SET TABLESPACE small"));
        url
    }

    /// What `psql -X -A -t` prints for a statement, without the last newline. `db` is a name or a URL.
    pub fn psql(&self, db: &str, sql: &str) -> String {
        let url = if db.contains("://") { db.to_owned() } else { self.url(db) };
        let mut psql = Command::new(self.program("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", sql]);
        psql.env("PGCONNECT_TIMEOUT", "10").stdin(Stdio::null());
        let start = Instant::now();
        let mut out = psql.output().expect("psql starts");
        // A server that goes down and up again, because a backend of it was killed, says so to whoever comes between.
        while out.status.code() == Some(PSQL_NO_CONNECTION) && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
            out = psql.output().expect("psql starts");
        }
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "psql {db}: {sql}\n{said}\n{}", self.log());
        String::from_utf8(out.stdout).expect("psql prints UTF-8").trim_end_matches('\n').to_owned()
    }

    /// The port on 127.0.0.1, the same after [`Postgres::start_again`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// One of PostgreSQL's own programs, of the server's version: `psql`, `pg_dump`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// The directory of its Unix socket, for `host=` in a connection string.
    pub fn socket_dir(&self) -> &Path {
        self.home.path()
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Ends it as an operator's restart does: clients are cut off with a word, everything is written.
    pub fn stop_fast(&mut self) {
        self.end(|server| signal(server.id(), Signal::INT));
    }

    /// Ends it as a crash does: SIGKILL for the server and each of its backends, no word to any client.
    pub fn kill_server(&mut self) {
        self.end(|server| {
            let backends = children_of(server.id());
            signal(server.id(), Signal::KILL);
            for backend in backends {
                signal(backend, Signal::KILL);
            }
        });
    }

    /// Starts it again on the same port with the same data, and waits until it takes connections.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server still runs: stop_fast or kill_server first");
        let start = Instant::now();
        // Right after a kill a dying backend may hold the shared memory, which the new server refuses to share.
        while !self.try_start() {
            assert!(start.elapsed() < PATIENCE, "PostgreSQL does not start again:\n{}", self.log());
        }
    }

    /// Waits until it takes connections again after a crash of its own; starts it where it did not get up by itself.
    pub fn recover(&mut self) {
        let start = Instant::now();
        while !self.takes_connections() {
            assert!(start.elapsed() < PATIENCE, "PostgreSQL does not recover:\n{}", self.log());
            if self.server.as_mut().is_some_and(|server| server.try_wait().expect("a child").is_some()) {
                self.end(|_| ());
                self.start_again();
            }
        }
    }

    /// Cuts every connection to a database (a name or a URL), as an operator does. Says how many there were.
    pub fn kill_backends(&self, db: &str) -> u32 {
        let name = db.rsplit('/').next().unwrap_or(db);
        let sql = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity \
                   WHERE pid <> pg_backend_pid() AND datname = ";
        let count = self.psql("postgres", &format!("{sql}'{name}'"));
        count.parse().expect("a count")
    }

    /// Whether it takes connections: one that lost a backend restarts the others, and refuses meanwhile.
    pub fn takes_connections(&self) -> bool {
        let mut command = Command::new(self.program("psql"));
        command.args(["-X", "-q", "-d", &self.url("postgres"), "-c", "SELECT 1"]).env("PGCONNECT_TIMEOUT", "10");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("psql starts").success()
    }

    fn url(&self, db: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{db}", self.port)
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// Whether the server came up; where it did not it has ended.
    fn try_start(&mut self) -> bool {
        let (data, socket_dir) = (self.home.path().join("data"), self.home.path());
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let mut command = self.server_command();
        command.arg("-D").arg(&data).args(["-p", &self.port.to_string()]);
        let sockets = format!("unix_socket_directories={}", socket_dir.display());
        // Memory in files of its own directory: what SIGKILL leaves in /dev/shm nobody would remove.
        let fixed = ["listen_addresses=127.0.0.1", &sockets, "dynamic_shared_memory_type=mmap", "shared_buffers=16MB"];
        for setting in fixed.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command.current_dir(socket_dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        // A direct child: a server that is killed is reaped here and never stays a zombie.
        let mut server = command.spawn().expect("postgres starts");
        self.home.guard(Some(server.id()));
        let start = Instant::now();
        loop {
            if is_ready(&data, server.id()) {
                self.server = Some(server);
                return true;
            }
            if server.try_wait().expect("a child can be waited for").is_some() {
                self.home.guard(None);
                return false;
            }
            if start.elapsed() > PATIENCE {
                self.server = Some(server);
                panic!("PostgreSQL does not come up:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The server's program as its user; only root can enter a mount, so there the user is changed behind that.
    fn server_command(&self) -> Command {
        let program = self.program("postgres");
        let Some((first, rest)) = self.inside.split_first() else {
            let mut command = Command::new(program);
            as_user(&mut command, self.user);
            return command;
        };
        let mut command = Command::new(first);
        command.args(rest);
        if let Some((uid, gid)) = self.user {
            command.args(["setpriv", &format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups"]);
        }
        command.arg(program);
        command
    }

    /// What is stored, as text: in its files long values are compressed. A server that a test has frozen or filled gives none.
    fn listen_to_dump(&self) {
        if canary::is_given() {
            let mut dump = Command::new(self.program("pg_dumpall"));
            dump.arg("--host").arg(self.socket_dir()).args([
                "--username=postgres",
                "--no-password",
                "--lock-wait-timeout=1000",
            ]);
            dump.env("PGCONNECT_TIMEOUT", "2").stdin(Stdio::null()).stderr(Stdio::null());
            canary::listen("a dump of the databases", &dump.output().map(|dump| dump.stdout).unwrap_or_default());
        }
    }

    fn end(&mut self, how: impl FnOnce(&Child)) {
        let mut server = self.server.take().expect("the server runs");
        how(&server);
        server.wait().expect("a child can be waited for");
        self.home.guard(None);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.listen_to_dump();
            self.end(|server| signal(server.id(), Signal::QUIT));
        }
        // Tables, write-ahead log, the server's own log (I9).
        canary::none_in(self.home.path());
    }
}

/// Whether this very server, and not one that died before it, wrote that it takes connections.
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    lines.next() == Some(&pid.to_string()) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

/// A data directory that initdb made once for this machine: copying it is five times quicker than making it.
fn template(programs: &Path, user: Option<(u32, u32)>) -> PathBuf {
    let version = Command::new(programs.join("postgres")).arg("--version").output().expect("postgres starts").stdout;
    let version: String = String::from_utf8_lossy(&version).chars().filter(char::is_ascii_alphanumeric).collect();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(cache).expect("target/tmp");
    let owner = user.map_or_else(|| rustix::process::getuid().as_raw(), |(uid, _)| uid);
    let done = cache.join(format!("{version}-{owner}"));
    // Every test is a process of its own: the first one makes the template, the others wait for it.
    let lock = File::create(cache.join("postgres.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    if done.exists() {
        return done;
    }
    // The server's user may not be able to reach target/, so it is made elsewhere and copied there.
    let home = Home::new("chainfill-pg-template-");
    give(home.path(), user);
    let data = home.path().join("data");
    let mut command = Command::new(programs.join("initdb"));
    command.arg("-D").arg(&data);
    command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    command.args(["--no-sync", "--wal-segsize=1"]).current_dir(home.path());
    let out = as_user(&mut command, user).stdin(Stdio::null()).output().expect("initdb starts");
    assert!(out.status.success(), "initdb failed: {}", String::from_utf8_lossy(&out.stderr));
    let partial = cache.join(format!("{version}-{owner}.partial"));
    let _ = fs::remove_dir_all(&partial);
    copy(&data, &partial);
    fs::rename(&partial, &done).expect("the template is put in place");
    done
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-Rp").arg(from).arg(to).status().expect("cp starts");
    assert!(status.success(), "cp {} {}: {status}", from.display(), to.display());
}

/// The folder with initdb, postgres and psql; the same places, in the same order, as scripts/prepare.
fn programs() -> PathBuf {
    let mut dirs: Vec<PathBuf> = std::env::var_os("CHAINFILL_PG_BIN").map(PathBuf::from).into_iter().collect();
    for (parent, prefix) in
        [("/usr/lib/postgresql", ""), ("/usr/local/opt", "postgresql"), ("/opt/homebrew/opt", "postgresql")]
    {
        let mut found: Vec<PathBuf> = fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(|entry| entry.path().join("bin"))
            .collect();
        // The newest first; `9.6` is old, whatever the alphabet says.
        found.sort_by_key(|dir| (dir.as_os_str().len(), dir.clone()));
        dirs.extend(found.into_iter().rev());
    }
    dirs.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let has_all = |dir: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|program| dir.join(program).is_file());
    dirs.into_iter().find(has_all).unwrap_or_else(|| panic!("PostgreSQL's programs are not found: {WHAT_TO_DO}"))
}

/// Whom to run the server as: PostgreSQL refuses root. `None` where this user will do.
pub(super) fn server_user() -> Option<(u32, u32)> {
    if !rustix::process::getuid().is_root() {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let find = |name: &str| {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2).map(str::parse);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    assert!(user.is_some(), "there is no user to run PostgreSQL as, and it refuses root: {WHAT_TO_DO}");
    user
}

pub(super) fn as_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((uid, gid)) => command.uid(uid).gid(gid),
        None => command,
    }
}

pub(super) fn give(dir: &Path, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        chown(dir, Some(uid), Some(gid)).expect("root may give a directory away");
    }
}

pub(super) fn free_port() -> u16 {
    std::iter::repeat_with(|| fastrand::u16(PORTS))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// The processes whose parent this is. Where there is no /proc they are not found, and end by themselves a moment
/// later.
fn children_of(parent: u32) -> Vec<u32> {
    let stat_of = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("stat")).ok();
    let child = |stat: String| {
        let pid = stat.split(' ').next()?.parse().ok()?;
        let its_parent: u32 = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        (its_parent == parent).then_some(pid)
    };
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(stat_of).filter_map(child).collect()
}
