//! The writer thread with its two lanes, and the readers.

use super::error;
use crate::store::{Lane, Result, StoreError};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Rows of normal work in one transaction: bounds how long a stop waits.
const GROUP_WEIGHT: usize = 2_000;

/// Tells the caller how the transaction ended.
type Finish = Box<dyn FnOnce(std::result::Result<(), StoreError>) + Send>;
/// Runs in the group's transaction; on nothing when the transaction could not start. Says whether it succeeded.
type Work = Box<dyn FnOnce(Option<&Connection>, Company) -> (Finish, bool) + Send>;
type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Whether other work rides in the same transaction.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Company {
    /// None: on failure the whole transaction is rolled back.
    Alone,
    /// Some: on failure only this work is.
    Shared,
}

struct Job {
    weight: usize,
    work: Work,
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<Job>,
    normal: VecDeque<Job>,
    reads: VecDeque<Read>,
    closing: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    writes: Condvar,
    reads: Condvar,
    /// Set by the first fault of disk or file; every later write is refused.
    broken: AtomicBool,
}

impl Shared {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        // Queues hold plain values; a panic elsewhere leaves them usable.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Threads {
    shared: Arc<Shared>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    pub(super) fn start(writer: Connection, readers: Vec<Connection>, lane: File) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::default()),
            writes: Condvar::new(),
            reads: Condvar::new(),
            broken: AtomicBool::new(false),
        });
        let mut handles = Vec::new();
        let s = Arc::clone(&shared);
        handles.push(std::thread::spawn(move || write_loop(&s, &writer, &lane)));
        for reader in readers {
            let s = Arc::clone(&shared);
            handles.push(std::thread::spawn(move || read_loop(&s, &reader)));
        }
        Self { shared, handles }
    }

    pub(super) async fn write<T, F>(&self, lane: Lane, weight: usize, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        let work: Work = Box::new(move |conn, company| {
            let done = conn.map_or(Err(StoreError::Busy), |conn| match company {
                Company::Alone => f(conn),
                Company::Shared => in_savepoint(conn, f),
            });
            let succeeded = done.is_ok();
            let finish = move |commit: std::result::Result<(), StoreError>| {
                // The caller may have gone; what was committed stays committed.
                let _ = tell.send(commit.and(done));
            };
            (Box::new(finish), succeeded)
        });
        {
            let mut queue = self.shared.queue();
            let job = Job { weight, work };
            match lane {
                Lane::Urgent => queue.urgent.push_back(job),
                Lane::Normal => queue.normal.push_back(job),
            }
        }
        self.shared.writes.notify_one();
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn read<T, F>(&self, f: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.shared.queue().reads.push_back(Box::new(move |conn| {
            // One moment: everything a read sees belongs to one snapshot.
            let done = conn.execute_batch("BEGIN").map_err(error).and_then(|()| {
                let done = f(conn);
                conn.execute_batch("COMMIT").map_err(error).and(done)
            });
            let _ = tell.send(done);
        }));
        self.shared.reads.notify_one();
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.queue().closing = true;
        self.shared.writes.notify_all();
        self.shared.reads.notify_all();
        for handle in self.handles.drain(..) {
            // A store may be dropped by the last job's own callback; a thread never joins itself.
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
    }
}

fn in_savepoint<T>(conn: &Connection, f: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    let run = |sql| conn.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(error);
    run("SAVEPOINT job")?;
    let done = f(conn);
    if done.is_err() {
        run("ROLLBACK TO job")?;
    }
    run("RELEASE job")?;
    done
}

fn write_loop(shared: &Shared, conn: &Connection, lane: &File) {
    while let Some((urgent, jobs)) = next_group(shared) {
        if shared.broken.load(Ordering::Acquire) {
            jobs.into_iter().for_each(|job| refuse(job, StoreError::Closed));
            continue;
        }
        // The lock is advisory fairness between processes, not safety: an error of it is no reason to stop.
        let mut held = false;
        if urgent {
            held = lane.lock().is_ok();
        } else if lane.try_lock_shared().is_err() {
            let _ = lane.lock_shared();
            let _ = lane.unlock();
        } else {
            let _ = lane.unlock();
        }
        group(shared, conn, jobs);
        if held {
            let _ = lane.unlock();
        }
    }
    let _ = conn.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
}

fn next_group(shared: &Shared) -> Option<(bool, Vec<Job>)> {
    let mut queue = shared.queue();
    loop {
        if !queue.urgent.is_empty() {
            return Some((true, queue.urgent.drain(..).collect()));
        }
        if !queue.normal.is_empty() {
            let mut jobs = Vec::new();
            let mut weight = 0;
            while let Some(job) = queue.normal.front() {
                if !jobs.is_empty() && weight + job.weight > GROUP_WEIGHT {
                    break;
                }
                weight += job.weight;
                jobs.extend(queue.normal.pop_front());
            }
            return Some((false, jobs));
        }
        if queue.closing {
            return None;
        }
        queue = shared.writes.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

/// One transaction for all jobs of a group, each in a savepoint of its own; a job alone needs none.
fn group(shared: &Shared, conn: &Connection, jobs: Vec<Job>) {
    let run = |sql| conn.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(error);
    if let Err(e) = run("BEGIN IMMEDIATE") {
        shared.broken.fetch_or(is_fault(&e), Ordering::AcqRel);
        for job in jobs {
            refuse(job, same(&e));
        }
        return;
    }
    let company = if jobs.len() == 1 { Company::Alone } else { Company::Shared };
    let mut finishes = Vec::with_capacity(jobs.len());
    let mut keep = true;
    for job in jobs {
        // A fault of the disk rolls the whole transaction back; later statements would commit by themselves.
        let (finish, succeeded) = (job.work)((!conn.is_autocommit()).then_some(conn), company);
        keep &= succeeded || company == Company::Shared;
        finishes.push(finish);
    }
    if conn.is_autocommit() {
        shared.broken.store(true, Ordering::Release);
        finishes.into_iter().for_each(|finish| finish(Err(StoreError::Closed)));
        return;
    }
    if !keep {
        if run("ROLLBACK").is_err() {
            shared.broken.store(true, Ordering::Release);
        }
        finishes.into_iter().for_each(|finish| finish(Ok(())));
        return;
    }
    match run("COMMIT") {
        Ok(_) => finishes.into_iter().for_each(|finish| finish(Ok(()))),
        Err(e) => {
            let back = conn.is_autocommit() || run("ROLLBACK").is_ok();
            shared.broken.fetch_or(is_fault(&e), Ordering::AcqRel);
            // Rolled back for want of room or of the lock: nothing is there. Anything else: nobody knows.
            let nothing = back && matches!(e, StoreError::Full | StoreError::Busy);
            for finish in finishes {
                finish(Err(if nothing { same(&e) } else { StoreError::Ambiguous }));
            }
        }
    }
}

fn refuse(job: Job, e: StoreError) {
    let (finish, _) = (job.work)(None, Company::Alone);
    finish(Err(e));
}

fn same(e: &StoreError) -> StoreError {
    match e {
        StoreError::Full => StoreError::Full,
        StoreError::Busy => StoreError::Busy,
        _ => StoreError::Closed,
    }
}

fn is_fault(e: &StoreError) -> bool {
    matches!(e, StoreError::Full | StoreError::Corrupt(_) | StoreError::Open(_) | StoreError::Backend(_))
}

fn read_loop(shared: &Shared, conn: &Connection) {
    loop {
        let read = {
            let mut queue = shared.queue();
            loop {
                if let Some(read) = queue.reads.pop_front() {
                    break read;
                }
                if queue.closing {
                    return;
                }
                queue = shared.reads.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        };
        read(conn);
    }
}
