//! What a provider is given: tickets that only the ledger makes.
//!
//! A [`Ticket`] exists only for a row that was cleared by the gate and recorded as begun. A [`Request`] borrows its
//! batch: a provider can neither keep it nor submit it twice, and there is no constructor outside the ledger.

use crate::clock::{Clock, Timestamp};
use crate::gate::Clearance;
use crate::id::{AccountId, Reference};
use crate::message::rendition::Rendition;
use crate::phone::Phone;
use std::sync::Arc;
use std::time::Duration;

/// One person's place in one platform call.
pub struct Ticket {
    phone: Phone,
    params: Vec<(String, String)>,
    text: Option<String>,
    clearance: Clearance,
}

impl Ticket {
    /// The number to send to.
    pub fn phone(&self) -> Phone {
        self.phone
    }

    /// This person's template parameters, by the names of the text's holes and in the order of the audience; empty in
    /// same-text requests.
    pub fn params(&self) -> &[(String, String)] {
        &self.params
    }

    /// This person's own full text; `None` in same-text requests, where [`Rendition::text`] is meant.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What the gate said yes to.
    pub fn clearance(&self) -> &Clearance {
        &self.clearance
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ticket({:?})", self.phone)
    }
}

/// One platform call's worth of tickets, owned by the ledger until it is settled.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) reference: Reference,
    pub(crate) account: AccountId,
    pub(crate) begun: Timestamp,
    /// On the worker's monotonic clock: no byte leaves after it.
    pub(crate) deadline: Duration,
    pub(crate) rendition: Arc<Rendition>,
    pub(crate) tickets: Vec<Ticket>,
}

impl Batch {
    /// The only maker of tickets; called by the ledger for rows that the store has recorded as begun.
    pub(crate) fn push(
        &mut self,
        phone: Phone,
        params: Vec<(String, String)>,
        text: Option<String>,
        clearance: Clearance,
    ) {
        self.tickets.push(Ticket { phone, params, text, clearance });
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request { batch: self }
    }
}

/// One platform call, as a provider sees it. Not `Clone`, not `'static`: it cannot be kept or sent twice.
#[derive(Debug)]
pub struct Request<'a> {
    batch: &'a Batch,
}

impl<'a> Request<'a> {
    /// Our own id of this call, unique for ever; the platform's echo field carries it.
    pub fn reference(&self) -> Reference {
        self.batch.reference
    }

    /// The account that sends.
    pub fn account(&self) -> &'a AccountId {
        &self.batch.account
    }

    /// When the rows were recorded as begun (store clock).
    pub fn begun_at(&self) -> Timestamp {
        self.batch.begun
    }

    /// What is left until no byte may leave any more; zero when it has passed.
    pub fn time_left(&self, clock: &dyn Clock) -> Duration {
        self.batch.deadline.saturating_sub(clock.mono())
    }

    /// The moment itself, on the same clock.
    #[cfg(feature = "http")]
    pub(crate) fn deadline(&self) -> Duration {
        self.batch.deadline
    }

    /// The text and how the platform must be told.
    pub fn rendition(&self) -> &'a Rendition {
        &self.batch.rendition
    }

    /// The people, in the order in which verdicts are given.
    pub fn tickets(&self) -> &'a [Ticket] {
        &self.batch.tickets
    }

    /// Whether each person has a text or parameters of their own.
    pub fn is_personal(&self) -> bool {
        self.batch.tickets.first().is_some_and(|t| t.text.is_some())
    }
}
