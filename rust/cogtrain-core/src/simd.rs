//! One source, compiled for several instruction sets; which one runs is chosen at run time.
//!
//! A [`Kernel`] is plain Rust over arrays as wide as a register. [`Body::run`] inlines it into a
//! function that may use one more instruction set, and the compiler turns the arrays into that
//! set's registers. It neither reorders nor fuses floating-point operations by itself, so that every
//! body gives the same bits.
//!
//! Beside it, what plain Rust cannot say: a square of bytes turned by interleaving
//! ([`transpose`]), and writing past the caches ([`bypassing`]). And casts of many numbers at a time
//! ([`cut`]): a plain one has bounds that compilers check number by number.

#![allow(unsafe_code)]

/// Names the body that a process uses, to check that all give the same bytes.
const CHOICE: &str = "COGTRAIN_SIMD";

/// Work to be compiled once per body; `run` and all it calls should be `#[inline(always)]`.
pub trait Kernel {
    type Out;
    fn run(self) -> Self::Out;
}

/// An instruction set that this machine has: only [`Body::all`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// What every machine of the target has: SSE2 on `x86_64`, NEON on `aarch64`.
    Base,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Body {
    /// The bodies that can run here, narrowest first.
    pub fn all() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut all = vec![Self(Set::Base)];
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            let has_avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            if has_avx2 {
                all.push(Self(Set::Avx2));
            }
            if has_avx2 && has_avx512 {
                all.push(Self(Set::Avx512));
            }
        }
        all
    }

    /// The widest body that can run here, or the one named by [`CHOICE`].
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<Body> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::chosen(std::env::var(CHOICE).ok().as_deref()))
    }

    /// The body called `name` if it can run here, else the widest.
    fn chosen(name: Option<&str>) -> Self {
        let all = Self::all();
        let named = all.iter().find(|body| Some(body.name()) == name);
        *named.or(all.last()).expect("the base is always there")
    }

    /// `base`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Base => "base",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// Whether `f32::mul_add` is one instruction here, and not a call.
    pub(crate) fn fuses(self) -> bool {
        self.0 != Set::Base || cfg!(any(target_arch = "aarch64", target_feature = "fma"))
    }

    /// Runs `kernel` as compiled for this body.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Out {
        match self.0 {
            Set::Base => kernel.run(),
            // SAFETY: the set is private and `all` makes this value only after the processor has
            // said that it has every feature that the function enables.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<K: Kernel>(kernel: K) -> K::Out {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<K: Kernel>(kernel: K) -> K::Out {
    kernel.run()
}

/// `x as i32` of a number, cut towards zero and bounded; unlike a cast, of many at a time. What is
/// not a number gives any.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
pub(crate) fn cut(x: f32) -> i32 {
    const LOWEST: f32 = i32::MIN as f32;
    // The number before 2³¹.
    const HIGHEST: f32 = 2_147_483_520.0;
    let above = if x > LOWEST { x } else { LOWEST };
    let within = if above < HIGHEST { above } else { HIGHEST };
    // SAFETY: between the bounds, which an `i32` can hold; a comparison with what is not a number
    // is false, so that it became the lower one.
    let whole = unsafe { within.to_int_unchecked::<i32>() };
    if x > HIGHEST { i32::MAX } else { whole }
}

/// Sixteen rows of sixteen bytes.
pub(crate) type Tile = [[u8; 16]; 16];

/// `tile` with rows and columns exchanged: four rounds, each of which interleaves the upper half of
/// the rows with the lower.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
pub(crate) fn transpose(tile: Tile) -> Tile {
    use std::arch::x86_64::{__m128i, _mm_unpackhi_epi8, _mm_unpacklo_epi8};
    let mut rows: [__m128i; 16] = bytemuck::cast(tile);
    for _ in 0..4 {
        let (upper, lower) = rows.split_at(8);
        let mut mixed = rows;
        for (pair, (upper, lower)) in mixed.chunks_exact_mut(2).zip(upper.iter().zip(lower)) {
            // SAFETY: every x86-64 has SSE2.
            (pair[0], pair[1]) = unsafe {
                (
                    _mm_unpacklo_epi8(*upper, *lower),
                    _mm_unpackhi_epi8(*upper, *lower),
                )
            };
        }
        rows = mixed;
    }
    bytemuck::cast(rows)
}

/// `tile` with rows and columns exchanged.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled anew for each instruction set"
)]
pub(crate) fn transpose(tile: Tile) -> Tile {
    std::array::from_fn(|row| std::array::from_fn(|column| tile[column][row]))
}

/// The right to write past the caches, for what nobody reads soon.
pub(crate) struct Bypass(());

/// Runs `work`, and waits until all that it wrote past the caches is there for other threads.
pub(crate) fn bypassing<T>(work: impl FnOnce(&Bypass) -> T) -> T {
    work(&Bypass(()))
}

impl Drop for Bypass {
    fn drop(&mut self) {
        // SAFETY: every x86-64 has SSE.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            std::arch::x86_64::_mm_sfence();
        }
    }
}

impl Bypass {
    /// Copies `from` to `to`, of the same length; whole cache lines of it past the caches.
    #[expect(
        clippy::unused_self,
        reason = "whoever has one will wait for what was written"
    )]
    pub(crate) fn copy(&self, from: &[u8], to: &mut [u8]) {
        const LINE: usize = 64;
        assert_eq!(from.len(), to.len(), "a place for every byte");
        let before = to.as_ptr().align_offset(LINE).min(to.len());
        let lines = (to.len() - before) / LINE * LINE;
        let (first, from) = from.split_at(before);
        let (to_first, to) = to.split_at_mut(before);
        to_first.copy_from_slice(first);
        let (from, last) = from.split_at(lines);
        let (to, to_last) = to.split_at_mut(lines);
        to_last.copy_from_slice(last);
        Self::copy_lines(from, to);
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn copy_lines(from: &[u8], to: &mut [u8]) {
        to.copy_from_slice(from);
    }

    /// As `copy`, of whole cache lines.
    #[cfg(target_arch = "x86_64")]
    fn copy_lines(from: &[u8], to: &mut [u8]) {
        match Body::best().0 {
            // SAFETY: every x86-64 has SSE2.
            Set::Base => unsafe { lines_16(from, to) },
            // SAFETY: `best` is a body that can run here.
            Set::Avx2 => unsafe { lines_32(from, to) },
            // SAFETY: as above.
            Set::Avx512 => unsafe { lines_64(from, to) },
        }
    }
}

/// Defines a loop of loads from anywhere and stores past the caches, `$width` bytes each; `to` is
/// aligned to them.
#[cfg(target_arch = "x86_64")]
macro_rules! lines {
    ($name:ident, $feature:literal, $width:literal, $load:ident, $store:ident) => {
        #[target_feature(enable = $feature)]
        fn $name(from: &[u8], to: &mut [u8]) {
            let pairs = from.chunks_exact($width).zip(to.chunks_exact_mut($width));
            for (from, to) in pairs {
                // SAFETY: both slices are `$width` bytes long, and `to` starts on a cache line.
                unsafe {
                    let value = std::arch::x86_64::$load(from.as_ptr().cast());
                    std::arch::x86_64::$store(to.as_mut_ptr().cast(), value);
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
lines!(lines_16, "sse2", 16, _mm_loadu_si128, _mm_stream_si128);
#[cfg(target_arch = "x86_64")]
lines!(lines_32, "avx", 32, _mm256_loadu_si256, _mm256_stream_si256);
#[cfg(target_arch = "x86_64")]
lines!(
    lines_64,
    "avx512f",
    64,
    _mm512_loadu_si512,
    _mm512_stream_si512
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_can_be_chosen_by_name_and_the_widest_is_the_default() {
        let all = Body::all();
        for body in &all {
            assert_eq!(Body::chosen(Some(body.name())), *body);
        }
        for other in [None, Some("avx1024"), Some("")] {
            assert_eq!(Some(&Body::chosen(other)), all.last());
        }
    }

    #[test]
    fn cutting_is_a_cast() {
        let powers = (0..256).map(|e| f32::from_bits(e << 23));
        let near = powers.flat_map(|x| [x, x.next_up(), x.next_down(), x + 0.5, 1.0 - x]);
        for x in near.filter(|x| !x.is_nan()).flat_map(|x| [x, -x]) {
            assert_eq!(cut(x), x as i32, "{x}");
        }
    }

    struct Turn(Tile);

    impl Kernel for Turn {
        type Out = Tile;

        #[inline]
        fn run(self) -> Tile {
            transpose(self.0)
        }
    }

    #[test]
    fn every_body_turns_a_tile() {
        let tile: Tile =
            std::array::from_fn(|row| std::array::from_fn(|column| (16 * row + column) as u8));
        for body in Body::all() {
            let turned = body.run(Turn(tile));
            for (row, column) in (0..256).map(|at| (at / 16, at % 16)) {
                assert_eq!(turned[column][row], tile[row][column], "{}", body.name());
            }
        }
    }

    #[test]
    fn what_bypasses_the_caches_arrives_and_nothing_else_is_touched() {
        let from: Vec<u8> = (0..999).map(|i| (i % 251) as u8).collect();
        for start in [0, 1, 63, 64, 70] {
            for length in [0, 1, 63, 64, 65, 130, 900] {
                let mut to = vec![7; 1000];
                bypassing(|bypass| bypass.copy(&from[3..3 + length], &mut to[start..][..length]));
                let (before, rest) = to.split_at(start);
                let (copied, after) = rest.split_at(length);
                assert_eq!(copied, &from[3..3 + length], "{length} at {start}");
                assert!(before.iter().chain(after).all(|&byte| byte == 7));
            }
        }
    }
}
