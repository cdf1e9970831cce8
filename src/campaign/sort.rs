//! External merge sort in flat memory: the audience is brought into recipient order, and repeats side by side.
//!
//! Records go into an arena; a full arena is sorted and written as a *run* to an anonymous temporary file; runs are
//! merged at the end. Memory stays near `budget + 64 × 64 KiB` and open files near 64 per level of merging
//! (64 runs of 16 MiB are 1 GiB, 4,096 are 64 GiB), however many records come.
//!
//! Payloads reach the disk as they are given: **the caller seals them first**, no readable number or name may be in
//! them. Keys are recipient ids, which need the index key to be undone.
//!
//! On disk a run is a chain of blocks, each `length u32, digest u64, records`; a record is `key 16, seq u64, length
//! u32, payload`, integers little-endian. The digest catches a faulty disk, not a forger: sealing is what does that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of records that are sorted in memory, unless said otherwise.
pub(super) const DEFAULT_BUDGET: usize = 16 << 20;
/// The longest payload, in bytes.
pub(super) const PAYLOAD_MAX: usize = 64 << 10;

/// Runs merged at once: bounds open files and read buffers.
const FAN_IN: usize = 64;
/// A block is read and checked as a whole; a record that is longer has a block of its own.
const BLOCK: usize = 64 << 10;
const BLOCK_HEAD: usize = 12;
const RECORD_HEAD: usize = 28;
/// Arena offsets are 32 bits wide.
const BUDGET_MAX: usize = 1 << 30;

/// One record, lent until the next call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Record<'a> {
    /// First order: big-endian bytes.
    pub(super) key: [u8; 16],
    /// Second order, such as the position in the audience.
    pub(super) seq: u64,
    /// What was pushed.
    pub(super) payload: &'a [u8],
}

/// One record of its own, as the iterator gives it: key, sequence number, payload.
pub(super) type OwnedRecord = ([u8; 16], u64, Vec<u8>);

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u128,
    seq: u64,
    at: u32,
    len: u32,
}

const SLOT: usize = size_of::<Slot>();

/// Takes records in any order; [`Sorter::finish`] gives them back by (key, seq), equal ones in the order of pushing.
///
/// Blocking: call it from a thread that may wait for the disk.
#[derive(Debug)]
pub(super) struct Sorter {
    dir: PathBuf,
    budget: usize,
    arena: Vec<u8>,
    slots: Vec<Slot>,
    /// `levels[n]` holds fewer than [`FAN_IN`] runs that were merged `n` times.
    levels: Vec<Vec<Run>>,
}

impl Sorter {
    /// A sorter that spills to `dir`, or to the system's temporary directory, after `budget` bytes of records
    /// (see [`DEFAULT_BUDGET`]; at most 1 GiB counts).
    ///
    /// Nothing is touched on disk until the budget is used up.
    pub(super) fn new(dir: Option<&Path>, budget: usize) -> Self {
        let dir = dir.map_or_else(std::env::temp_dir, Path::to_path_buf);
        Self { dir, budget: budget.min(BUDGET_MAX), arena: Vec::new(), slots: Vec::new(), levels: Vec::new() }
    }

    /// Takes one record; may write a run.
    ///
    /// # Errors
    /// `InvalidInput` for a payload over [`PAYLOAD_MAX`]; otherwise what the disk says. After an error of the disk the
    /// sorter holds an incomplete set and must be dropped.
    pub(super) fn push(&mut self, key: [u8; 16], seq: u64, payload: &[u8]) -> io::Result<()> {
        if payload.len() > PAYLOAD_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a payload has at most 65536 bytes"));
        }
        let used = self.arena.len() + self.slots.len() * SLOT;
        if used + payload.len() + SLOT > self.budget && !self.slots.is_empty() {
            self.spill()?;
        }
        self.make_room(payload.len());
        let slot = Slot {
            key: u128::from_be_bytes(key),
            seq,
            at: self.arena.len() as u32, // below BUDGET_MAX
            len: payload.len() as u32,
        };
        self.slots.push(slot);
        self.arena.extend_from_slice(payload);
        Ok(())
    }

    /// Ends the input and gives the records in order. Files that are left are merged until at most 64 remain.
    ///
    /// # Errors
    /// What the disk says; `InvalidData` or `UnexpectedEof` for a run that does not read back as written.
    pub(super) fn finish(mut self) -> io::Result<Sorted> {
        if self.levels.is_empty() {
            self.slots.sort_unstable_by_key(order);
            return Ok(Sorted(Inner::Memory { arena: self.arena, slots: self.slots, next: 0 }));
        }
        self.spill()?;
        (self.arena, self.slots) = (Vec::new(), Vec::new());
        // Oldest first: the order of the runs is what breaks a tie of (key, seq).
        let mut runs: Vec<Run> = self.levels.into_iter().rev().flatten().collect();
        while runs.len() > FAN_IN {
            // The newest runs are the shortest. Merging just as many as needed leaves the long ones alone.
            let from = runs.len() - (runs.len() - FAN_IN + 1).min(FAN_IN);
            let merged = merge_to_run(runs.split_off(from), &self.dir)?;
            runs.push(merged);
        }
        Ok(Sorted(Inner::Merge(Merge::new(runs)?)))
    }

    /// Grows in small steps, and never both vectors to the full budget when the mix of payload lengths changes.
    fn make_room(&mut self, payload: usize) {
        let step = (self.budget / 16).max(4 << 10);
        if self.arena.capacity() - self.arena.len() < payload {
            if self.slots.capacity() * SLOT + self.arena.capacity() + step > self.budget + 2 * step {
                self.slots.shrink_to(self.slots.len() + 1);
            }
            self.arena.reserve_exact(payload.max(step));
        }
        if self.slots.len() == self.slots.capacity() {
            if self.slots.capacity() * SLOT + self.arena.capacity() + step > self.budget + 2 * step {
                self.arena.shrink_to(self.arena.len() + payload);
            }
            self.slots.reserve_exact(step / SLOT);
        }
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.slots.is_empty() {
            return Ok(());
        }
        self.slots.sort_unstable_by_key(order);
        let mut out = RunWriter::create(&self.dir)?;
        for s in &self.slots {
            out.write(s.key, s.seq, payload_of(&self.arena, s))?;
        }
        let run = out.finish()?;
        self.slots.clear();
        self.arena.clear();
        self.keep(run)
    }

    /// Adds a run; a full level becomes one run of the next.
    fn keep(&mut self, mut run: Run) -> io::Result<()> {
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(run);
            if self.levels[level].len() < FAN_IN {
                break;
            }
            run = merge_to_run(std::mem::take(&mut self.levels[level]), &self.dir)?;
        }
        Ok(())
    }
}

/// The records by (key, seq): an iterator of owned records, or lent ones by [`Sorted::next_record`].
#[derive(Debug)]
pub(super) struct Sorted(Inner);

#[derive(Debug)]
enum Inner {
    Done,
    Memory { arena: Vec<u8>, slots: Vec<Slot>, next: usize },
    Merge(Merge),
}

impl Sorted {
    /// The next record, lent until the next call: no allocation. `None` at the end, and after an error.
    ///
    /// # Errors
    /// What the disk says; `InvalidData` or `UnexpectedEof` for a run that does not read back as written.
    pub(super) fn next_record(&mut self) -> io::Result<Option<Record<'_>>> {
        if let Inner::Merge(merge) = &mut self.0
            && let Err(e) = merge.step()
        {
            self.0 = Inner::Done;
            return Err(e);
        }
        Ok(match &mut self.0 {
            Inner::Done => None,
            Inner::Memory { arena, slots, next } => slots.get(*next).map(|s| {
                *next += 1;
                Record { key: s.key.to_be_bytes(), seq: s.seq, payload: payload_of(arena, s) }
            }),
            Inner::Merge(merge) => merge.top(),
        })
    }
}

impl Iterator for Sorted {
    type Item = io::Result<OwnedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_record() {
            Ok(record) => record.map(|r| Ok((r.key, r.seq, r.payload.to_vec()))),
            Err(e) => Some(Err(e)),
        }
    }
}

impl std::iter::FusedIterator for Sorted {}

/// The offset tells equal records apart in the order of pushing; empty payloads share it with the one after them.
fn order(s: &Slot) -> (u128, u64, u32, u32) {
    (s.key, s.seq, s.at, s.len)
}

fn payload_of<'a>(arena: &'a [u8], s: &Slot) -> &'a [u8] {
    &arena[s.at as usize..(s.at + s.len) as usize]
}

/// The heads of the runs, the least on top.
#[derive(Debug)]
struct Merge {
    readers: Vec<RunReader>,
    heads: BinaryHeap<Reverse<(u128, u64, usize)>>,
    /// The top was lent and must be passed before the next one is looked at.
    lent: bool,
}

impl Merge {
    fn new(runs: Vec<Run>) -> io::Result<Self> {
        let mut readers = runs.into_iter().map(RunReader::new).collect::<io::Result<Vec<_>>>()?;
        let mut heads = BinaryHeap::with_capacity(readers.len());
        for (i, reader) in readers.iter_mut().enumerate() {
            if let Some((key, seq)) = reader.advance()? {
                heads.push(Reverse((key, seq, i)));
            }
        }
        Ok(Self { readers, heads, lent: false })
    }

    fn step(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.lent, true) {
            return Ok(());
        }
        let Some(mut top) = self.heads.peek_mut() else { return Ok(()) };
        let Reverse((key, seq, i)) = *top;
        match self.readers[i].advance()? {
            Some(next) if next < (key, seq) => return Err(damaged("is out of order")),
            Some((key, seq)) => *top = Reverse((key, seq, i)),
            None => drop(PeekMut::pop(top)),
        }
        Ok(())
    }

    fn top(&self) -> Option<Record<'_>> {
        let &Reverse((key, seq, i)) = self.heads.peek()?;
        Some(Record { key: key.to_be_bytes(), seq, payload: self.readers[i].payload() })
    }
}

fn merge_to_run(runs: Vec<Run>, dir: &Path) -> io::Result<Run> {
    let mut merge = Merge::new(runs)?;
    let mut out = RunWriter::create(dir)?;
    loop {
        merge.step()?;
        let Some(r) = merge.top() else { return out.finish() };
        out.write(u128::from_be_bytes(r.key), r.seq, r.payload)?;
    }
}

/// A finished run. The number of blocks stays in memory, so a shortened file is noticed.
#[derive(Debug)]
struct Run {
    file: File,
    blocks: u64,
}

struct RunWriter {
    file: File,
    /// Room for the head, then records.
    block: Vec<u8>,
    blocks: u64,
}

impl RunWriter {
    fn create(dir: &Path) -> io::Result<Self> {
        let mut block = Vec::with_capacity(BLOCK + BLOCK_HEAD + RECORD_HEAD);
        block.resize(BLOCK_HEAD, 0);
        Ok(Self { file: anonymous_file(dir)?, block, blocks: 0 })
    }

    fn write(&mut self, key: u128, seq: u64, payload: &[u8]) -> io::Result<()> {
        if self.block.len() > BLOCK_HEAD && self.block.len() + RECORD_HEAD + payload.len() > BLOCK + BLOCK_HEAD {
            self.flush()?;
        }
        let mut head = [0; RECORD_HEAD];
        head[..16].copy_from_slice(&key.to_be_bytes());
        head[16..24].copy_from_slice(&seq.to_le_bytes());
        head[24..].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        self.block.extend_from_slice(&head);
        self.block.extend_from_slice(payload);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let (head, records) = self.block.split_at_mut(BLOCK_HEAD);
        head[..4].copy_from_slice(&(records.len() as u32).to_le_bytes());
        head[4..].copy_from_slice(&digest(self.blocks, records).to_le_bytes());
        self.file.write_all(&self.block)?;
        self.block.truncate(BLOCK_HEAD);
        self.blocks += 1;
        Ok(())
    }

    fn finish(mut self) -> io::Result<Run> {
        if self.block.len() > BLOCK_HEAD {
            self.flush()?;
        }
        Ok(Run { file: self.file, blocks: self.blocks })
    }
}

#[derive(Debug)]
struct RunReader {
    run: Run,
    block: Vec<u8>,
    read: u64,
    /// The payload of the present record.
    from: usize,
    to: usize,
}

impl RunReader {
    fn new(mut run: Run) -> io::Result<Self> {
        run.file.rewind()?;
        Ok(Self { run, block: Vec::new(), read: 0, from: 0, to: 0 })
    }

    /// Moves to the next record and gives its order; `None` at the end.
    fn advance(&mut self) -> io::Result<Option<(u128, u64)>> {
        if self.to == self.block.len() {
            if self.read == self.run.blocks {
                self.block = Vec::new(); // give the buffer back early
                (self.from, self.to) = (0, 0);
                return Ok(None);
            }
            self.next_block()?;
        }
        let rest = &self.block[self.to..];
        let (Some(key), Some(seq), Some(len)) = (array(rest, 0), array(rest, 16), array(rest, 24)) else {
            return Err(damaged("has a cut record"));
        };
        let len = u32::from_le_bytes(len) as usize;
        if rest.len() - RECORD_HEAD < len {
            return Err(damaged("has a cut record"));
        }
        self.from = self.to + RECORD_HEAD;
        self.to = self.from + len;
        Ok(Some((u128::from_be_bytes(key), u64::from_le_bytes(seq))))
    }

    fn next_block(&mut self) -> io::Result<()> {
        let mut head = [0; BLOCK_HEAD];
        self.run.file.read_exact(&mut head)?;
        let [a, b, c, d, sum @ ..] = head;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        if len == 0 || len > BLOCK.max(RECORD_HEAD + PAYLOAD_MAX) {
            return Err(damaged("has a block of a length that is never written"));
        }
        self.block.resize(len, 0);
        self.run.file.read_exact(&mut self.block)?;
        if digest(self.read, &self.block) != u64::from_le_bytes(sum) {
            return Err(damaged("does not read back as it was written"));
        }
        self.read += 1;
        (self.from, self.to) = (0, 0);
        Ok(())
    }

    fn payload(&self) -> &[u8] {
        &self.block[self.from..self.to]
    }
}

fn array<const N: usize>(b: &[u8], at: usize) -> Option<[u8; N]> {
    b.get(at..at + N)?.try_into().ok()
}

#[cold]
fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a sort run {how}; check the disk of the temporary directory"))
}

/// A quick 64-bit mix, one multiplication per eight bytes; the block's number is the seed, so that blocks cannot swap.
fn digest(seed: u64, bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |h: u64, w: u64| (h ^ w).wrapping_mul(K).rotate_left(29);
    let (words, tail) = bytes.as_chunks::<8>();
    let mut h = words.iter().fold(mix(K, seed), |h, w| mix(h, u64::from_le_bytes(*w)));
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    h = mix(h, u64::from_le_bytes(last));
    h = mix(h, bytes.len() as u64);
    h ^ h >> 32
}

/// A file without a name: gone when closed, whatever becomes of the process.
fn anonymous_file(dir: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut options = std::fs::OpenOptions::new();
    // `create_new` neither follows a link nor opens what another has put there.
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, 0x0400_0000); // FILE_FLAG_DELETE_ON_CLOSE
    for _ in 0..1000 {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!(".optin106-{}-{n}.run", std::process::id()));
        match options.open(&path) {
            Ok(file) => {
                #[cfg(not(windows))]
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for a sort run in the temporary directory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(n: u64) -> [u8; 16] {
        u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).rotate_left((n % 128) as u32).to_be_bytes()
    }

    fn sorter(budget: usize) -> (tempfile::TempDir, Sorter) {
        let dir = tempfile::tempdir().unwrap();
        let sorter = Sorter::new(Some(dir.path()), budget);
        (dir, sorter)
    }

    fn all(sorted: Sorted) -> Vec<OwnedRecord> {
        sorted.map(|r| r.unwrap()).collect()
    }

    #[test]
    fn nothing_gives_nothing() {
        assert!(all(sorter(100).1.finish().unwrap()).is_empty());
    }

    #[test]
    fn one_run_touches_no_disk() {
        let mut s = Sorter::new(Some(Path::new("/nonexistent/dir")), DEFAULT_BUDGET);
        for n in 0..1000 {
            s.push(key(n), n, b"x").unwrap();
        }
        assert_eq!(all(s.finish().unwrap()).len(), 1000);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let mut s = Sorter::new(Some(Path::new("/nonexistent/dir")), 10);
        s.push([0; 16], 0, b"x").unwrap();
        assert_eq!(s.push([0; 16], 1, b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_payload_has_a_limit() {
        let (_d, mut s) = sorter(10);
        s.push([1; 16], 0, &vec![7; PAYLOAD_MAX]).unwrap();
        assert_eq!(s.push([0; 16], 1, &vec![0; PAYLOAD_MAX + 1]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        s.push([0; 16], 2, &vec![8; PAYLOAD_MAX]).unwrap();
        let out = all(s.finish().unwrap());
        assert_eq!(out.iter().map(|r| (r.1, r.2.len())).collect::<Vec<_>>(), [(2, PAYLOAD_MAX), (0, PAYLOAD_MAX)]);
    }

    #[test]
    fn runs_over_several_levels_come_back_in_order_with_few_files() {
        // One record per run: 10,000 runs, three levels.
        let (dir, mut s) = sorter(1);
        for n in 0..10_000u64 {
            s.push(key(n), n, &n.to_le_bytes()).unwrap();
            assert!(s.levels.iter().all(|l| l.len() < FAN_IN));
        }
        assert_eq!(s.levels.len(), 3);
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            if cfg!(windows) { 1 } else { 0 },
            "unlinked at once"
        );
        let out = all(s.finish().unwrap());
        assert_eq!(out.len(), 10_000);
        assert!(out.is_sorted_by_key(|r| (r.0, r.1)));
        assert!(out.iter().all(|r| r.2 == r.1.to_le_bytes() && r.0 == key(r.1)));
    }

    #[test]
    fn equal_records_keep_the_order_of_pushing() {
        for budget in [1, 500, 1 << 20] {
            let (_d, mut s) = sorter(budget);
            for n in 0..5000u32 {
                s.push([3; 16], 9, &n.to_be_bytes()).unwrap();
            }
            let out: Vec<_> = all(s.finish().unwrap()).into_iter().map(|r| r.2).collect();
            assert!(out.is_sorted(), "budget {budget}");
        }
    }

    #[test]
    fn memory_stays_near_the_budget_when_the_mix_changes() {
        let budget = 1 << 20;
        let (_d, mut s) = sorter(budget);
        for round in 0..6 {
            for n in 0..40_000u64 {
                let len = if round % 2 == 0 { 0 } else { (n % 2000) as usize };
                s.push(key(n), n, &[0; 2000][..len]).unwrap();
                let held = s.arena.capacity() + s.slots.capacity() * SLOT;
                assert!(held <= budget + budget / 4, "{held}");
            }
        }
    }

    fn spilled() -> Sorter {
        let mut s = Sorter::new(None, 4000);
        for n in 0..2000u64 {
            s.push(key(n), n, &[n as u8; 30]).unwrap();
        }
        s
    }

    fn outcome(s: Sorter) -> io::Result<usize> {
        let mut sorted = s.finish()?;
        let mut n = 0;
        while sorted.next_record()?.is_some() {
            n += 1;
        }
        Ok(n)
    }

    #[test]
    fn a_cut_run_is_an_error() {
        assert_eq!(outcome(spilled()).unwrap(), 2000);
        let length = spilled().levels[0][0].file.metadata().unwrap().len();
        for cut in [0, 1, 11, 12, 13, 50, length - 1] {
            let s = spilled();
            s.levels[0][0].file.set_len(cut).unwrap();
            assert_eq!(outcome(s).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
    }

    #[test]
    fn every_altered_byte_is_an_error_and_ends_the_stream() {
        let length = spilled().levels[0][0].file.metadata().unwrap().len();
        for at in (0..length).step_by(7) {
            let mut s = spilled();
            let file = &mut s.levels[0][0].file;
            let mut byte = [0];
            file.seek(io::SeekFrom::Start(at)).unwrap();
            file.read_exact(&mut byte).unwrap();
            file.seek(io::SeekFrom::Start(at)).unwrap();
            file.write_all(&[byte[0] ^ 0x40]).unwrap();
            assert!(outcome(s).is_err(), "byte {at}");
        }
    }

    #[test]
    fn after_an_error_there_is_nothing_more() {
        // Damage in the second block shows only while merging.
        let mut s = Sorter::new(None, 200_000);
        for n in 0..10_000u64 {
            s.push(key(n), n, &[n as u8; 30]).unwrap();
        }
        let run = &s.levels[0][0];
        assert!(run.blocks > 1);
        run.file.set_len(BLOCK as u64 + 100).unwrap();
        let mut sorted = s.finish().unwrap();
        assert!(sorted.by_ref().any(|r| r.is_err()));
        assert!(sorted.next().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn only_this_user_may_read_a_run() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mode = anonymous_file(dir.path()).unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn sorts_as_std_does(
            records in prop::collection::vec((any::<[u8; 16]>(), 0u64..5, prop::collection::vec(any::<u8>(), 0..60)), 0..400),
            narrow: bool,
            budget in 1usize..20_000,
        ) {
            let mut want = records;
            if narrow {
                want.iter_mut().for_each(|r| r.0[1..].fill(0));
            }
            let (_d, mut s) = sorter(budget);
            for (k, q, p) in &want {
                s.push(*k, *q, p).unwrap();
            }
            want.sort_by_key(|r| (r.0, r.1));
            prop_assert_eq!(all(s.finish().unwrap()), want);
        }
    }
}
