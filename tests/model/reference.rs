//! What the library promises, said again and independently: a few lists per person, searched naively.
//!
//! - S1 every submission had, at that moment, a live consent of this person to this shop for this purpose;
//! - S2 nobody is sent to whom a stop covers that is not older than the consent;
//! - S3 one person gets at most one attempt of a campaign that is not proven unaccepted;
//! - S4 no cap, pressure or promise is exceeded in any window, no number rests or is dead, and the window is open;
//! - S5 (outcomes add up, facts are the fold of events) is asked of the store by the test itself.

use std::collections::HashMap;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const DAY: i64 = 86_400_000;

/// So many in so many days: per owner, and over all owners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) caps: [(usize, i64); 3],
    pub(crate) pressure: (usize, i64),
}

/// `china_default`.
pub(crate) const STRICT: Limits = Limits { caps: [(1, 1), (2, 7), (4, 30)], pressure: (2, 1) };
/// So loose that a cap hides no second attempt.
pub(crate) const LOOSE: Limits = Limits { caps: [(6, 1), (20, 7), (50, 30)], pressure: (9, 1) };

const MAX_CONSENT_DAYS: i64 = 365;
const SOFT: (u32, i64) = (3, 30);
/// Two shops of the first owner, one of the second.
pub(crate) const OWNER_OF: [usize; 3] = [0, 0, 1];

/// How far a stop reaches. Purposes are bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reach {
    Everyone,
    Owner(usize),
    Purpose(usize, u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Consent {
    pub(crate) shop: usize,
    pub(crate) purposes: u8,
    pub(crate) at: i64,
    pub(crate) until: i64,
    pub(crate) promise: (usize, i64),
}

/// One line of a history: what was told, and what left.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    OptIn(Consent),
    Stop {
        reach: Reach,
        at: i64,
    },
    /// A complaint about no known shop: whoever sent within 31 days, else everyone.
    StopSenders {
        at: i64,
    },
    Erase {
        owner: usize,
        at: i64,
    },
    PastSend {
        owner: usize,
        at: i64,
    },
    Dead {
        at: i64,
    },
    Soft {
        at: i64,
    },
    Delivered,
    /// `proven_unaccepted`: the platform says, with evidence, that it did not take it.
    Submitted {
        campaign: usize,
        shop: usize,
        purpose: u8,
        at: i64,
        proven_unaccepted: bool,
    },
}

#[derive(Default)]
struct Person {
    consents: Vec<Consent>,
    stops: Vec<(Reach, i64)>,
    erased: Vec<(usize, i64)>,
    sends: Vec<(usize, i64)>,
    dead: i64,
    soft: u32,
    soft_at: i64,
    attempts: HashMap<usize, usize>,
}

pub(crate) struct Reference {
    limits: Limits,
    people: HashMap<usize, Person>,
}

fn covers(reach: Reach, shop: usize, purposes: u8) -> bool {
    match reach {
        Reach::Everyone => true,
        Reach::Owner(owner) => owner == OWNER_OF[shop],
        Reach::Purpose(owner, purpose) => owner == OWNER_OF[shop] && purposes & purpose != 0,
    }
}

fn within(sends: impl Iterator<Item = i64>, days: i64, now: i64) -> usize {
    sends.filter(|s| now - s < days * DAY).count()
}

impl Person {
    /// The latest moment that a consent of this shop to any of these purposes must be newer than.
    fn barrier(&self, shop: usize, purposes: u8) -> i64 {
        let stops = self.stops.iter().filter(|(reach, _)| covers(*reach, shop, purposes)).map(|(_, at)| *at);
        let erased = self.erased.iter().filter(|(owner, _)| *owner == OWNER_OF[shop]).map(|(_, at)| *at);
        stops.chain(erased).max().unwrap_or(-1)
    }

    /// The newest consent; of two of one moment the one that was told last.
    fn newest(&self, shop: usize, purpose: u8, now: i64) -> Option<&Consent> {
        let named = self.consents.iter().filter(|c| c.shop == shop && c.purposes & purpose != 0 && c.at <= now);
        named.max_by_key(|c| c.at)
    }

    fn full(&self, owner: usize, (max, days): (usize, i64), now: i64) -> bool {
        within(self.sends.iter().filter(|(o, _)| *o == owner).map(|(_, at)| *at), days, now) >= max
    }

    fn refusal(&self, limits: &Limits, shop: usize, purpose: u8, now: i64) -> Option<&'static str> {
        let Some(consent) = self.newest(shop, purpose, now) else { return Some("S1: no consent") };
        let owner = OWNER_OF[shop];
        let all = self.sends.iter().map(|(_, at)| *at);
        let rules = [
            (consent.at <= self.barrier(shop, purpose), "S2: a stop or a deletion is not older than the consent"),
            (consent.until <= now || consent.at + MAX_CONSENT_DAYS * DAY <= now, "S1: the consent has ended"),
            (self.dead >= consent.at, "S4: the number is dead"),
            (self.soft >= SOFT.0 && now < self.soft_at + SOFT.1 * DAY, "S4: the number rests"),
            (self.full(owner, consent.promise, now), "S4: the promise is exceeded"),
            (limits.caps.iter().any(|cap| self.full(owner, *cap, now)), "S4: a cap is exceeded"),
            (within(all, limits.pressure.1, now) >= limits.pressure.0, "S4: pressure is exceeded"),
        ];
        rules.into_iter().find(|(applies, _)| *applies).map(|(_, rule)| rule)
    }
}

/// Whether the window 09:00–20:00 in Shanghai is open.
pub(crate) fn is_open(now: i64) -> bool {
    let minute = (now / MINUTE + 8 * 60) % (24 * 60);
    (9 * 60..20 * 60).contains(&minute)
}

impl Reference {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, people: HashMap::new() }
    }

    /// Why this person may not get a message now, whatever the hour; `None` when they may.
    pub(crate) fn refusal(&self, who: usize, shop: usize, purpose: u8, now: i64) -> Option<&'static str> {
        let person = self.people.get(&who);
        person.map_or(Some("S1: nothing is known"), |p| p.refusal(&self.limits, shop, purpose, now))
    }

    /// Whether an opt-in may be recorded: it is newer than every stop and deletion that touches it.
    pub(crate) fn takes(&self, who: usize, consent: &Consent) -> bool {
        let barrier = self.people.get(&who).map_or(-1, |p| p.barrier(consent.shop, consent.purposes));
        consent.at > barrier && consent.at < consent.until
    }

    /// Adds one line of the history; what it breaks.
    pub(crate) fn tell(&mut self, who: usize, told: &Told) -> Option<&'static str> {
        if let Told::OptIn(consent) = told
            && !self.takes(who, consent)
        {
            return None;
        }
        let person = self.people.entry(who).or_default();
        match told {
            Told::OptIn(consent) => {
                // Of one moment the last told is the newest: `max_by_key` gives the last of equals.
                person.consents.push(consent.clone());
            }
            Told::Stop { reach, at } => person.stops.push((*reach, *at)),
            Told::StopSenders { at } => {
                let mut owners: Vec<usize> =
                    person.sends.iter().filter(|(_, sent)| *sent >= at - 31 * DAY).map(|(o, _)| *o).collect();
                owners.dedup();
                match owners.is_empty() {
                    true => person.stops.push((Reach::Everyone, *at)),
                    false => person.stops.extend(owners.into_iter().map(|o| (Reach::Owner(o), *at))),
                }
            }
            Told::Erase { owner, at } => {
                person.erased.push((*owner, *at));
                person.consents.retain(|c| OWNER_OF[c.shop] != *owner || c.at > *at);
            }
            Told::PastSend { owner, at } => person.sends.push((*owner, *at)),
            Told::Dead { at } => person.dead = person.dead.max(*at),
            Told::Soft { at } => (person.soft, person.soft_at) = (person.soft + 1, *at),
            Told::Delivered => person.soft = 0,
            Told::Submitted { campaign, shop, purpose, at, proven_unaccepted } => {
                let mut broken = person.refusal(&self.limits, *shop, *purpose, *at);
                if !is_open(*at) {
                    broken = broken.or(Some("S4: the window is closed"));
                }
                if person.attempts.get(campaign).is_some_and(|n| *n > 0) {
                    broken = broken.or(Some("S3: a second attempt"));
                }
                if !proven_unaccepted {
                    *person.attempts.entry(*campaign).or_default() += 1;
                    person.sends.push((OWNER_OF[*shop], *at));
                }
                return broken;
            }
        }
        None
    }
}

/// Everything that a whole trace breaks, by line.
pub(crate) fn check(trace: &[(usize, Told)]) -> Vec<(usize, &'static str)> {
    let mut reference = Reference::new(STRICT);
    let lines = trace.iter().enumerate();
    lines.filter_map(|(line, (who, told))| reference.tell(*who, told).map(|broken| (line, broken))).collect()
}
