//! From an audience to rows: one per person, in the order of recipient ids, with flat memory.

use super::audience::{Audience, BadRow, Entry};
use super::report::{Bucket, Funnel, Share, Why};
use super::sort::Sorter;
use super::{Campaign, CampaignError};
use crate::clock::Timestamp;
use crate::gate::{Decision, Refusal};
use crate::id::Rid;
use crate::ledger::{Leg, Payload, params_of, personal_text};
use crate::money::Money;
use crate::phone::Carrier;
use crate::policy::law::Code;
use crate::store::{JudgeFn, Phase, PlanRow, RefusedEntry, ScanRow};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;

/// Entries read, and rows written, at a time.
const CHUNK: usize = 4_000;

pub(super) async fn plan(campaign: Campaign, mut audience: Audience) -> Result<Campaign, CampaignError> {
    let fresh = campaign.inner.row.phase == Phase::Planning;
    let mut planner = Planner::new(&campaign);
    loop {
        let chunk = audience.next_chunk(CHUNK).await?;
        if chunk.is_empty() {
            break;
        }
        for item in chunk {
            planner.take(item, fresh).map_err(CampaignError::Sort)?;
        }
        if planner.refused.len() >= CHUNK {
            planner.flush_refused().await?;
        }
    }
    let content = planner.digest.clone().finalize().into();
    let entries = planner.entries;
    if !fresh {
        // Only reading: the rows are there. Other content under the same name is an error.
        return if content == campaign.inner.row.content { Ok(campaign) } else { Err(CampaignError::Conflict) };
    }
    planner.write_rows().await?;
    let row = campaign.store().plan_ready(campaign.inner.row.key, content, entries).await?;
    Ok(campaign.with_row(row))
}

struct Planner<'a> {
    campaign: &'a Campaign,
    sorter: Sorter,
    digest: Sha256,
    entries: u64,
    refused: Vec<RefusedEntry>,
    payload: Vec<u8>,
}

impl<'a> Planner<'a> {
    fn new(campaign: &'a Campaign) -> Self {
        let mut digest = Sha256::new();
        digest.update(serde_json::to_vec(&campaign.inner.spec).expect("a specification serialises"));
        Self {
            campaign,
            sorter: Sorter::new(None, super::sort::DEFAULT_BUDGET),
            digest,
            entries: 0,
            refused: Vec::new(),
            payload: Vec::new(),
        }
    }

    fn take(&mut self, item: Result<Entry, BadRow>, fresh: bool) -> std::io::Result<()> {
        self.entries += 1;
        match item {
            Ok(entry) => {
                self.digest.update(entry.phone.to_u64().to_be_bytes());
                for (name, value) in &entry.params {
                    self.digest.update(name.as_bytes());
                    self.digest.update([0]);
                    self.digest.update(value.as_bytes());
                    self.digest.update([0]);
                }
                if let Some(r) = &entry.caller_ref {
                    self.digest.update([1]);
                    self.digest.update(r.as_bytes());
                }
                if fresh { self.push(entry) } else { Ok(()) }
            }
            Err(bad) => {
                self.digest.update(b"bad");
                self.digest.update(bad.code().as_bytes());
                if fresh {
                    let code = match bad.fault {
                        super::audience::Fault::Number(_) | super::audience::Fault::EmptyNumber => Code::InvalidNumber,
                        _ => Code::BadRow,
                    };
                    let detail = bad.code().to_owned();
                    let BadRow { position, line, column, .. } = bad;
                    self.refused.push(RefusedEntry { position, line, column, code, detail });
                }
                Ok(())
            }
        }
    }

    fn push(&mut self, entry: Entry) -> std::io::Result<()> {
        let ledger = &self.campaign.inner.ledger;
        let keyring = ledger.store.keyring();
        let rid = keyring.rid(entry.phone);
        if let Some(code) = self.campaign.inner.uncarried(entry.phone.carrier_hint()) {
            self.refused.push(RefusedEntry {
                position: entry.position,
                line: entry.line,
                column: None,
                code,
                detail: String::new(),
            });
            return Ok(());
        }
        let variant = variant(self.campaign, rid);
        let params: Vec<(String, String)> = entry.params.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        let parts = match self.parts(variant, &params) {
            Ok(parts) => parts,
            Err(detail) => {
                self.refused.push(RefusedEntry {
                    position: entry.position,
                    line: entry.line,
                    column: None,
                    code: Code::BadRow,
                    detail: detail.to_owned(),
                });
                return Ok(());
            }
        };
        // Parameters that the text does not use are not kept.
        let params = if ledger.templates[usize::from(variant)].is_some() { params } else { Vec::new() };
        let payload = Payload { phone: entry.phone, params, caller_ref: entry.caller_ref.map(String::from) };
        self.payload.clear();
        self.payload.extend_from_slice(&entry.line.unwrap_or(0).to_le_bytes());
        self.payload.extend_from_slice(&[variant, parts]);
        self.payload.extend_from_slice(&payload.seal(keyring, ledger.campaign, rid));
        self.sorter.push(*rid.as_bytes(), entry.position, &self.payload)
    }

    /// The most parts that this person's text has at any account of the route.
    fn parts(&self, variant: u8, params: &[(String, String)]) -> Result<u8, &'static str> {
        let inner = &self.campaign.inner;
        let mut most = 1;
        for leg in &inner.legs {
            let rendition = &leg.renditions[usize::from(variant)];
            let parts = match &inner.ledger.templates[usize::from(variant)] {
                None => rendition.parts(),
                Some(template) => {
                    let params = params_of(params).ok_or("bad_parameter")?;
                    template.render(&params).map_err(|e| e.code())?;
                    let text = personal_text(template, &inner_params(params), rendition).ok_or("bad_parameter")?;
                    crate::text::billed_cn(&text).parts
                }
            };
            most = most.max(parts);
        }
        u8::try_from(most).map_err(|_| "too_long")
    }

    async fn flush_refused(&mut self) -> Result<(), CampaignError> {
        let refused = std::mem::take(&mut self.refused);
        Ok(self.campaign.store().plan(self.campaign.inner.row.key, Vec::new(), refused).await?)
    }

    /// Merges the sorted runs: the first position of a person wins, the others are kept apart as repeated.
    async fn write_rows(mut self) -> Result<(), CampaignError> {
        self.flush_refused().await?;
        let (store, key) = (self.campaign.store().clone(), self.campaign.inner.row.key);
        let mut sorted = self.sorter.finish().map_err(CampaignError::Sort)?;
        let mut last: Option<[u8; 16]> = None;
        let mut writing = None;
        loop {
            let mut rows = Vec::with_capacity(CHUNK);
            let mut refused = Vec::new();
            while rows.len() < CHUNK && refused.len() < CHUNK {
                let Some(record) = sorted.next_record().map_err(CampaignError::Sort)? else { break };
                let (line, rest) = record.payload.split_first_chunk::<8>().ok_or_else(torn)?;
                let line = Some(u64::from_le_bytes(*line)).filter(|n| *n > 0);
                if last == Some(record.key) {
                    let code = Code::Duplicate;
                    refused.push(RefusedEntry {
                        position: record.seq,
                        line,
                        column: None,
                        code,
                        detail: String::new(),
                    });
                    continue;
                }
                last = Some(record.key);
                let ([variant, parts], sealed) = rest.split_first_chunk::<2>().ok_or_else(torn)?;
                rows.push(PlanRow {
                    rid: Rid(record.key),
                    position: record.seq,
                    line,
                    variant: *variant,
                    parts: *parts,
                    sealed: sealed.to_vec(),
                });
            }
            // The next chunk is merged while the last one is written.
            if let Some(write) = writing.take() {
                let write: tokio::task::JoinHandle<_> = write;
                write.await.map_err(|_| CampaignError::Store(crate::store::StoreError::Closed))??;
            }
            if rows.is_empty() && refused.is_empty() {
                return Ok(());
            }
            let store = store.clone();
            writing = Some(tokio::spawn(async move { store.plan(key, rows, refused).await }));
        }
    }
}

fn inner_params(params: crate::message::Params) -> Vec<(String, String)> {
    params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn torn() -> CampaignError {
    CampaignError::Sort(std::io::Error::from(std::io::ErrorKind::InvalidData))
}

/// Which text a person gets: by a hash of person and campaign.
fn variant(campaign: &Campaign, rid: Rid) -> u8 {
    match campaign.inner.spec.variants.len() {
        0 | 1 => 0,
        n => {
            let key = crate::store::event_key(campaign.inner.row.name.as_str(), &crate::id::hex(rid.as_bytes()));
            (key % n as u64) as u8
        }
    }
}

/// What the gate says of one entry of the audience.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preview {
    /// It would be begun, or was.
    Cleared,
    /// Not now.
    Deferred {
        /// When the gate is asked again.
        until: Timestamp,
        /// Why.
        code: Code,
    },
    /// No; [`Code::explain`] says why.
    Refused {
        /// The first rule that applies.
        code: Code,
    },
}

impl Campaign {
    /// What the gate says of each entry now (or at the start, if that is later), by zero-based position in the audience.
    ///
    /// Rows come in order of recipient id, then the entries that became no row (`invalid_number`, `duplicate`,
    /// `bad_row`). It reads in pages; it changes nothing.
    pub fn preview(&self) -> impl Stream<Item = Result<(u64, Preview), CampaignError>> + '_ {
        let inner = &self.inner;
        let at = self.now().max(inner.spec.starts);
        let lanes = Arc::new(self.lanes(at));
        let rows = stream::try_unfold(None, move |after| {
            let lanes = Arc::clone(&lanes);
            async move {
                let page = self.store().scan(inner.row.key, after, CHUNK, Some(inner.ledger.shop)).await?;
                let after = page.last().map(|row| row.rid);
                let told = |row: &ScanRow| Ok((row.position, preview(row, &lanes[self.lane(&lanes, row)?], at)));
                let told: Vec<_> = page.iter().map(told).collect();
                Ok::<_, CampaignError>(after.map(|rid| (stream::iter(told), Some(rid))))
            }
        });
        let refused = stream::try_unfold(None, move |after| async move {
            let page = self.store().refused_entries(inner.row.key, after, CHUNK).await?;
            let after = page.last().map(|e| e.position);
            let told: Vec<_> = page.iter().map(|e| Ok((e.position, Preview::Refused { code: e.code }))).collect();
            Ok::<_, CampaignError>(after.map(|position| (stream::iter(told), Some(position))))
        });
        rows.try_flatten().chain(refused.try_flatten())
    }

    /// Who would get it now (or at the start, if that is later), who would not and why, parts, cost, finish time.
    ///
    /// Every entry of the audience is in exactly one bucket; the sums are checked. A row that was already begun counts
    /// as ready. It reads; it changes nothing.
    ///
    /// # Errors
    /// [`CampaignError::Store`].
    pub async fn funnel(&self) -> Result<Funnel, CampaignError> {
        let inner = &self.inner;
        let at = self.now().max(inner.spec.starts);
        let lanes = self.lanes(at);
        let mut funnel = Funnel::new(inner.row.name.clone());
        funnel.total_entries = inner.row.entries;
        let mut counts = vec![vec![(0u64, 0u64); inner.spec.variants.len()]; lanes.len()];
        let scan = |after, until: Rid| {
            let (store, key, shop) = (self.store().clone(), inner.row.key, inner.ledger.shop);
            tokio::spawn(async move { (store.scan(key, after, CHUNK, Some(shop)).await, until) })
        };
        // Two halves are read at a time, by a reader each, and the next page of each while one is judged.
        let middle = Rid(std::array::from_fn(|i| if i == 0 { 0x7f } else { 0xff }));
        let halves = [scan(None, middle), scan(Some(middle), Rid([0xff; 16]))];
        let mut reads: stream::FuturesUnordered<_> = halves.into_iter().collect();
        while let Some(read) = reads.next().await {
            let (page, until) = read.map_err(|_| CampaignError::Store(crate::store::StoreError::Closed))?;
            let mut page = page?;
            page.truncate(page.partition_point(|row| row.rid <= until));
            let Some(last) = page.last() else { continue };
            reads.push(scan(Some(last.rid), until));
            for row in &page {
                let lane = self.lane(&lanes, row)?;
                let bucket = match preview(row, &lanes[lane], at) {
                    Preview::Cleared => Bucket::Ready,
                    Preview::Deferred { until, .. } => {
                        funnel.next_open = Some(funnel.next_open.map_or(until, |t| t.min(until)));
                        Bucket::Later
                    }
                    Preview::Refused { code } => Bucket::Refused(Cow::Borrowed(code.as_str())),
                };
                if matches!(bucket, Bucket::Ready | Bucket::Later)
                    && let Some(count) = counts[lane].get_mut(usize::from(row.variant))
                {
                    count.0 += 1;
                    count.1 += u64::from(row.parts);
                }
                *funnel.buckets.entry(bucket).or_default() += 1;
            }
        }
        for (code, n) in self.store().tally_entries(inner.row.key).await? {
            let bucket = match code {
                Code::Duplicate => Bucket::Duplicate,
                Code::CarrierNotServed | Code::SignatureNotFiled => Bucket::Refused(Cow::Borrowed(code.as_str())),
                code => Bucket::BadRow(Cow::Borrowed(code.as_str())),
            };
            *funnel.buckets.entry(bucket).or_default() += n;
        }
        self.finish_funnel(&mut funnel, &lanes, &counts, at);
        Ok(funnel)
    }

    fn finish_funnel(&self, funnel: &mut Funnel, lanes: &[Lane], counts: &[Vec<(u64, u64)>], at: Timestamp) {
        let inner = &self.inner;
        funnel.ready = funnel.count(&Bucket::Ready);
        for bucket in funnel.buckets.keys().cloned().collect::<Vec<_>>() {
            if let Ok(code) = bucket.code().parse::<Code>() {
                let why = code.explain(at.day());
                let why = Why { zh: why.sentence_zh.into(), en: why.sentence_en.into() };
                funnel.why.insert(bucket, why);
            }
        }
        let mut rows = vec![0; inner.legs.len()];
        for (v, (variant, _)) in inner.spec.variants.iter().enumerate() {
            let mut of_legs = vec![(0, 0); inner.legs.len()];
            for (lane, counts) in lanes.iter().zip(counts) {
                let (entries, parts) = counts[v];
                let (mut weight, mut given) = (0, (0, 0));
                let of: u64 = lane.legs.iter().map(|i| u64::from(inner.places[*i].weight)).sum();
                for i in &lane.legs {
                    weight += u64::from(inner.places[*i].weight);
                    let until = (portion(entries, weight, of), portion(parts, weight, of));
                    of_legs[*i].0 += until.0 - given.0;
                    of_legs[*i].1 += until.1 - given.1;
                    given = until;
                }
            }
            for (i, (entries, parts)) in of_legs.into_iter().enumerate() {
                if entries == 0 && inner.places[i].rank != inner.places[0].rank {
                    continue;
                }
                let leg = &inner.legs[i];
                rows[i] += entries;
                let cost = Money::from_ten_thousandths(parts * u64::from(leg.price));
                funnel.parts += parts;
                funnel.cost = Money::from_ten_thousandths(funnel.cost.ten_thousandths() + cost.ten_thousandths());
                let (variant, account) = (variant.clone(), leg.account.clone());
                funnel.shares.push(Share { variant, account, entries, parts, cost });
            }
        }
        // Each carries its share in its own hours; the slowest is the last.
        let mut finish = inner.legs.iter().zip(&rows).filter(|(_, n)| **n > 0).map(|(leg, n)| finish(leg, *n, at));
        funnel.finish = finish.try_fold(at, |last, leg| Some(last.max(leg?)));
        if inner.spec.budget.is_some_and(|b| b < funnel.cost.ten_thousandths()) {
            funnel.warnings.push("the budget does not cover everyone; rows beyond it expire unsent".to_owned());
        }
        if rows.iter().any(|n| *n > 0) && funnel.finish.is_none_or(|f| f > inner.spec.ends) {
            funnel.warnings.push("not everyone can be reached before the campaign ends".to_owned());
        }
    }

    /// A lane for each thing that a number's prefix may hint at, nothing first; one for all where no leg leaves any out.
    fn lanes(&self, at: Timestamp) -> Vec<Lane> {
        let hints = std::iter::once(None).chain(Carrier::ALL.map(Some));
        let all_alike = self.inner.legs.iter().all(|leg| leg.excluded.is_empty());
        hints.take(if all_alike { 1 } else { usize::MAX }).map(|hint| self.lane_for(hint, at)).collect()
    }

    fn lane_for(&self, hint: Option<Carrier>, at: Timestamp) -> Lane {
        let inner = &self.inner;
        let carrying = || (0..inner.legs.len()).filter(|i| inner.legs[*i].carries(hint));
        let rank = carrying().map(|i| inner.places[i].rank).min();
        let mut legs: Vec<usize> = carrying().filter(|i| Some(inner.places[*i].rank) == rank).collect();
        if legs.is_empty() {
            // What was begun before a filing was withdrawn still counts.
            legs.push(0);
        }
        let open = |i: &&usize| inner.legs[**i].policy.window.contains(at.millis());
        let first = legs.iter().find(open).or(legs.first()).copied().unwrap_or_default();
        Lane { gate: inner.ledger.gate(&inner.legs[first].policy), refused: inner.uncarried(hint), legs }
    }

    fn lane(&self, lanes: &[Lane], row: &ScanRow) -> Result<usize, CampaignError> {
        // Opening a row costs more than judging it.
        if lanes.len() == 1 || row.sealed.is_empty() {
            return Ok(0);
        }
        let payload = Payload::open(self.store().keyring(), self.inner.row.key, row.rid, &row.sealed)?;
        let hint = payload.phone.carrier_hint();
        Ok(hint.and_then(|hint| Carrier::ALL.iter().position(|c| *c == hint)).map_or(0, |i| i + 1))
    }
}

impl super::Inner {
    /// Why no account of the route may carry a number with this hint; `None` when one may.
    fn uncarried(&self, hint: Option<Carrier>) -> Option<Code> {
        match hint {
            _ if self.legs.iter().any(|leg| leg.carries(hint)) => None,
            Some(carrier) if self.legs.iter().any(|leg| leg.serves(carrier)) => Some(Code::SignatureNotFiled),
            _ => Some(Code::CarrierNotServed),
        }
    }
}

/// The rows that the same accounts may carry.
struct Lane {
    /// Of the first rank that has any.
    legs: Vec<usize>,
    /// By the rules of the first of them that is open.
    gate: Arc<JudgeFn>,
    refused: Option<Code>,
}

/// When the last of `rows` would be begun through `leg`, at its pace and inside its window.
fn finish(leg: &Leg, rows: u64, at: Timestamp) -> Option<Timestamp> {
    let millis = |n: u64, per_second: u32| n.saturating_mul(1_000).checked_div(per_second.into()).unwrap_or(0);
    let calls = rows.div_ceil(leg.per_request as u64);
    let paced = rows.saturating_mul(leg.pace_each().max(1).into());
    let mut left = i64::try_from(millis(paced, leg.pace).max(millis(calls, leg.calls_per_second))).ok()?;
    let mut t = at.millis();
    for _ in 0..366 {
        t = leg.policy.window.next_open(t);
        let close = leg.policy.window.close_after(t)?;
        if t + left <= close {
            return Some(Timestamp::from_millis(t + left));
        }
        left -= close - t;
        t = close.max(t + 1);
    }
    None
}

/// `n × weight / of`, rounded up; all of it for all of the weight.
fn portion(n: u64, weight: u64, of: u64) -> u64 {
    (u128::from(n) * u128::from(weight)).div_ceil(u128::from(of.max(1))) as u64
}

fn preview(row: &ScanRow, lane: &Lane, at: Timestamp) -> Preview {
    use crate::entry::State;
    if row.state == State::Refused || row.state == State::Expired {
        return Preview::Refused { code: row.code.parse().unwrap_or(Code::CampaignEnded) };
    }
    let Some((person, grants)) = row.facts.as_ref().filter(|_| row.state == State::Planned) else {
        return Preview::Cleared;
    };
    match (lane.gate)(&crate::facts::Facts { person, grants }, at) {
        Decision::Refused(Refusal { code, .. }) => Preview::Refused { code },
        _ if let Some(code) = lane.refused => Preview::Refused { code },
        Decision::Go(_) => Preview::Cleared,
        Decision::Later { until, code } => Preview::Deferred { until, code },
    }
}
