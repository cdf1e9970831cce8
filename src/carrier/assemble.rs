//! Long replies: their segments put together, whatever the order, within limits that a stranger cannot move.
//!
//! A handset sends the segments of a long reply as separate delivers. What is not complete in time, or is pushed out by
//! others, is given back as far as it came: half of an opt-out is still an opt-out, so nothing is dropped.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use super::coding::{Coding, Place, Reference};

/// Bytes of the longest segment that waits; no network carries one of more than 160.
const LONGEST: usize = 255;

/// What an [`Assembler`] may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Replies of more segments are not put together; each segment is given back at once, as is one of more than 255
    /// bytes.
    pub segments: u8,
    /// Replies that wait at a time; one more pushes out the oldest.
    pub pending: usize,
    /// From its first segment a reply waits so long for the others.
    pub wait: Duration,
}

impl Default for Limits {
    /// 16 segments, 4096 replies, five minutes: at most 17 MB of segments, mostly some kilobytes.
    fn default() -> Self {
        Self { segments: 16, pending: 4096, wait: Duration::from_secs(300) }
    }
}

/// A reply, whole or as far as it came. `Debug` shows counts.
#[derive(Clone, Eq, PartialEq)]
pub struct Assembled<K, T> {
    /// Whose, as it was offered: phone and sender number, mostly.
    pub key: K,
    /// The coding of its segments.
    pub coding: Coding,
    /// How many segments it has.
    pub total: u8,
    /// Those that came, by their number.
    pub segments: BTreeMap<u8, Part<T>>,
}

/// One segment that came.
#[derive(Clone, Eq, PartialEq)]
pub struct Part<T> {
    /// The content without its header.
    pub body: Vec<u8>,
    /// What the caller keeps with it: what is to be answered once the reply is stored.
    pub tag: T,
}

impl<K, T> Assembled<K, T> {
    /// Whether every segment came.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.segments.len() == usize::from(self.total)
    }

    /// The text. Neighbours are read as one, so that a character which a handset cut is whole again; `…` stands for what is
    /// missing.
    #[must_use]
    pub fn text(&self) -> String {
        let (mut text, mut run, mut next) = (String::new(), Vec::new(), 1);
        for (&number, part) in &self.segments {
            if number != next {
                text.push_str(&self.coding.decode(&run));
                text.push('…');
                run.clear();
            }
            run.extend_from_slice(&part.body);
            next = number.saturating_add(1);
        }
        text.push_str(&self.coding.decode(&run));
        if self.segments.last_key_value().is_none_or(|(&last, _)| last < self.total) {
            text.push('…');
        }
        text
    }
}

impl<K, T> std::fmt::Debug for Assembled<K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assembled({} of {} segments)", self.segments.len(), self.total)
    }
}

impl<T> std::fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Part({} bytes)", self.body.len())
    }
}

/// What became of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offered<K, T> {
    /// Replies that are to be read now, whole or not; mostly none or one.
    pub done: Vec<Assembled<K, T>>,
    /// The tag of an earlier copy of the same segment: a gateway sends again what it saw no answer to.
    pub repeated: Option<T>,
}

/// Puts long replies together.
///
/// `K` names a conversation, `T` is kept with each segment. Time is any that does not go back, such as
/// [`Clock::mono`](crate::clock::Clock::mono).
pub struct Assembler<K, T> {
    limits: Limits,
    waiting: HashMap<Slot<K>, Waiting<T>>,
    /// By age, since all wait equally long.
    ages: BTreeMap<u64, (Duration, Slot<K>)>,
    next: u64,
}

#[derive(Clone, Eq, Hash, PartialEq)]
struct Slot<K> {
    key: K,
    reference: Reference,
    total: u8,
}

struct Waiting<T> {
    age: u64,
    coding: Coding,
    segments: BTreeMap<u8, Part<T>>,
}

impl<K, T> std::fmt::Debug for Assembler<K, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Assembler({} waiting)", self.waiting.len())
    }
}

impl<K: Clone + Eq + Hash, T> Assembler<K, T> {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, waiting: HashMap::new(), ages: BTreeMap::new(), next: 0 }
    }

    /// How many replies wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the oldest has waited long enough; [`Assembler::expire`] is to be called then.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.ages.first_key_value().map(|(_, (deadline, _))| *deadline)
    }

    /// Takes a segment that came at `now`; `body` is the content without its header.
    ///
    /// A segment whose number came before with other bytes, or in another coding, begins a new reply: handsets use their
    /// few references again. The old one is given back as far as it came.
    pub fn offer(
        &mut self,
        now: Duration,
        key: K,
        coding: Coding,
        place: Place,
        body: Vec<u8>,
        tag: T,
    ) -> Offered<K, T> {
        let mut done = self.expire(now);
        let (total, number) = (place.total(), place.number());
        let part = Part { body, tag };
        let alone = total == 1 || total > self.limits.segments || part.body.len() > LONGEST;
        if alone || self.limits.pending == 0 {
            done.push(Assembled { key, coding, total, segments: BTreeMap::from([(number, part)]) });
            return Offered { done, repeated: None };
        }
        let slot = Slot { key, reference: place.reference(), total };
        let clash = |waiting: &Waiting<T>| {
            waiting.coding != coding || waiting.segments.get(&number).is_some_and(|old| old.body != part.body)
        };
        if self.waiting.get(&slot).is_some_and(clash) {
            done.extend(self.remove(&slot));
        }
        if !self.waiting.contains_key(&slot) {
            done.extend(self.make_room());
            self.begin(now, &slot, coding);
        }
        let Some(waiting) = self.waiting.get_mut(&slot) else { return Offered { done, repeated: None } };
        let repeated = waiting.segments.insert(number, part).map(|old| old.tag);
        if waiting.segments.len() == usize::from(total) {
            done.extend(self.remove(&slot));
        }
        Offered { done, repeated }
    }

    /// Gives back what has waited long enough at `now`, as far as it came.
    pub fn expire(&mut self, now: Duration) -> Vec<Assembled<K, T>> {
        let mut done = Vec::new();
        while let Some((_, (deadline, slot))) = self.ages.first_key_value() {
            if *deadline > now {
                break;
            }
            let slot = slot.clone();
            done.extend(self.remove(&slot));
        }
        done
    }

    /// Gives back everything, oldest first: the link's owner ends.
    pub fn drain(&mut self) -> Vec<Assembled<K, T>> {
        self.expire(Duration::MAX)
    }

    fn begin(&mut self, now: Duration, slot: &Slot<K>, coding: Coding) {
        let age = self.next;
        self.next += 1;
        self.ages.insert(age, (now.saturating_add(self.limits.wait), slot.clone()));
        self.waiting.insert(slot.clone(), Waiting { age, coding, segments: BTreeMap::new() });
    }

    /// The oldest, when there is no room for one more.
    fn make_room(&mut self) -> Option<Assembled<K, T>> {
        if self.waiting.len() < self.limits.pending {
            return None;
        }
        let (_, (_, slot)) = self.ages.first_key_value()?;
        let slot = slot.clone();
        self.remove(&slot)
    }

    fn remove(&mut self, slot: &Slot<K>) -> Option<Assembled<K, T>> {
        let (slot, waiting) = self.waiting.remove_entry(slot)?;
        self.ages.remove(&waiting.age);
        Some(Assembled { key: slot.key, coding: waiting.coding, total: slot.total, segments: waiting.segments })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(reference: u8, total: u8, number: u8) -> Place {
        Place::new(Reference::Byte(reference), total, number).unwrap()
    }

    const LIMITS: Limits = Limits { segments: 3, pending: 2, wait: Duration::from_secs(60) };

    struct Test(Assembler<&'static str, u32>);

    impl Test {
        /// Texts that are done, with `!` where something is missing, and the repeated tag.
        fn offer(
            &mut self,
            at: u64,
            key: &'static str,
            place: Place,
            text: &str,
            tag: u32,
        ) -> (Vec<String>, Option<u32>) {
            let now = Duration::from_secs(at);
            let body = Coding::UCS2.encode(text).unwrap();
            let offered = self.0.offer(now, key, Coding::UCS2, place, body, tag);
            (offered.done.iter().map(told).collect(), offered.repeated)
        }
    }

    fn told(reply: &Assembled<&'static str, u32>) -> String {
        format!("{}:{}{}", reply.key, reply.text(), if reply.is_whole() { "" } else { "!" })
    }

    fn none() -> (Vec<String>, Option<u32>) {
        (vec![], None)
    }

    fn some(texts: &[&str]) -> (Vec<String>, Option<u32>) {
        (texts.iter().map(|&t| t.to_owned()).collect(), None)
    }

    #[test]
    fn segments_come_in_any_order_and_conversation() {
        let mut t = Test(Assembler::new(LIMITS));
        assert_eq!(t.offer(0, "a", place(1, 2, 2), "订", 0), none());
        assert_eq!(t.offer(0, "b", place(1, 2, 1), "拒", 1), none());
        assert_eq!(t.offer(0, "a", place(1, 2, 1), "退", 2), some(&["a:退订"]));
        assert_eq!(t.offer(0, "b", place(1, 2, 2), "收", 3), some(&["b:拒收"]));
        assert!(t.0.is_empty() && t.0.ages.is_empty());
    }

    #[test]
    fn a_copy_gives_its_old_tag_back_and_another_text_begins_anew() {
        let mut t = Test(Assembler::new(LIMITS));
        assert_eq!(t.offer(0, "a", place(1, 2, 1), "退", 7), none());
        assert_eq!(t.offer(1, "a", place(1, 2, 1), "退", 8), (vec![], Some(7)));
        assert_eq!(t.offer(2, "a", place(1, 2, 1), "换", 9), some(&["a:退…!"]));
        assert_eq!(t.offer(3, "a", place(1, 2, 2), "了", 10), some(&["a:换了"]));
    }

    #[test]
    fn what_waits_too_long_or_too_many_comes_back_as_far_as_it_came() {
        let mut t = Test(Assembler::new(LIMITS));
        t.offer(0, "a", place(1, 3, 1), "一", 0);
        t.offer(0, "a", place(1, 3, 3), "三", 0);
        t.offer(1, "b", place(1, 3, 2), "二", 0);
        assert_eq!(t.offer(2, "c", place(1, 2, 1), "一", 0), some(&["a:一…三!"]));
        assert_eq!(t.0.deadline(), Some(Duration::from_secs(61)));
        assert!(t.0.expire(Duration::from_secs(60)).is_empty());
        assert_eq!(t.0.expire(Duration::from_secs(61)).iter().map(told).collect::<Vec<_>>(), ["b:…二…!"]);
        assert_eq!(t.0.drain().len(), 1);
        assert!(t.0.is_empty() && t.0.deadline().is_none());
    }

    #[test]
    fn too_many_segments_or_only_one_are_given_back_at_once() {
        let mut t = Test(Assembler::new(LIMITS));
        assert_eq!(t.offer(0, "a", place(1, 1, 1), "退订", 0), some(&["a:退订"]));
        assert_eq!(t.offer(0, "a", place(1, 4, 1), "退订", 0), some(&["a:退订…!"]));
        assert!(t.0.is_empty());
    }

    #[test]
    fn a_character_cut_between_segments_is_whole_again() {
        let bytes = Coding::UCS2.encode("🎉").unwrap();
        let mut assembler = Assembler::new(LIMITS);
        let now = Duration::ZERO;
        assembler.offer(now, (), Coding::UCS2, place(1, 2, 1), bytes[..2].to_vec(), ());
        let offered = assembler.offer(now, (), Coding::UCS2, place(1, 2, 2), bytes[2..].to_vec(), ());
        assert_eq!(offered.done[0].text(), "🎉");
    }
}
