//! Bulk: many changes in few transactions, in bounded memory.

use super::Optin106;
use crate::store::{Change, Changed, Lane, StoreError};
use futures_core::Stream;
use futures_util::StreamExt;
use std::sync::Arc;

/// At most so many rows are held at once.
pub(super) const CHUNK: usize = 20_000;
/// At most so many changes in one transaction, so that a stop never waits long behind an import.
const CALL: usize = 2_000;
/// At most so many bytes of rows are held at once.
const CHUNK_BYTES: usize = 16 << 20;

/// Takes the next rows off a stream: until [`CHUNK`] rows or their bytes are full. Empty at its end.
pub(super) async fn next_chunk<S: Stream + Unpin>(rows: &mut S, bytes: impl Fn(&S::Item) -> usize) -> Vec<S::Item> {
    let mut chunk = Vec::new();
    let mut held = 0;
    while chunk.len() < CHUNK && held < CHUNK_BYTES {
        let Some(row) = rows.next().await else { break };
        held += bytes(&row);
        chunk.push(row);
    }
    chunk
}

impl Optin106 {
    /// Records changes in order of recipient id (rows of one person keep their order); answers by position.
    pub(super) async fn apply(
        &self,
        lane: Lane,
        changes: Vec<(usize, Change)>,
        mut each: impl FnMut(usize, Result<Changed, Arc<StoreError>>),
    ) {
        let mut changes = changes;
        changes.sort_by_key(|(i, c)| (c.rid, *i));
        let mut changes = changes.into_iter();
        loop {
            let (positions, call): (Vec<usize>, Vec<Change>) = changes.by_ref().take(CALL).unzip();
            if call.is_empty() {
                return;
            }
            match self.store().change(lane, call).await {
                Ok(answers) => positions.into_iter().zip(answers).for_each(|(i, a)| each(i, Ok(a))),
                Err(e) => {
                    let e = Arc::new(e);
                    positions.into_iter().for_each(|i| each(i, Err(Arc::clone(&e))));
                }
            }
        }
    }

    /// Records one change.
    pub(crate) async fn change_one(&self, lane: Lane, change: Change) -> Result<Changed, StoreError> {
        let answers = self.store().change(lane, vec![change]).await?;
        answers.into_iter().next().ok_or(StoreError::Corrupt(None))
    }
}
