//! What a merchant reads: the funnel before a run, the report after it, and one row per entry as CSV.
//!
//! Values only: they are filled by who counts, check themselves, and print. Every entry stands in exactly one line.

mod rows;
mod table;

pub use crate::provider::Why;
pub use rows::{NumberStyle, ReportRow, ReportWriter};

use crate::clock::Timestamp;
use crate::entry::State;
use crate::id::{AccountId, CampaignName, ShopId, VariantName};
use crate::money::Money;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use table::Table;

/// Where an entry stands before the run. The order is that of the table.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Bucket {
    /// May be sent to now.
    Ready,
    /// May be sent to later; see [`Funnel::next_open`].
    Later,
    /// The gate says no, with this code.
    Refused(Cow<'static, str>),
    /// The number was there before; the first position counts.
    Duplicate,
    /// The record could not be an entry, with this code.
    BadRow(Cow<'static, str>),
}

impl Bucket {
    /// Stable code: `ready`, `later`, `duplicate`, or the code of the refusal or fault.
    pub fn code(&self) -> &str {
        match self {
            Self::Ready => "ready",
            Self::Later => "later",
            Self::Refused(code) | Self::BadRow(code) => code,
            Self::Duplicate => "duplicate",
        }
    }

    /// Stable name of the kind: `ready`, `later`, `refused`, `duplicate`, `bad_row`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Later => "later",
            Self::Refused(_) => "refused",
            Self::Duplicate => "duplicate",
            Self::BadRow(_) => "bad_row",
        }
    }

    /// The kind in Chinese.
    pub fn zh(&self) -> &'static str {
        match self {
            Self::Ready => "可发送",
            Self::Later => "稍后发送",
            Self::Refused(_) => "不可发送",
            Self::Duplicate => "重复号码",
            Self::BadRow(_) => "无效数据",
        }
    }
}

/// What one variant on one account takes of the campaign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Share {
    /// Which text.
    pub variant: VariantName,
    /// By which account.
    pub account: AccountId,
    /// Entries, ready or later.
    pub entries: u64,
    /// Billed parts.
    pub parts: u64,
    /// Price of the parts.
    pub cost: Money,
}

/// Who gets the campaign, who does not and why, and what it costs, before anything is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Funnel {
    /// Which campaign.
    pub campaign: CampaignName,
    /// Records of the audience.
    pub total_entries: u64,
    /// Every record in exactly one bucket.
    pub buckets: BTreeMap<Bucket, u64>,
    /// A sentence for a bucket, where there is one.
    pub why: BTreeMap<Bucket, Why>,
    /// Entries that may be sent to now.
    pub ready: u64,
    /// When the first of the later ones may be sent to.
    pub next_open: Option<Timestamp>,
    /// Billed parts of all that are ready or later.
    pub parts: u64,
    /// Price of the parts.
    pub cost: Money,
    /// How ready and later ones are shared out; empty when not yet known.
    pub shares: Vec<Share>,
    /// When the last one will have left at the present pace.
    pub finish: Option<Timestamp>,
    /// What the merchant should know, one sentence each.
    pub warnings: Vec<String>,
}

/// Figures that do not add up: a defect of the counting, never of the audience.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}: {found} found where {expected} was expected")]
pub struct Mismatch {
    /// Which sum.
    pub what: &'static str,
    /// What it should be.
    pub expected: u64,
    /// What it is.
    pub found: u64,
}

fn same(what: &'static str, expected: u64, found: Option<u64>) -> Result<(), Mismatch> {
    // A sum over 64 bits cannot be right either.
    let found = found.unwrap_or(u64::MAX);
    if expected == found { Ok(()) } else { Err(Mismatch { what, expected, found }) }
}

fn sum(mut values: impl Iterator<Item = u64>) -> Option<u64> {
    values.try_fold(0u64, u64::checked_add)
}

fn at(t: Option<Timestamp>) -> String {
    t.map_or_else(|| "-".to_owned(), |t| t.to_string())
}

fn money_json(m: Money) -> Value {
    json!({ "yuan": m.yuan(), "ten_thousandths": m.ten_thousandths() })
}

impl Funnel {
    /// An empty funnel of `campaign`.
    pub fn new(campaign: CampaignName) -> Self {
        Self {
            campaign,
            total_entries: 0,
            buckets: BTreeMap::new(),
            why: BTreeMap::new(),
            ready: 0,
            next_open: None,
            parts: 0,
            cost: Money::ZERO,
            shares: Vec::new(),
            finish: None,
            warnings: Vec::new(),
        }
    }

    /// How many stand in `bucket`.
    pub fn count(&self, bucket: &Bucket) -> u64 {
        self.buckets.get(bucket).copied().unwrap_or(0)
    }

    /// Whether every record is counted once, and the shares add up to what is to be sent.
    ///
    /// # Errors
    /// [`Mismatch`] with the first sum that is wrong.
    pub fn check(&self) -> Result<(), Mismatch> {
        same("buckets", self.total_entries, sum(self.buckets.values().copied()))?;
        same("ready", self.ready, Some(self.count(&Bucket::Ready)))?;
        if self.shares.is_empty() {
            return Ok(());
        }
        let to_send = self.ready.saturating_add(self.count(&Bucket::Later));
        same("entries of the shares", to_send, sum(self.shares.iter().map(|s| s.entries)))?;
        same("parts of the shares", self.parts, sum(self.shares.iter().map(|s| s.parts)))?;
        let cost = sum(self.shares.iter().map(|s| s.cost.ten_thousandths()));
        same("cost of the shares", self.cost.ten_thousandths(), cost)
    }

    /// The same as JSON; times in RFC 3339, money as text and as ten-thousandths of a yuan.
    pub fn to_json(&self) -> Value {
        let bucket = |(b, n): (&Bucket, &u64)| {
            let why = self.why.get(b);
            json!({ "kind": b.kind(), "code": b.code(), "entries": n, "zh": why.map(|w| &w.zh), "en": why.map(|w| &w.en) })
        };
        let share = |s: &Share| {
            json!({
                "variant": s.variant, "account": s.account, "entries": s.entries, "parts": s.parts,
                "cost": money_json(s.cost),
            })
        };
        json!({
            "campaign": self.campaign,
            "total_entries": self.total_entries,
            "buckets": self.buckets.iter().map(bucket).collect::<Vec<_>>(),
            "ready": self.ready,
            "next_open": self.next_open,
            "parts": self.parts,
            "cost": money_json(self.cost),
            "shares": self.shares.iter().map(share).collect::<Vec<_>>(),
            "finish": self.finish,
            "warnings": self.warnings,
        })
    }
}

impl fmt::Display for Funnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "活动 campaign {}", self.campaign)?;
        let mut table = Table::new(["", "code", "entries", "why"]).right(2);
        for (b, n) in &self.buckets {
            let why = self.why.get(b).map_or("", |w| if w.zh.is_empty() { &w.en } else { &w.zh });
            table.row([b.zh(), b.code(), &n.to_string(), why]);
        }
        table.row(["合计", "total", &self.total_entries.to_string(), ""]);
        write!(f, "{table}")?;
        if !self.shares.is_empty() {
            let mut table = Table::new(["variant", "account", "entries", "parts", "cost"]).right(2).right(3).right(4);
            for s in &self.shares {
                let figures = [s.entries.to_string(), s.parts.to_string(), s.cost.yuan()];
                table.row([s.variant.as_str(), s.account.as_str(), &figures[0], &figures[1], &figures[2]]);
            }
            write!(f, "\n{table}")?;
        }
        let mut table = Table::new([]);
        table.row(["计费条数 parts", &self.parts.to_string()]);
        table.row(["费用 cost", &self.cost.to_string()]);
        table.row(["最早可发 next open", &at(self.next_open)]);
        table.row(["预计完成 finish", &at(self.finish)]);
        write!(f, "\n{table}")?;
        self.warnings.iter().try_for_each(|w| writeln!(f, "! {w}"))
    }
}

/// The states in the order of the report.
const ORDER: [State; 11] = [
    State::Delivered,
    State::Accepted,
    State::NoReport,
    State::Undelivered,
    State::Failed,
    State::Refused,
    State::Expired,
    State::Unknown,
    State::Unresolved,
    State::Begun,
    State::Planned,
];

/// What became of one variant, or of one account's part.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// Entries by state.
    pub counts: BTreeMap<State, u64>,
    /// People who unsubscribed in answer to it.
    pub stops: u64,
    /// Billed parts.
    pub parts: u64,
    /// Price of the parts.
    pub cost: Money,
}

impl Figures {
    /// Entries in `state`.
    pub fn count(&self, state: State) -> u64 {
        self.counts.get(&state).copied().unwrap_or(0)
    }

    /// All entries.
    pub fn total(&self) -> u64 {
        self.counts.values().fold(0, |a, b| a.saturating_add(*b))
    }

    /// Entries that the platform has taken.
    pub fn taken(&self) -> u64 {
        self.counts.iter().filter(|(s, _)| s.is_taken()).fold(0, |a, (_, n)| a.saturating_add(*n))
    }

    /// Delivered of taken, in hundredths of a per cent; `None` while none is taken.
    pub fn delivery_rate(&self) -> Option<u64> {
        let taken = u128::from(self.taken());
        let rate = (u128::from(self.count(State::Delivered)) * 10_000).checked_div(taken)?;
        u64::try_from(rate).ok()
    }

    fn json(&self) -> Value {
        json!({
            "states": self.counts.iter().map(|(s, n)| (s.as_str().to_owned(), json!(n))).collect::<serde_json::Map<_, _>>(),
            "total": self.total(), "taken": self.taken(), "delivery_rate_per_10000": self.delivery_rate(),
            "stops": self.stops, "parts": self.parts, "cost": money_json(self.cost),
        })
    }
}

/// What became of a campaign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Whose.
    pub shop: ShopId,
    /// Which.
    pub campaign: CampaignName,
    /// When the first entry was begun.
    pub started: Option<Timestamp>,
    /// When the run returned; `None` while it goes on.
    pub ended: Option<Timestamp>,
    /// Entries that were planned: distinct people.
    pub planned: u64,
    /// Every planned entry in exactly one state, with parts and cost of those begun.
    pub figures: Figures,
    /// Entries by state and code, where there is a code.
    pub reasons: BTreeMap<(State, String), u64>,
    /// A sentence for a code, where there is one.
    pub why: BTreeMap<String, Why>,
    /// The same entries by text.
    pub variants: BTreeMap<VariantName, Figures>,
    /// Those that have an account, by account.
    pub accounts: BTreeMap<AccountId, Figures>,
}

impl Report {
    /// An empty report.
    pub fn new(shop: ShopId, campaign: CampaignName) -> Self {
        Self {
            shop,
            campaign,
            started: None,
            ended: None,
            planned: 0,
            figures: Figures::default(),
            reasons: BTreeMap::new(),
            why: BTreeMap::new(),
            variants: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }

    /// Adds a sentence for `code`. One code may mean different things at two accounts: then both sentences stand.
    pub fn explain(&mut self, code: &str, why: Why) {
        match self.why.get_mut(code) {
            Some(known) if known.en.contains(&*why.en) => {}
            Some(known) => {
                known.zh = format!("{} / {}", known.zh, why.zh).into();
                known.en = format!("{} / {}", known.en, why.en).into();
            }
            None => drop(self.why.insert(code.to_owned(), why)),
        }
    }

    /// Whether every planned entry is counted once, in all and by variant, and no part is larger than its whole.
    ///
    /// # Errors
    /// [`Mismatch`] with the first sum that is wrong.
    pub fn check(&self) -> Result<(), Mismatch> {
        same("states", self.planned, sum(self.figures.counts.values().copied()))?;
        for state in ORDER {
            let of_state = self.figures.count(state);
            let reasons = sum(self.reasons.iter().filter(|((s, _), _)| *s == state).map(|(_, n)| *n));
            at_most("reasons of a state", of_state, reasons)?;
            at_most("states by account", of_state, sum(self.accounts.values().map(|f| f.count(state))))?;
            if !self.variants.is_empty() {
                same("states by variant", of_state, sum(self.variants.values().map(|f| f.count(state))))?;
            }
        }
        if !self.variants.is_empty() {
            same("parts by variant", self.figures.parts, sum(self.variants.values().map(|f| f.parts)))?;
            let cost = sum(self.variants.values().map(|f| f.cost.ten_thousandths()));
            same("cost by variant", self.figures.cost.ten_thousandths(), cost)?;
        }
        at_most("parts by account", self.figures.parts, sum(self.accounts.values().map(|f| f.parts)))
    }

    /// The same as JSON; times in RFC 3339, money as text and as ten-thousandths of a yuan.
    pub fn to_json(&self) -> Value {
        let reason = |((state, code), n): (&(State, String), &u64)| {
            let why = self.why.get(code);
            json!({ "state": state, "code": code, "entries": n, "zh": why.map(|w| &w.zh), "en": why.map(|w| &w.en) })
        };
        let named = |(name, f): (&str, &Figures)| {
            let mut v = f.json();
            v["name"] = name.into();
            v
        };
        json!({
            "shop": self.shop,
            "campaign": self.campaign,
            "started": self.started,
            "ended": self.ended,
            "planned": self.planned,
            "figures": self.figures.json(),
            "reasons": self.reasons.iter().map(reason).collect::<Vec<_>>(),
            "variants": self.variants.iter().map(|(k, f)| named((k.as_str(), f))).collect::<Vec<_>>(),
            "accounts": self.accounts.iter().map(|(k, f)| named((k.as_str(), f))).collect::<Vec<_>>(),
        })
    }
}

fn at_most(what: &'static str, whole: u64, part: Option<u64>) -> Result<(), Mismatch> {
    match part {
        Some(part) if part <= whole => Ok(()),
        part => same(what, whole, part),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "活动 campaign {}  店铺 shop {}", self.campaign, self.shop)?;
        writeln!(f, "{} – {}\n", at(self.started), at(self.ended))?;
        let mut table = Table::new(["", "state", "entries"]).right(2);
        for (state, n) in &self.figures.counts {
            table.row([state.zh(), state.as_str(), &n.to_string()]);
        }
        table.row(["合计", "total", &self.planned.to_string()]);
        write!(f, "{table}")?;
        if !self.reasons.is_empty() {
            let mut table = Table::new(["state", "code", "entries", "why"]).right(2);
            for ((state, code), n) in &self.reasons {
                let why = self.why.get(code).map_or("", |w| if w.zh.is_empty() { &w.en } else { &w.zh });
                table.row([state.as_str(), code, &n.to_string(), why]);
            }
            write!(f, "\n{table}")?;
        }
        figures_table(f, "variant", self.variants.iter().map(|(k, v)| (k.as_str(), v)))?;
        figures_table(f, "account", self.accounts.iter().map(|(k, v)| (k.as_str(), v)))?;
        let mut table = Table::new([]);
        table.row(["计费条数 parts", &self.figures.parts.to_string()]);
        table.row(["费用 cost", &self.figures.cost.to_string()]);
        table.row(["退订 stops", &self.figures.stops.to_string()]);
        write!(f, "\n{table}")
    }
}

fn figures_table<'a>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    all: impl Iterator<Item = (&'a str, &'a Figures)>,
) -> fmt::Result {
    let mut table = Table::new([what, "entries", "taken", "delivered", "rate", "stops", "parts", "cost"]);
    table = (1..8).fold(table, Table::right);
    let mut any = false;
    for (name, x) in all {
        any = true;
        let rate = x.delivery_rate().map_or_else(|| "-".to_owned(), |r| format!("{}.{:02} %", r / 100, r % 100));
        let counts = [x.total(), x.taken(), x.count(State::Delivered), x.stops, x.parts].map(|n| n.to_string());
        table.row([name, &counts[0], &counts[1], &counts[2], &rate, &counts[3], &counts[4], &x.cost.yuan()]);
    }
    if any { write!(f, "\n{table}") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
