//! What a gateway does with the next valid send.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// What happens to one valid send. Lookups are never disturbed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Taken and answered.
    Accept,
    /// Taken; every row is answered twice (Yunpian).
    DuplicateRows,
    /// Taken; the answer is not JSON.
    Garbage,
    /// Taken; half the answer comes.
    HalfBody,
    /// Taken; no answer ever comes.
    Hold,
    /// Taken; the answer has this many bytes.
    Huge(usize),
    /// Every `every`th row is refused with this code, the others are taken (Yunpian; elsewhere all are taken).
    Partial {
        /// Counted from the first row.
        every: usize,
        /// The code of the refused rows.
        code: i64,
    },
    /// Not taken; a 307 to this address.
    Redirect(String),
    /// Not taken; this code.
    Refuse(String),
    /// Taken; the connection is reset.
    Reset,
    /// Taken; an HTTP status of 500 or more.
    ServerError(u16),
    /// Taken; the answer comes this much later.
    Slow(Duration),
    /// Not taken; "later".
    Throttle,
    /// Taken; a code that no document lists.
    UnknownCode,
    /// Taken; every other row is left out of the answer (Yunpian).
    Unnamed,
}

impl Step {
    /// Reads a step: `accept`, `duplicate`, `garbage`, `half`, `hold`, `huge_BYTES`, `http_STATUS`, `partial_EVERY_CODE`,
    /// `redirect_URL`, `refuse_CODE`, `reset`, `slow_MILLISECONDS`, `throttle`, `unknown`, `unnamed`; `None` for anything
    /// else.
    pub fn parse(s: &str) -> Option<Self> {
        let (name, argument) = match s.split_once('_') {
            Some((name, argument)) => (name, Some(argument)),
            None => (s, None),
        };
        Some(match (name, argument) {
            ("accept", None) => Self::Accept,
            ("duplicate", None) => Self::DuplicateRows,
            ("garbage", None) => Self::Garbage,
            ("half", None) => Self::HalfBody,
            ("hold", None) => Self::Hold,
            ("http", Some(status)) => Self::ServerError(status.parse().ok()?),
            ("huge", Some(bytes)) => Self::Huge(bytes.parse().ok()?),
            ("partial", Some(rows)) => {
                let (every, code) = rows.split_once('_')?;
                Self::Partial { every: every.parse().ok().filter(|n| *n > 0)?, code: code.parse().ok()? }
            }
            ("redirect", Some(url)) => Self::Redirect(url.to_owned()),
            ("refuse", Some(code)) => Self::Refuse(code.to_owned()),
            ("reset", None) => Self::Reset,
            ("slow", Some(millis)) => Self::Slow(Duration::from_millis(millis.parse().ok()?)),
            ("throttle", None) => Self::Throttle,
            ("unknown", None) => Self::UnknownCode,
            ("unnamed", None) => Self::Unnamed,
            _ => return None,
        })
    }
}

/// The steps of a gateway: first those queued, then drawn by weight, else [`Step::Accept`].
#[derive(Clone, Debug, Default)]
pub struct Script {
    queue: VecDeque<Step>,
    weighted: Vec<(u32, Step)>,
    seed: u64,
    refused: HashMap<u64, String>,
}

impl Script {
    /// Takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a step to the queue.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.queue.push_back(step);
        self
    }

    /// After the queue, draws this step with this weight; the same seed draws the same steps.
    #[must_use]
    pub fn weighted(mut self, weight: u32, step: Step) -> Self {
        self.weighted.push((weight, step));
        self
    }

    /// The seed of the draw.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Refuses one number with this code, such as a person who unsubscribed. A platform that answers per request
    /// refuses the whole request then, as the real one does.
    #[must_use]
    pub fn refuse_number(mut self, number: u64, code: impl Into<String>) -> Self {
        self.refused.insert(number, code.into());
        self
    }

    /// Reads steps with weights, joined with commas: `accept=9800,hold=50,refuse_isv.BUSINESS_LIMIT_CONTROL=10`; see
    /// [`Step::parse`]. `None` for anything else.
    pub fn parse(s: &str) -> Option<Self> {
        let mut script = Self::new();
        for pair in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (step, weight) = pair.rsplit_once('=')?;
            script = script.weighted(weight.parse().ok()?, Step::parse(step)?);
        }
        Some(script)
    }

    pub(super) fn next(&mut self) -> Step {
        if let Some(step) = self.queue.pop_front() {
            return step;
        }
        let total: u64 = self.weighted.iter().map(|(w, _)| u64::from(*w)).sum();
        if total == 0 {
            return Step::Accept;
        }
        let mut at = self.draw() % total;
        for (weight, step) in &self.weighted {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return step.clone(),
            }
        }
        Step::Accept
    }

    pub(super) fn refusal_of(&self, number: u64) -> Option<&str> {
        self.refused.get(&number).map(String::as_str)
    }

    pub(super) fn refuses_numbers(&self) -> bool {
        !self.refused.is_empty()
    }

    /// splitmix64.
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_steps() {
        let draw = |seed| {
            let mut s = Script::parse("accept=1,hold=1,http_503=1").unwrap().seed(seed).then(Step::Reset);
            (0..50).map(|_| s.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_eq!(draw(7)[0], Step::Reset);
        assert!(draw(7).contains(&Step::ServerError(503)));
        assert!(Script::parse("accept").is_none() && Script::parse("nap=1").is_none());
    }

    #[test]
    fn every_step_can_be_spelled() {
        for (word, step) in [
            ("accept", Step::Accept),
            ("duplicate", Step::DuplicateRows),
            ("garbage", Step::Garbage),
            ("half", Step::HalfBody),
            ("hold", Step::Hold),
            ("http_503", Step::ServerError(503)),
            ("huge_2000000", Step::Huge(2_000_000)),
            ("partial_3_-1", Step::Partial { every: 3, code: -1 }),
            ("redirect_http://127.0.0.1:9/a_b?c=d", Step::Redirect("http://127.0.0.1:9/a_b?c=d".into())),
            ("refuse_isv.BUSINESS_LIMIT_CONTROL", Step::Refuse("isv.BUSINESS_LIMIT_CONTROL".into())),
            ("reset", Step::Reset),
            ("slow_200", Step::Slow(Duration::from_millis(200))),
            ("throttle", Step::Throttle),
            ("unknown", Step::UnknownCode),
            ("unnamed", Step::Unnamed),
        ] {
            assert_eq!(Step::parse(word).as_ref(), Some(&step), "{word}");
            assert_eq!(Script::parse(&format!("{word}=7")).unwrap().next(), step, "{word}");
        }
        for word in ["", "accept_1", "http", "http_x", "partial_2", "partial_0_1", "huge", "refuse", "nap"] {
            assert_eq!(Step::parse(word), None, "{word}");
        }
    }
}
