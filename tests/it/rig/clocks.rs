//! The machine's clocks in a test's hand: a preloaded shim for the real program, and the same world for the vendor.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chainfill::clock::{Clock as _, SystemClock};
use chainfill::domain::moment::Moment;
use tempfile::TempDir;

use super::program::Program;

/// A machine whose clocks can be moved, and the world around it.
pub struct Clocks {
    dir: TempDir,
    clock: SystemClock,
    /// How much later it is in the world than it was without the test.
    world_ms: Arc<AtomicI64>,
    wall_ms: i64,
    boot_ms: i64,
}

impl Clocks {
    /// The true clocks; `None`, told as skipped, where no shim can be made or preloaded.
    pub fn new() -> Option<Clocks> {
        let dir = tempfile::Builder::new().prefix("chainfill-clocks-").tempdir().expect("a temporary directory");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/rig/clock_shim.c");
        let mut made = Command::new("cc");
        made.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(dir.path().join("shim.so")).arg(source);
        let there = cfg!(target_os = "linux")
            && made.output().is_ok_and(|out| {
                assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
                true
            });
        if !there {
            super::skipped("no `cc` that makes a library to preload; clocks are moved in simulated time only");
            return None;
        }
        let clocks = Clocks { dir, clock: SystemClock::start(), world_ms: Arc::default(), wall_ms: 0, boot_ms: 0 };
        fs::write(clocks.file("clocks"), [0; 16]).expect("a file");
        fs::write(clocks.file("boot"), "boot-1\n").expect("a file");
        Some(clocks)
    }

    /// A program on this machine.
    pub fn over<'a>(&self, program: Program<'a>) -> Program<'a> {
        self.variables().iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// What a program's environment must hold to be on this machine.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        let path = |name: &str| self.file(name).display().to_string();
        [
            ("LD_PRELOAD", path("shim.so")),
            ("CHAINFILL_SHIM_CLOCKS", path("clocks")),
            ("CHAINFILL_SHIM_BOOT", path("boot")),
        ]
    }

    /// The world's time, for the vendor.
    pub fn world(&self) -> impl Fn() -> Moment + Send + Sync + 'static {
        let (clock, world_ms) = (self.clock, Arc::clone(&self.world_ms));
        move || clock.now() + world_ms.load(Ordering::SeqCst)
    }

    /// The machine sleeps for so long: both clocks go on, timers do not.
    pub fn suspend(&mut self, ms: i64) {
        self.world_ms.fetch_add(ms, Ordering::SeqCst);
        self.boot_ms += ms;
        self.wall_ms += ms;
        self.write();
    }

    /// Somebody sets the wall clock.
    pub fn step(&mut self, ms: i64) {
        self.wall_ms += ms;
        self.write();
    }

    /// The machine goes down and is up again so much later. No program may be running on it.
    pub fn reboot(&mut self, ms: i64) {
        self.world_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms += ms;
        let up = SystemClock::start();
        // Up for twenty seconds.
        self.boot_ms = 20_000 - (up.now().0 - up.offset_ms());
        self.write();
        fs::write(self.file("boot"), "boot-2\n").expect("a file");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// In one write: no program may see one clock moved and the other not yet.
    fn write(&self) {
        let file = fs::File::options().write(true).open(self.file("clocks")).expect("the clocks");
        let bytes = [self.wall_ms.to_ne_bytes(), self.boot_ms.to_ne_bytes()].concat();
        file.write_all_at(&bytes, 0).expect("the clocks move");
    }
}
