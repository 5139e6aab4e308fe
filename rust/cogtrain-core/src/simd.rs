//! One source, compiled for several instruction sets; which one runs is chosen at run time.
//!
//! A [`Kernel`] is plain Rust over arrays as wide as a register. [`Body::run`] inlines it into a
//! function that may use one more instruction set, and the compiler turns the arrays into that
//! set's registers. It neither reorders nor fuses floating-point operations, so that every body
//! gives the same bits.

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
        let mut all = vec![Self(Set::Base)];
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2");
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
#[target_feature(enable = "avx2")]
fn avx2<K: Kernel>(kernel: K) -> K::Out {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<K: Kernel>(kernel: K) -> K::Out {
    kernel.run()
}

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
}
