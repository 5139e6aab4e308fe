//! Memory of batches: aligned, used again once its reader lets go of it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bytemuck::Pod;
use bytes::{Buf, BytesMut};
use serde::Serialize;

/// Of every buffer: a cache line, and the widest vector register.
pub(super) const ALIGNMENT: usize = 64;

/// How often the list is asked for before it is given up.
const TRIES: usize = 100;

/// Buffers that wait to be used again, at most `keep` of them.
///
/// Whoever keeps batches never stalls the loader: it gets new memory, and what comes back beyond
/// `keep` buffers is freed.
#[derive(Debug)]
pub(super) struct Pool {
    keep: usize,
    free: Mutex<Vec<BytesMut>>,
    allocated: AtomicU64,
    reused: AtomicU64,
    lent_bytes: AtomicU64,
}

/// What a pool has done; see [`Statistics`](super::Statistics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PoolStatistics {
    /// Buffers that were asked of the system.
    pub allocated: u64,
    /// Buffers that were used again.
    pub reused: u64,
    /// Bytes of finished batches that are still held by their readers.
    pub lent_bytes: u64,
    /// Bytes that wait to be used again.
    pub free_bytes: u64,
}

impl Pool {
    pub(super) fn new(keep: usize) -> Arc<Self> {
        Arc::new(Self {
            keep,
            free: Mutex::new(Vec::new()),
            allocated: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            lent_bytes: AtomicU64::new(0),
        })
    }

    /// `length` bytes of any content at an address divisible by [`ALIGNMENT`].
    pub(super) fn take(&self, length: usize) -> BytesMut {
        let held = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let fitting = free
                .iter()
                .enumerate()
                .filter(|(_, held)| held.capacity() >= length);
            let nearest = fitting
                .min_by_key(|(_, held)| held.capacity())
                .map(|(at, _)| at);
            nearest.map(|at| free.swap_remove(at))
        };
        let Some(mut buffer) = held else {
            self.allocated.fetch_add(1, Ordering::Relaxed);
            return aligned(length);
        };
        self.reused.fetch_add(1, Ordering::Relaxed);
        buffer.resize(length, 0);
        buffer
    }

    /// Hands a filled buffer to a reader.
    pub(super) fn lend<T: Pod>(self: &Arc<Self>, bytes: BytesMut) -> Lent<T> {
        self.lent_bytes
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Lent {
            bytes,
            pool: Some(Arc::clone(self)),
            kind: PhantomData,
        }
    }

    pub(super) fn statistics(&self) -> PoolStatistics {
        let free_bytes = |free: MutexGuard<'_, Vec<BytesMut>>| {
            free.iter().map(|held| held.capacity() as u64).sum()
        };
        PoolStatistics {
            allocated: self.allocated.load(Ordering::Relaxed),
            reused: self.reused.load(Ordering::Relaxed),
            lent_bytes: self.lent_bytes.load(Ordering::Relaxed),
            free_bytes: self.reach().map_or(0, free_bytes),
        }
    }

    /// Keeps `buffer` for later, or frees it or a smaller one if there are enough.
    fn give_back(&self, buffer: BytesMut) {
        self.lent_bytes
            .fetch_sub(buffer.len() as u64, Ordering::Relaxed);
        let Some(mut free) = self.reach() else { return };
        free.push(buffer);
        if free.len() > self.keep {
            let sizes = free.iter().enumerate();
            let smallest = sizes.min_by_key(|(_, held)| held.capacity());
            let surplus = smallest.map(|(at, _)| at).map(|at| free.swap_remove(at));
            drop(free);
            drop(surplus);
        }
    }

    /// The list, unless it stays locked: in a forked child it may be locked for ever, by a thread
    /// that is not there.
    fn reach(&self) -> Option<MutexGuard<'_, Vec<BytesMut>>> {
        for _ in 0..TRIES {
            match self.free.try_lock() {
                Ok(free) => return Some(free),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        None
    }
}

/// Lent of a batch, at an address divisible by 64; their memory is used again once they are
/// dropped.
pub struct Lent<T: Pod> {
    bytes: BytesMut,
    /// Absent: the memory is this value's own.
    pool: Option<Arc<Pool>>,
    kind: PhantomData<T>,
}

impl<T: Pod> Deref for Lent<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.bytes)
    }
}

impl<T: Pod> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.bytes)
    }
}

impl<T: Pod> Default for Lent<T> {
    /// No values, at an aligned address, too.
    fn default() -> Self {
        Self::from([].as_slice())
    }
}

impl<T: Pod> From<&[T]> for Lent<T> {
    /// A copy with memory of its own.
    fn from(values: &[T]) -> Self {
        let own: &[u8] = bytemuck::cast_slice(values);
        let mut bytes = aligned(own.len());
        bytes.copy_from_slice(own);
        Self {
            bytes,
            pool: None,
            kind: PhantomData,
        }
    }
}

impl<T: Pod> Clone for Lent<T> {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<T: Pod + PartialEq> PartialEq for Lent<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pod> fmt::Debug for Lent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lent({} bytes)", self.bytes.len())
    }
}

impl<T: Pod> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

/// New memory; pages that are not yet written cost nothing.
fn aligned(length: usize) -> BytesMut {
    let mut buffer = BytesMut::zeroed(length + ALIGNMENT);
    buffer.advance(buffer.as_ptr().align_offset(ALIGNMENT));
    buffer.truncate(length);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lend(pool: &Arc<Pool>, length: usize) -> Lent<u8> {
        let bytes = pool.take(length);
        pool.lend(bytes)
    }

    #[test]
    fn every_buffer_is_aligned_and_as_long_as_asked() {
        let pool = Pool::new(3);
        for length in [0, 1, 63, 64, 65, 1000, 40, 100_000, 7] {
            let values = lend(&pool, length);
            assert_eq!((values.len(), values.as_ptr() as usize % 64), (length, 0));
        }
    }

    #[test]
    fn memory_is_used_again_after_its_reader_let_go() {
        let pool = Pool::new(2);
        let first = lend(&pool, 1000);
        let (address, second) = (first.as_ptr(), lend(&pool, 1000));
        assert_ne!(second.as_ptr(), address, "the first is still held");
        assert_eq!(pool.statistics().lent_bytes, 2000);
        drop(first);
        assert_eq!(lend(&pool, 900).as_ptr(), address);
        let held: Vec<_> = (0..5).map(|_| lend(&pool, 1000)).collect();
        drop((second, held));
        let statistics = pool.statistics();
        assert_eq!((statistics.allocated, statistics.reused), (6, 2));
        assert_eq!(statistics.lent_bytes, 0);
        assert!(
            (2000..2300).contains(&statistics.free_bytes),
            "two are kept, the rest is freed"
        );
    }

    #[test]
    fn parts_that_were_cut_apart_become_one_again() {
        let pool = Pool::new(1);
        for _ in 0..3 {
            let mut whole = pool.take(96);
            let address = whole.as_ptr();
            let mut parts: Vec<BytesMut> = (0..3).map(|_| whole.split_to(32)).collect();
            for (part, value) in parts.iter_mut().zip(1..) {
                part.fill(value);
            }
            let joined = parts.into_iter().chain([whole]).reduce(|mut head, tail| {
                head.unsplit(tail);
                head
            });
            let values: Lent<u8> = pool.lend(joined.expect("four parts"));
            assert_eq!(values.as_ptr(), address);
            assert_eq!(*values, *[[1_u8; 32], [2; 32], [3; 32]].as_flattened());
        }
        assert_eq!(
            (pool.statistics().allocated, pool.statistics().reused),
            (1, 2)
        );
    }

    #[test]
    fn a_copy_has_its_own_memory() {
        let pool = Pool::new(1);
        let mut values = lend(&pool, 4);
        values.fill(1);
        let copy = values.clone();
        values.fill(2);
        assert_eq!((&*copy, &*values), (&[1; 4][..], &[2; 4][..]));
        assert_ne!(copy, values);
        drop(copy);
        assert_eq!(pool.statistics().lent_bytes, 4);
    }
}
