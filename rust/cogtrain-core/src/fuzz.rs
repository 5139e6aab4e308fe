//! Damaged input for everything that reads foreign bytes: an error or a value, never a panic.
//!
//! Mutation without feedback, but with knowledge of the formats: bytes are [`cut`] up, the trees of
//! JSON texts are [`graft`]ed. Input number `n` of a target is always the same. `make fuzz` runs it
//! for longer: `COGTRAIN_FUZZ_S` seconds per target, or of the one named by `COGTRAIN_FUZZ_TARGET`,
//! from the input of number `COGTRAIN_FUZZ_FROM` on.

mod tree;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Stream;
pub use tree::graft;

/// What reads bytes, with examples of what it expects and a way to make checksums fit.
pub struct Target {
    pub name: &'static str,
    pub seeds: Vec<Vec<u8>>,
    pub damage: fn(&[Vec<u8>], &mut Dice) -> Vec<u8>,
    pub mend: fn(&mut [u8]),
    pub read: fn(&[u8]),
}

/// Where damage comes from.
pub struct Dice(Stream);

impl Dice {
    /// A whole number from 0, below `n` (0 if that is 0).
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n.max(1) as u64) as usize
    }

    /// One of `choices`, which is not empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// Numbers that counts and lengths go wrong at.
const EDGES: [u64; 12] = [
    0,
    1,
    7,
    127,
    128,
    255,
    256,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// Longest input: what is to be found does not need more.
const LONGEST: usize = 1 << 14;

fn input(target: &Target, number: u64) -> Vec<u8> {
    let mut dice = Dice(Stream::new(0, target.name, number));
    let mut bytes = (target.damage)(&target.seeds, &mut dice);
    bytes.truncate(LONGEST);
    if dice.below(4) > 0 {
        (target.mend)(&mut bytes);
    }
    bytes
}

/// One of `seeds` with some bytes changed, cut out, put in or taken from another.
pub fn cut(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(seeds).clone();
    for _ in 0..=dice.below(5) {
        let at = dice.below(bytes.len());
        match dice.below(8) {
            _ if bytes.is_empty() => bytes.push(dice.below(256) as u8),
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = dice.below(256) as u8,
            2 => write_edge(&mut bytes, at, *dice.pick(&EDGES), dice.below(6)),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..(at + 1 + dice.below(64)).min(bytes.len()))),
            5 => {
                let piece = bytes[at..(at + 1 + dice.below(600)).min(bytes.len())].to_vec();
                let to = dice.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => {
                let other = dice.pick(seeds);
                let from = dice.below(other.len());
                let piece = other[from..(from + 1 + dice.below(600)).min(other.len())].to_vec();
                bytes.splice(at..(at + piece.len()).min(bytes.len()), piece);
            }
            _ => bytes[at] = *dice.pick(b"0123456789 \0{}[]\",:=/.-"),
        }
    }
    bytes
}

fn write_edge(bytes: &mut [u8], at: usize, edge: u64, form: usize) {
    let (big, little) = (edge.to_be_bytes(), edge.to_le_bytes());
    let piece = match form {
        0 => &big[6..],
        1 => &big[4..],
        2 => &big[..],
        3 => &little[..2],
        4 => &little[..4],
        _ => &little[..3],
    };
    for (byte, &new) in bytes[at..].iter_mut().zip(piece) {
        *byte = new;
    }
}

/// For what has no checksum.
pub fn leave(_: &mut [u8]) {}

/// A folder of this process, in memory where the system offers that.
pub fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = root.join(format!("cogtrain-fuzz-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("writable");
    folder
}

/// Runs `target` from input `first` on until `enough` says so; gives how many inputs, and the
/// slowest with its number.
pub fn run(target: &Target, first: u64, enough: impl Fn(u64) -> bool) -> (u64, (Duration, u64)) {
    let (mut number, mut slowest) = (first, (Duration::ZERO, first));
    while !enough(number - first) {
        let bytes = input(target, number);
        let start = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| (target.read)(&bytes))).is_err() {
            let path = scratch("found").join(format!("{}-{number}", target.name));
            std::fs::write(&path, &bytes).expect("writable");
            panic!("target {} panics on {}", target.name, path.display());
        }
        slowest = slowest.max((start.elapsed(), number));
        number += 1;
    }
    (number - first, slowest)
}

/// The number that a variable of the environment holds, or the one given.
fn told(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs each of `targets` for as long as the environment says, and prints what it did.
#[allow(clippy::print_stdout)]
pub fn run_for(targets: &[Target]) {
    let limit = Duration::from_secs(told("COGTRAIN_FUZZ_S", 30));
    let first = told("COGTRAIN_FUZZ_FROM", 0);
    let only = std::env::var("COGTRAIN_FUZZ_TARGET").ok();
    for target in targets {
        if only.as_deref().is_some_and(|only| only != target.name) {
            continue;
        }
        let start = Instant::now();
        let (executions, (slowest, number)) = run(target, first, |_| start.elapsed() >= limit);
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{:<13} {executions:>9} executions in {seconds:.1} s, no panic, \
             slowest {:.6} s (number {number})",
            target.name,
            slowest.as_secs_f64()
        );
    }
}
