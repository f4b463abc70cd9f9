//! PostgreSQL's messages on their way: cut before a COMMIT, within it, behind it, or anywhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::lock;
use super::proxy::{Act, Course, Side};

/// Where it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// COMMIT never arrives: the server rolls back.
    Before,
    /// COMMIT arrives by half, as one that is bound and never executed.
    Torn,
    /// COMMIT is on its way, and nobody waits for what comes of it: the server commits, or it does not.
    Sent,
    /// The server has committed, and its answer is lost.
    Answered,
    /// So many messages later, of either side, wherever that is.
    Message(u32),
}

impl At {
    /// Whether it is cut at a COMMIT, and not wherever a message is.
    pub fn is_at_commit(self) -> bool {
        !matches!(self, At::Message(_))
    }
}

/// A cut that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// COMMITs that pass before.
    pub after: u32,
    /// Where.
    pub at: At,
    /// By a reset; else by an end.
    pub reset: bool,
}

/// Cuts the connections of one proxy, one after the other.
pub struct Cutter {
    rng: Rng,
    left: u64,
    next: Cut,
    made: Vec<(At, bool)>,
}

/// The same from every connection, and for the test that looks on.
#[derive(Clone)]
pub struct Scissors(Arc<Mutex<Cutter>>);

/// One connection.
pub struct Wire {
    scissors: Scissors,
    stage: Stage,
    out: Vec<u8>,
    back: Vec<u8>,
    statements: HashMap<Vec<u8>, Vec<u8>>,
    /// What is left to do of a cut that has begun: at the next message of this kind.
    armed: Option<(Cut, Side, u8)>,
    /// Whether the transaction writes a batch, and whether its COMMIT has passed.
    is_batch: bool,
    is_over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Started,
    /// Decided, though perhaps not done: what the other side says meanwhile goes nowhere.
    Cut,
}

/// How many messages a cut at a message may be away: a run's start has fewer, and some commits after it.
const MESSAGES_START: u32 = 20;
const MESSAGES_MAX: u32 = 400;

impl Scissors {
    /// So many cuts at a COMMIT, and some elsewhere between them, at places that follow from a seed.
    pub fn new(seed: u64, cuts: u64) -> Scissors {
        let mut rng = Rng::with_seed(seed);
        let next = Cut::draw(&mut rng);
        Scissors(Arc::new(Mutex::new(Cutter { rng, left: cuts, next, made: Vec::new() })))
    }

    /// One cut, at this place.
    pub fn once(at: At, after: u32, reset: bool) -> Scissors {
        let next = Cut { after, at, reset };
        Scissors(Arc::new(Mutex::new(Cutter { rng: Rng::with_seed(0), left: 1, next, made: Vec::new() })))
    }

    /// The course of one more connection.
    pub fn course(&self) -> Box<dyn Course> {
        Box::new(Wire {
            scissors: self.clone(),
            stage: Stage::New,
            out: Vec::new(),
            back: Vec::new(),
            statements: HashMap::new(),
            armed: None,
            is_batch: false,
            is_over: false,
        })
    }

    /// The cuts that were made, each with whether it hit a batch of a run.
    pub fn made(&self) -> Vec<(At, bool)> {
        lock(&self.0).made.clone()
    }
}

impl Cut {
    fn draw(rng: &mut Rng) -> Cut {
        let at = match rng.u8(0..8) {
            0 | 1 => At::Before,
            2 => At::Torn,
            3 | 4 => At::Sent,
            5 | 6 => At::Answered,
            _ => At::Message(rng.u32(MESSAGES_START..MESSAGES_MAX)),
        };
        // A run's first COMMITs are those of its start, which a cut may end; most are to meet it at work.
        let after = if rng.u8(0..8) == 0 { rng.u32(0..5) } else { rng.u32(5..15) };
        Cut { after, at, reset: rng.bool() }
    }

    fn how(self) -> Act {
        if self.reset { Act::Reset } else { Act::Cut }
    }
}

impl Cutter {
    /// A COMMIT comes by: whether it is the one.
    fn commit(&mut self) -> Option<Cut> {
        if self.left == 0 || !self.next.at.is_at_commit() {
            return None;
        }
        self.next.after = match self.next.after.checked_sub(1) {
            Some(after) => after,
            None => return Some(self.next),
        };
        None
    }

    /// A message comes by: whether it is the one.
    fn message(&mut self) -> Option<Cut> {
        let At::Message(away) = &mut self.next.at else { return None };
        *away = away.saturating_sub(1);
        (self.left > 0 && *away == 0).then_some(self.next)
    }

    fn made(&mut self, cut: Cut, is_batch: bool) {
        self.made.push((cut.at, is_batch));
        self.left -= u64::from(cut.at.is_at_commit());
        self.next = Cut::draw(&mut self.rng);
    }
}

impl Course for Wire {
    fn next(&mut self, from: Side, bytes: &[u8]) -> Vec<Act> {
        if self.stage == Stage::Cut {
            return Vec::new();
        }
        let mut buffer = std::mem::take(if from == Side::Program { &mut self.out } else { &mut self.back });
        buffer.extend_from_slice(bytes);
        let (mut passed, mut acts) = (0, Vec::new());
        while let Some(length) = self.length(from, &buffer[passed..]) {
            let message = &buffer[passed..passed + length];
            if let Some(cut) = self.meets(from, message) {
                self.cut(cut, &mut acts);
                break;
            }
            passed += length;
            if let Some((cut, _, _)) = self.armed.take_if(|(_, _, kind)| *kind == AT_ONCE) {
                self.cut(cut, &mut acts);
                break;
            }
        }
        let rest = buffer.split_off(passed);
        *(if from == Side::Program { &mut self.out } else { &mut self.back }) = rest;
        if passed > 0 {
            acts.insert(0, Act::Pass(buffer));
        }
        acts
    }
}

/// In place of a message's kind: as soon as the present one has passed.
const AT_ONCE: u8 = 0;

impl Wire {
    fn cut(&mut self, cut: Cut, acts: &mut Vec<Act>) {
        self.stage = Stage::Cut;
        lock(&self.scissors.0).made(cut, self.is_batch);
        acts.push(cut.how());
    }

    /// Bytes of the first message, where it is whole. The program's first one has no kind before its length.
    fn length(&mut self, from: Side, bytes: &[u8]) -> Option<usize> {
        let starts = from == Side::Program && self.stage == Stage::New;
        let at = usize::from(!starts);
        let length: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        let length = at + u32::from_be_bytes(length) as usize;
        (bytes.len() >= length).then_some(length)
    }

    /// Looks at a message. Where the cut comes before it, which.
    fn meets(&mut self, from: Side, message: &[u8]) -> Option<Cut> {
        if from == Side::Program && self.stage == Stage::New {
            self.stage = Stage::Started;
            return None;
        }
        let (kind, body) = (message[0], &message[5..]);
        if from == Side::Program && self.is_over && matches!(kind, b'Q' | b'P' | b'B') {
            (self.is_batch, self.is_over) = (false, false);
        }
        if let Some(cut) = lock(&self.scissors.0).message() {
            return Some(cut);
        }
        if let Some((cut, side, awaited)) = self.armed
            && (side, awaited) == (from, kind)
        {
            if cut.at == At::Sent {
                self.armed = Some((cut, side, AT_ONCE));
                return None;
            }
            return Some(cut);
        }
        let sql = if from == Side::Program { self.spoken(kind, body) } else { None }?;
        if sql.starts_with(b"BEGIN") {
            self.is_batch = false;
        }
        self.is_batch |= sql.starts_with(b"UPDATE chainfill_lease SET beat_at");
        if sql != b"COMMIT" {
            return None;
        }
        self.is_over = true;
        let cut = lock(&self.scissors.0).commit()?;
        match (cut.at, kind) {
            (At::Torn, b'B') => self.armed = Some((cut, Side::Program, AT_ONCE)),
            (At::Sent, b'B') => self.armed = Some((cut, Side::Program, b'S')),
            (At::Sent, _) => self.armed = Some((cut, Side::Program, AT_ONCE)),
            (At::Answered, _) => self.armed = Some((cut, Side::Other, b'C')),
            _ => return Some(cut),
        }
        None
    }

    /// The SQL that a message runs, where it is one that does.
    fn spoken(&mut self, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
        let mut texts = body.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        match kind {
            b'Q' => texts.next(),
            b'P' => {
                let (name, sql) = (texts.next()?, texts.next()?);
                self.statements.insert(name, sql);
                None
            }
            b'B' => self.statements.get(&texts.nth(1)?).cloned(),
            _ => None,
        }
    }
}
