//! A TCP proxy in this process, between the program and whomever it speaks to: what goes wrong on the way.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{canary, lock};

/// Connections that one proxy holds at once; more are reset.
const ROADS_MAX: usize = 256;

/// How long a peer that takes nothing may hold a thread.
const WRITE_MAX: Duration = Duration::from_secs(60);

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The program's, on their way to the other.
    Program,
    /// The other's, on their way back.
    Other,
}

/// What happens on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// These go on.
    Pass(Vec<u8>),
    /// These go on a byte at a time, with a pause after each.
    Drip(Vec<u8>, Duration),
    /// For so long nothing goes on.
    Stall(Duration),
    /// Both sides are closed, as a program's end does (FIN).
    Cut,
    /// Both sides are reset (RST).
    Reset,
    /// Nothing goes on any more, either way, and nobody is told: a black hole.
    Lose,
    /// The other side is gone, the program is not told, and whatever it says next is answered with a reset: half-open.
    Forget,
}

/// What one connection meets. It sees the bytes of both sides, in the order in which they come.
pub trait Course: Send {
    /// What happens to these.
    fn next(&mut self, from: Side, bytes: &[u8]) -> Vec<Act>;
}

/// A way on which nothing happens.
pub struct Plain;

/// A proxy that listens on 127.0.0.1. Its connections end when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    to: SocketAddr,
    ends: AtomicBool,
    link: AtomicU8,
    accepted: AtomicU64,
    roads: Mutex<Vec<Arc<Road>>>,
}

/// One connection with its two halves.
struct Road {
    program: TcpStream,
    other: TcpStream,
    course: Mutex<Box<dyn Course>>,
    state: AtomicU8,
}

const UP: u8 = 0;
const DOWN: u8 = 1;
const LOST: u8 = 2;

const OPEN: u8 = 0;
const DEAD: u8 = 1;
const DEAF: u8 = 2;
const HALF_OPEN: u8 = 3;

impl Course for Plain {
    fn next(&mut self, _: Side, bytes: &[u8]) -> Vec<Act> {
        vec![Act::Pass(bytes.to_vec())]
    }
}

impl Proxy {
    /// Starts one before a port of 127.0.0.1; each connection, the first is 0, gets a course of its own.
    pub fn start(to: u16, mut course: impl FnMut(u64) -> Box<dyn Course> + Send + 'static) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            to: SocketAddr::from(([127, 0, 0, 1], to)),
            ends: AtomicBool::new(false),
            link: AtomicU8::new(UP),
            accepted: AtomicU64::new(0),
            roads: Mutex::new(Vec::new()),
        });
        let its = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for program in listener.incoming() {
                if its.ends.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(program) = program else { continue };
                let number = its.accepted.fetch_add(1, Ordering::SeqCst);
                its.take(program, || course(number));
            }
        });
        Proxy { port, shared, thread: Some(thread) }
    }

    /// A URL with this port in place of the other's.
    pub fn through(&self, url: &str) -> String {
        let to = format!("127.0.0.1:{}", self.shared.to.port());
        assert!(url.contains(&to), "{url} does not lead to {to}");
        url.replace(&to, &format!("127.0.0.1:{}", self.port))
    }

    /// Connections that it took.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// The link is down: what is open is reset, and so is whatever is opened.
    pub fn down(&self) {
        self.shared.link.store(DOWN, Ordering::SeqCst);
        self.shared.each(Road::reset);
    }

    /// The link swallows everything, and tells nobody.
    pub fn lose(&self) {
        self.shared.link.store(LOST, Ordering::SeqCst);
        self.shared.each(|road| road.state.store(DEAF, Ordering::SeqCst));
    }

    /// The link is back. What was lost stays lost.
    pub fn up(&self) {
        self.shared.link.store(UP, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.each(Road::reset);
    }
}

impl Shared {
    fn take(self: &Arc<Shared>, program: TcpStream, course: impl FnOnce() -> Box<dyn Course>) {
        let link = self.link.load(Ordering::SeqCst);
        let other = if link == DOWN { None } else { TcpStream::connect(self.to).ok() };
        let Some(other) = other.filter(|_| self.roads().len() < ROADS_MAX) else {
            abort(&program);
            return;
        };
        for half in [&program, &other] {
            let _ = half.set_nodelay(true);
            let _ = half.set_write_timeout(Some(WRITE_MAX));
        }
        let state = AtomicU8::new(if link == LOST { DEAF } else { OPEN });
        let road = Arc::new(Road { program, other, course: Mutex::new(course()), state });
        self.roads().push(Arc::clone(&road));
        for side in [Side::Program, Side::Other] {
            let (road, shared) = (Arc::clone(&road), Arc::clone(self));
            std::thread::spawn(move || {
                road.carry(side);
                // What a black hole took stays open at the other's side, as it does where a host vanishes.
                if road.state.load(Ordering::SeqCst) != DEAF {
                    shared.roads().retain(|kept| !Arc::ptr_eq(kept, &road));
                }
            });
        }
    }

    fn each(&self, act: impl Fn(&Road)) {
        let roads = std::mem::take(&mut *self.roads());
        for road in &roads {
            act(road);
        }
        if self.link.load(Ordering::SeqCst) == LOST {
            self.roads().extend(roads);
        }
    }

    fn roads(&self) -> MutexGuard<'_, Vec<Arc<Road>>> {
        lock(&self.roads)
    }
}

impl Road {
    /// Carries one side's bytes until there are no more.
    fn carry(&self, side: Side) {
        let (mut from, to) = match side {
            Side::Program => (&self.program, &self.other),
            Side::Other => (&self.other, &self.program),
        };
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            match (self.state.load(Ordering::SeqCst), count) {
                (DEAD, _) => return,
                (DEAF, 0) => return,
                (DEAF, _) => continue,
                // The other's end was ours; the program's end is an end.
                (HALF_OPEN, 0) if side == Side::Other => return,
                (HALF_OPEN, _) => return self.reset(),
                (_, 0) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                _ => {}
            }
            canary::listen_to_link(&buffer[..count]);
            let acts = lock(&self.course).next(side, &buffer[..count]);
            for act in acts {
                if !self.act(act, to) {
                    break;
                }
            }
        }
    }

    /// Whether anything may come after it.
    fn act(&self, act: Act, mut to: &TcpStream) -> bool {
        match act {
            Act::Pass(bytes) => return to.write_all(&bytes).is_ok(),
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    if self.state.load(Ordering::SeqCst) != OPEN || to.write_all(&[byte]).is_err() {
                        return false;
                    }
                    std::thread::sleep(pause);
                }
                return true;
            }
            Act::Stall(span) => {
                std::thread::sleep(span);
                return self.state.load(Ordering::SeqCst) == OPEN;
            }
            Act::Cut => {
                self.state.store(DEAD, Ordering::SeqCst);
                for half in [&self.program, &self.other] {
                    let _ = half.shutdown(Shutdown::Both);
                }
            }
            Act::Reset => self.reset(),
            Act::Lose => self.state.store(DEAF, Ordering::SeqCst),
            Act::Forget => {
                self.state.store(HALF_OPEN, Ordering::SeqCst);
                let _ = self.other.shutdown(Shutdown::Both);
            }
        }
        false
    }

    fn reset(&self) {
        self.state.store(DEAD, Ordering::SeqCst);
        abort(&self.program);
        abort(&self.other);
    }
}

/// Its last close sends a reset; whoever reads from it is woken, and closes it.
fn abort(half: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(half, Some(Duration::ZERO));
    let _ = half.shutdown(Shutdown::Read);
}
