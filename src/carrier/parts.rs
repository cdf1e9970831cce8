//! Reports on the segments of a long message, put together into one on the message.
//!
//! Each segment has an id and a report of its own; a person has the message only when every segment came. What is kept
//! here is kept for as long as the process lives: after a restart a long message without its last reports ends as
//! `no_report`, never as delivered.

use std::collections::{HashMap, VecDeque};

use crate::clock::Timestamp;
use crate::phone::Phone;

/// Segments, and reports on unknown ids, that are remembered; the oldest are forgotten first.
const MOST: usize = 1 << 18;
const MOST_EARLY: usize = 4096;

/// The id under which a message of so many segments is stored: the first segment's own, when it is the only one.
pub(crate) fn handle(first: &str, segments: usize) -> String {
    if segments > 1 { format!("{first}*{segments}") } else { first.to_owned() }
}

/// What a report says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) delivered: bool,
    pub(crate) at: Option<Timestamp>,
}

/// The report on a whole message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Whole {
    pub(crate) handle: String,
    pub(crate) phone: Phone,
    pub(crate) told: Told,
}

type Id = (String, Phone);

#[derive(Default)]
pub(crate) struct Parts {
    segments: HashMap<Id, (u64, usize)>,
    age: VecDeque<Id>,
    messages: HashMap<u64, Message>,
    early: HashMap<Id, Told>,
    early_age: VecDeque<Id>,
}

struct Message {
    handle: Option<String>,
    /// By segment, from 0.
    delivered: Vec<bool>,
    failed: Option<Told>,
    known: usize,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parts({} messages)", self.messages.len())
    }
}

impl Parts {
    /// The segment at `index`, of `total`, of a message to `phone` was taken under `id`.
    pub(crate) fn taken(&mut self, message: u64, index: usize, total: usize, id: &str, phone: Phone) -> Option<Whole> {
        let key = (id.to_owned(), phone);
        let entry = self.messages.entry(message);
        let of =
            entry.or_insert_with(|| Message { handle: None, delivered: vec![false; total], failed: None, known: 0 });
        of.known += 1;
        if index == 0 {
            of.handle = Some(handle(id, total));
        }
        self.segments.insert(key.clone(), (message, index));
        self.age.push_back(key.clone());
        while self.age.len() > MOST {
            self.forget_oldest();
        }
        match self.early.remove(&key) {
            Some(told) => self.told(id, phone, told),
            None => self.whole(message, phone, None),
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(key) = self.age.pop_front()
            && let Some((message, _)) = self.segments.remove(&key)
        {
            self.messages.remove(&message);
        }
    }

    /// A report on `id` came.
    pub(crate) fn told(&mut self, id: &str, phone: Phone, told: Told) -> Option<Whole> {
        let key = (id.to_owned(), phone);
        let Some(&(message, index)) = self.segments.get(&key) else {
            if self.early.insert(key.clone(), told).is_none() {
                self.early_age.push_back(key);
            }
            if self.early_age.len() > MOST_EARLY
                && let Some(oldest) = self.early_age.pop_front()
            {
                self.early.remove(&oldest);
            }
            return None;
        };
        let of = self.messages.get_mut(&message)?;
        if told.delivered {
            of.delivered[index] = true;
        } else if of.failed.is_none() {
            of.failed = Some(told.clone());
        }
        self.whole(message, phone, Some(told))
    }

    /// What is known of the whole, once it is.
    fn whole(&mut self, message: u64, phone: Phone, last: Option<Told>) -> Option<Whole> {
        let of = self.messages.get(&message)?;
        let handle = of.handle.clone()?;
        let told = match &of.failed {
            Some(failed) => failed.clone(),
            None if of.known == of.delivered.len() && of.delivered.iter().all(|d| *d) => last?,
            None => return None,
        };
        self.messages.remove(&message);
        Some(Whole { handle, phone, told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        Phone::from_u64(13_800_000_001).unwrap()
    }

    fn told(code: &str) -> Told {
        Told { code: code.to_owned(), delivered: code == "DELIVRD", at: None }
    }

    #[test]
    fn a_message_is_delivered_when_every_segment_is_whatever_the_order() {
        // Three segments: each is taken (t) and reported (r); a report may come before its answer.
        let steps = ["t0", "t1", "t2", "r0", "r1", "r2"];
        let mut orders = vec![vec![]];
        for _ in 0..steps.len() {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<usize>| {
                    let free: Vec<usize> = (0..steps.len()).filter(|i| !order.contains(i)).collect();
                    free.into_iter().map(move |i| [order.clone(), vec![i]].concat())
                })
                .collect();
        }
        for order in orders {
            let mut parts = Parts::default();
            let mut wholes = Vec::new();
            for (n, step) in order.iter().enumerate() {
                let index = step % 3;
                let id = format!("id{index}");
                let whole = if *step < 3 {
                    parts.taken(7, index, 3, &id, phone())
                } else {
                    parts.told(&id, phone(), told("DELIVRD"))
                };
                assert!(whole.is_none() || n == 5, "{order:?}");
                wholes.extend(whole);
            }
            assert_eq!(wholes, [Whole { handle: "id0*3".into(), phone: phone(), told: told("DELIVRD") }], "{order:?}");
        }
    }

    #[test]
    fn the_first_failure_is_the_messages_and_is_told_once() {
        let mut parts = Parts::default();
        for index in 0..3 {
            assert_eq!(parts.taken(1, index, 3, &format!("id{index}"), phone()), None);
        }
        assert_eq!(parts.told("id1", phone(), told("DELIVRD")), None);
        assert_eq!(parts.told("id2", phone(), told("UNDELIV")).unwrap().told, told("UNDELIV"));
        assert_eq!(parts.told("id0", phone(), told("REJECTD")), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut parts = Parts::default();
        for n in 0..MOST_EARLY + 10 {
            parts.told(&n.to_string(), phone(), told("DELIVRD"));
        }
        assert_eq!((parts.early.len(), parts.early_age.len()), (MOST_EARLY, MOST_EARLY));
        for n in 0..(MOST as u64 + 10) {
            parts.taken(n, 0, 2, &format!("x{n}"), phone());
        }
        assert_eq!((parts.segments.len(), parts.messages.len()), (MOST, MOST));
    }
}
