//! May we speak to this person now? The only place that knows all rules, and pure: no clock, no store, no randomness,
//! no allocation on the clearing path.

use crate::cap::Cap;
use crate::clock::Timestamp;
use crate::consent::Purpose;
use crate::facts::{Facts, Grant, OwnerKey, Scope, newest};
use crate::policy::Policy;
use crate::policy::law::{Code, Explanation};

/// What is to be sent, by whom, under which policy.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The owner of the shop, and every owner that was merged into it.
    pub owners: &'a [OwnerKey],
    /// What the message is for.
    pub purpose: Purpose,
    /// Whether the text or the audience was chosen by automated decision about the person.
    pub personalised: bool,
    /// Whether the segment was built on sensitive data.
    pub sensitive: bool,
    /// The store's policy within the account's limits.
    pub policy: &'a Policy,
}

/// Proof that [`judge`] said yes, for one person on facts of one moment. It cannot be built, cloned or read back.
#[must_use = "a clearance that is never used sends nothing"]
#[derive(Debug)]
pub struct Clearance {
    grant: u64,
    until: Timestamp,
}

impl Clearance {
    /// No byte may leave at or after this moment: the window closes, or the consent ends.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// The consent event that it rests on (eight bytes of its key).
    pub fn grant(&self) -> u64 {
        self.grant
    }
}

/// The gate's answer.
#[must_use]
#[derive(Debug)]
pub enum Decision {
    /// Yes, until the clearance's end.
    Go(Clearance),
    /// Not now; ask again then.
    Later {
        /// When to ask again.
        until: Timestamp,
        /// Why.
        code: Code,
    },
    /// No.
    Refused(Refusal),
}

/// Why not. An answer, not an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The first rule that applies, in the fixed order.
    pub code: Code,
    /// When it was decided; the law of that day is cited.
    pub at: Timestamp,
}

impl Refusal {
    /// Rule ids, dated legal basis, an English and a Chinese sentence, a remedy.
    pub fn explain(&self) -> Explanation {
        self.code.explain(self.at.day())
    }
}

/// The rules in their fixed order.
const ORDER: [Rule; 12] = [
    Rule::Stopped,
    Rule::Withdrawn,
    Rule::NoConsent,
    Rule::PurposeNotConsented,
    Rule::PersonalisationNotConsented,
    Rule::SensitiveNotConsented,
    Rule::Expired,
    Rule::Minor,
    Rule::Suspended,
    Rule::PromiseExceeded,
    Rule::CapExceeded,
    Rule::PressureExceeded,
];

#[derive(Clone, Copy)]
enum Rule {
    Stopped,
    Withdrawn,
    NoConsent,
    PurposeNotConsented,
    PersonalisationNotConsented,
    SensitiveNotConsented,
    Expired,
    Minor,
    Suspended,
    PromiseExceeded,
    CapExceeded,
    PressureExceeded,
}

/// Decides for one person.
///
/// Refusals come in the order `stopped`, `withdrawn`, `no_consent`, `purpose_not_consented`,
/// `personalisation_not_consented`, `sensitive_not_consented`, `expired`, `minor`, `suspended`, `promise_exceeded`,
/// `cap_exceeded`, `pressure_exceeded`; then `outside_window` defers to the next opening.
pub fn judge(facts: &Facts<'_>, case: &Case<'_>, now: Timestamp) -> Decision {
    let view = View::new(facts, case, now);
    if let Some(code) = ORDER.iter().find_map(|rule| view.refuses(*rule)) {
        return Decision::Refused(Refusal { code, at: now });
    }
    let Some(grant) = view.grant else { return Decision::Refused(Refusal { code: Code::NoConsent, at: now }) };
    match case.policy.window.close_after(now.millis()) {
        Some(close) if case.policy.window.contains(now.millis()) => {
            let until = view.consent_end(grant).min(Timestamp::from_millis(close));
            Decision::Go(Clearance { grant: grant.event, until })
        }
        _ => Decision::Later {
            until: Timestamp::from_millis(case.policy.window.next_open(now.millis())),
            code: Code::OutsideWindow,
        },
    }
}

/// Every rule that refuses, in order; `outside_window` last. Empty when cleared. For explaining, not for the hot path.
pub fn judge_all(facts: &Facts<'_>, case: &Case<'_>, now: Timestamp) -> Vec<Code> {
    let view = View::new(facts, case, now);
    let mut all: Vec<Code> = ORDER.iter().filter_map(|rule| view.refuses(*rule)).collect();
    if !case.policy.window.contains(now.millis()) {
        all.push(Code::OutsideWindow);
    }
    all
}

struct View<'a> {
    facts: &'a Facts<'a>,
    case: &'a Case<'a>,
    now: Timestamp,
    /// The newest consent of this shop that names the purpose.
    grant: Option<&'a Grant>,
}

impl<'a> View<'a> {
    fn new(facts: &'a Facts<'a>, case: &'a Case<'a>, now: Timestamp) -> Self {
        Self { facts, case, now, grant: newest(facts.grants, case.purpose, now) }
    }

    fn refuses(&self, rule: Rule) -> Option<Code> {
        let (applies, code) = match rule {
            Rule::Stopped => (self.stopped(), Code::Stopped),
            Rule::Withdrawn => (self.withdrawn(), Code::Withdrawn),
            Rule::NoConsent => (!self.facts.grants.iter().any(|g| g.given_at <= self.now), Code::NoConsent),
            Rule::PurposeNotConsented => (self.grant.is_none(), Code::PurposeNotConsented),
            Rule::PersonalisationNotConsented => (
                self.case.personalised && self.grant.is_some_and(|g| !g.personalised),
                Code::PersonalisationNotConsented,
            ),
            Rule::SensitiveNotConsented => {
                (self.case.sensitive && self.grant.is_some_and(|g| !g.sensitive), Code::SensitiveNotConsented)
            }
            Rule::Expired => (self.grant.is_some_and(|g| self.consent_end(g) <= self.now), Code::Expired),
            Rule::Minor => (self.case.personalised && self.facts.person.minor_until > self.now.millis(), Code::Minor),
            Rule::Suspended => (self.suspended(), Code::Suspended),
            Rule::PromiseExceeded => (self.promise_exceeded(), Code::PromiseExceeded),
            Rule::CapExceeded => (self.case.policy.caps.iter().any(|c| self.owner_exceeds(*c)), Code::CapExceeded),
            Rule::PressureExceeded => {
                let sends = || self.facts.person.sends.iter().map(|s| s.at);
                let over = self.case.policy.pressure.iter().any(|c| c.exceeded(sends(), self.now.millis()));
                (over, Code::PressureExceeded)
            }
        };
        applies.then_some(code)
    }

    fn covered_by(&self, covers: impl Fn(&Scope) -> bool) -> bool {
        let given = self.grant.map_or(-1, |g| g.given_at.millis());
        self.facts.person.stops.iter().any(|(scope, at)| covers(scope) && given <= *at)
    }

    fn stopped(&self) -> bool {
        self.covered_by(|scope| match scope {
            Scope::Everyone => true,
            Scope::Owner(o) => self.case.owners.contains(o),
            Scope::Purpose(..) => false,
        })
    }

    fn withdrawn(&self) -> bool {
        self.covered_by(|scope| match scope {
            Scope::Purpose(o, p) => *p == self.case.purpose && self.case.owners.contains(o),
            Scope::Everyone | Scope::Owner(_) => false,
        })
    }

    fn consent_end(&self, grant: &Grant) -> Timestamp {
        grant.valid_until.min(grant.given_at.plus_days(self.case.policy.max_consent_days))
    }

    fn suspended(&self) -> bool {
        let p = self.facts.person;
        let (failures, days) = self.case.policy.soft_failures;
        let rests = p.soft >= failures && failures > 0 && self.now < Timestamp::from_millis(p.soft_at).plus_days(days);
        let dead = p.dead_at > 0 && self.grant.is_none_or(|g| g.given_at.millis() <= p.dead_at);
        rests || dead
    }

    fn promise_exceeded(&self) -> bool {
        // A promise that cannot be read as a cap promises nothing that a send could keep.
        let kept = |g: &Grant| Cap::new(g.promise.max, g.promise.days).is_ok_and(|c| !self.owner_exceeds(c));
        self.grant.is_some_and(|g| !kept(g))
    }

    fn owner_exceeds(&self, cap: Cap) -> bool {
        let sends = self.facts.person.sends.iter().filter(|s| self.case.owners.contains(&s.owner)).map(|s| s.at);
        cap.exceeded(sends, self.now.millis())
    }
}
