//! The send journal: which requests were about to leave. Not synced: it survives death of the process, and says nothing
//! after a loss of power. Holding the lock of a journal file is proof that its worker lives.

use super::error;
use crate::clock::Timestamp;
use crate::store::{Result, StoreError};
use rusqlite::Connection;
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub(super) struct Journal {
    /// The file, whose lock says that this worker lives, and whether it may still be written.
    file: Mutex<(File, bool)>,
}

impl Journal {
    pub(super) fn append(&self, reference: &[u8; 16]) -> Result<()> {
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, sound) = &mut *guard;
        if !*sound {
            return Err(StoreError::Closed);
        }
        // An entry after a torn one could not be read back: the first failure ends the journal.
        let done = file.write_all(reference);
        *sound = done.is_ok();
        done.map_err(|e| StoreError::Backend(Box::new(e)))
    }
}

/// Registers this worker: a number that is never used twice, a journal file, its lock.
///
/// One transaction: nobody sees the worker before it holds its journal, or it would be taken for dead.
pub(super) fn register(conn: &Connection, db: &Path, now: Timestamp) -> Result<(i64, Journal)> {
    conn.execute_batch("BEGIN IMMEDIATE").map_err(error)?;
    let done = register_in(conn, db, now);
    conn.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(error)?;
    done
}

fn register_in(conn: &Connection, db: &Path, now: Timestamp) -> Result<(i64, Journal)> {
    conn.execute("INSERT INTO worker (journal, boot, started) VALUES ('', ?1, ?2)", (boot(), now.millis()))
        .map_err(error)?;
    let worker = conn.last_insert_rowid();
    let open = |e| StoreError::Open(Some(Box::new(e)));
    // A file of this number was left by a worker that died in this very transaction: nothing was ever sent under it.
    let file = OpenOptions::new().create(true).read(true).append(true).open(file_of(db, worker)).map_err(open)?;
    file.try_lock().map_err(|e| match e {
        TryLockError::Error(e) => open(e),
        TryLockError::WouldBlock => StoreError::Busy,
    })?;
    file.set_len(0).map_err(open)?;
    Ok((worker, Journal { file: Mutex::new((file, true)) }))
}

fn file_of(db: &Path, worker: i64) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(format!(".journal.{worker}"));
    name.into()
}

/// The boot that this machine is in; journals of another boot prove nothing.
pub(super) fn boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|s| s.trim().to_owned()).unwrap_or_default()
}

/// What is known of another worker.
pub(super) enum Fate {
    /// It holds its journal.
    Alive,
    /// It is dead, on this boot; its journal tells which references had begun to leave.
    Dead,
    /// It is gone, and what it sent is not known.
    Lost,
}

pub(super) fn fate(db: &Path, worker: i64, its_boot: &str) -> Fate {
    let Ok(file) = OpenOptions::new().read(true).open(file_of(db, worker)) else {
        return Fate::Lost;
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Fate::Alive,
        // No proof of death without the lock.
        Err(TryLockError::Error(_)) => return Fate::Alive,
        Ok(()) => {}
    }
    if its_boot.is_empty() || its_boot != boot() { Fate::Lost } else { Fate::Dead }
}

/// Which of `wanted` a worker's journal holds; all of them when it cannot be read. A torn last entry is none: its write
/// had not ended, so nothing of that request can have left.
pub(super) fn sent(db: &Path, worker: i64, wanted: &HashSet<[u8; 16]>) -> HashSet<[u8; 16]> {
    let read = || -> std::io::Result<HashSet<[u8; 16]>> {
        let mut reader = std::io::BufReader::with_capacity(64 << 10, File::open(file_of(db, worker))?);
        let mut found = HashSet::new();
        let mut entry = [0; 16];
        loop {
            match reader.read_exact(&mut entry) {
                Ok(()) if wanted.contains(&entry) => found.insert(entry),
                Ok(()) => continue,
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(found),
                Err(e) => return Err(e),
            };
        }
    };
    read().unwrap_or_else(|_| wanted.clone())
}

pub(super) fn remove(db: &Path, worker: i64) {
    let _ = std::fs::remove_file(file_of(db, worker));
}
