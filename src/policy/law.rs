//! Law as data: instruments with the days they were in force, rules that rest on them, refusals that cite the rules.
//!
//! Nothing here decides whether a message may leave. It explains a decision already taken, for one day: a consent is
//! judged by the law of the day it was given, a send by the law of the day it leaves. Days are civil days in
//! Asia/Shanghai.
//!
//! The tables are `data/law/*.csv`, read once. An entry of confidence [`Confidence::U`] is kept as a note of what is
//! not known and is never cited; neither is a draft, nor an instrument on a day when it was not in force.
//!
//! ```
//! use optin106::policy::law::Code;
//!
//! let told = Code::NoConsent.explain(jiff::civil::date(2026, 5, 1));
//! assert_eq!(told.bases[0].instrument, "L-SMS74");
//! ```

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use csv::StringRecord;
use jiff::civil::Date;
use serde::{Deserialize, Serialize, Serializer};

/// How well a statement about law is confirmed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Confidence {
    /// The article text was read.
    C,
    /// Confirmed through press, law-firm or vendor text only.
    C2,
    /// Unconfirmed. May warn; is never cited.
    U,
}

/// What sort of text an instrument is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Never adopted. In force on no day.
    Draft,
    /// Binds in one province or city only.
    Local,
    /// A regulator's notice.
    Notice,
    /// A recommended standard or a specification.
    Standard,
    /// National law, regulation or ministry rule.
    Statute,
}

/// Who asks for what a [`Rule`] asks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A choice of this crate or of the shop. Not law, though it may serve a purpose of law.
    Design,
    /// Law.
    Law,
    /// Terms of carriers and providers. Not law.
    Provider,
}

/// A law, regulation, standard or notice, and the days on which it was in force.
#[derive(Debug)]
pub struct Instrument {
    /// Stable id, such as `L-PIPL`.
    pub id: &'static str,
    /// Chinese title.
    pub name_zh: &'static str,
    /// English title.
    pub name_en: &'static str,
    /// What sort of text it is.
    pub force: Force,
    /// First day in force, Asia/Shanghai. `None` if it never was. Where only the year is known, a day that is certain.
    pub from: Option<Date>,
    /// Last day in force, inclusive. `None` while it is in force.
    pub to: Option<Date>,
    /// How well the text is confirmed.
    pub confidence: Confidence,
    /// What a reader should know before relying on it; may be empty.
    pub note: &'static str,
}

impl Instrument {
    /// Whether the instrument was in force on `day`. False for a draft on every day.
    pub fn in_force(&self, day: Date) -> bool {
        self.force != Force::Draft && self.from.is_some_and(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }
}

/// One article that a [`Rule`] rests on.
#[derive(Debug)]
pub struct Basis {
    /// The text.
    pub instrument: &'static Instrument,
    /// The article, such as `18(1)` or `item 7`; empty where the number is not known or there is none.
    pub article: &'static str,
    /// How well it is confirmed that this article asks for this.
    pub confidence: Confidence,
}

impl Basis {
    /// Whether the basis may be cited for something done on `day`: in force, and nothing about it unconfirmed.
    pub fn citable(&self, day: Date) -> bool {
        self.confidence != Confidence::U && self.instrument.confidence != Confidence::U && self.instrument.in_force(day)
    }
}

/// One demand on the sender.
#[derive(Debug)]
pub struct Rule {
    /// Stable id: `R-…` stands in the fact sheet on law and industry rules, `D-…` is a rule of this crate.
    pub id: &'static str,
    /// What is asked, in English.
    pub demand_en: &'static str,
    /// Who asks.
    pub kind: Kind,
    /// How well the demand as a whole is confirmed.
    pub confidence: Confidence,
    /// Every article it rests on, whatever its dates and confidence. To cite, use [`Rule::bases_on`].
    pub bases: Vec<Basis>,
    /// What else it rests on: provider pages, judgments, practice; may be empty.
    pub sources: &'static str,
}

impl Rule {
    /// Articles that may be cited for something done on `day` (Asia/Shanghai).
    pub fn bases_on(&self, day: Date) -> impl Iterator<Item = &Basis> {
        self.bases.iter().filter(move |basis| basis.citable(day))
    }
}

/// All instruments.
pub fn instruments() -> &'static [Instrument] {
    &INSTRUMENTS
}

/// All rules.
pub fn rules() -> &'static [Rule] {
    &RULES
}

/// The instrument of that id.
pub fn instrument(id: &str) -> Option<&'static Instrument> {
    INSTRUMENTS.iter().find(|instrument| instrument.id == id)
}

/// The rule of that id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULE_INDEX.get(id).map(|&at| &RULES[at])
}

/// A refusal by its stable name.
///
/// The name (`no_consent`) is what logs, stores and interfaces keep; [`Code::explain`] gives the words and the law.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A request to agree may not be sent (again).
    AskBlocked,
    /// A row of the audience cannot be read.
    BadRow,
    /// The campaign's budget is used up.
    BudgetExhausted,
    /// The campaign is over.
    CampaignEnded,
    /// Over the owner's cap per person.
    CapExceeded,
    /// No account of the route serves the number's carrier.
    CarrierNotServed,
    /// The number stands earlier in the audience.
    Duplicate,
    /// The consent has ended.
    Expired,
    /// A hold on the store, account, owner, shop or campaign.
    Held,
    /// Not a mainland mobile number.
    InvalidNumber,
    /// A personalised message to someone known to be under 18.
    Minor,
    /// Recording refused: under 14 and no guardian's consent.
    MinorWithoutGuardian,
    /// This shop has no consent of this person.
    NoConsent,
    /// Recording refused: no evidence.
    NoEvidence,
    /// Recording refused: no notice.
    NoNotice,
    /// Recording refused: no frequency or period was told.
    NoPromise,
    /// Recording refused: the method is not consent.
    NotConsent,
    /// Recording refused: not dated after the stop that covers it.
    NotNewerThanStop,
    /// Outside the allowed hours.
    OutsideWindow,
    /// The campaign is personalised and the consent is not for that.
    PersonalisationNotConsented,
    /// Over the cap across all owners of the store.
    PressureExceeded,
    /// Over the frequency told when the person agreed.
    PromiseExceeded,
    /// No consent names this purpose.
    PurposeNotConsented,
    /// The audience was chosen by sensitive data without separate consent.
    SensitiveNotConsented,
    /// The signature is not filed with the provider.
    SignatureNotFiled,
    /// A stop of the owner group or of everyone stands.
    Stopped,
    /// The number rests after failed deliveries.
    Suspended,
    /// Consent to this purpose was withdrawn.
    Withdrawn,
}

/// A name that is no [`Code`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a refusal code")]
#[non_exhaustive]
pub struct UnknownCode;

impl Code {
    /// Every code, in the order of the enum.
    pub const ALL: [Self; 28] = [
        Self::AskBlocked,
        Self::BadRow,
        Self::BudgetExhausted,
        Self::CampaignEnded,
        Self::CapExceeded,
        Self::CarrierNotServed,
        Self::Duplicate,
        Self::Expired,
        Self::Held,
        Self::InvalidNumber,
        Self::Minor,
        Self::MinorWithoutGuardian,
        Self::NoConsent,
        Self::NoEvidence,
        Self::NoNotice,
        Self::NoPromise,
        Self::NotConsent,
        Self::NotNewerThanStop,
        Self::OutsideWindow,
        Self::PersonalisationNotConsented,
        Self::PressureExceeded,
        Self::PromiseExceeded,
        Self::PurposeNotConsented,
        Self::SensitiveNotConsented,
        Self::SignatureNotFiled,
        Self::Stopped,
        Self::Suspended,
        Self::Withdrawn,
    ];

    /// The stable name, such as `no_consent`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AskBlocked => "ask_blocked",
            Self::BadRow => "bad_row",
            Self::BudgetExhausted => "budget_exhausted",
            Self::CampaignEnded => "campaign_ended",
            Self::CapExceeded => "cap_exceeded",
            Self::CarrierNotServed => "carrier_not_served",
            Self::Duplicate => "duplicate",
            Self::Expired => "expired",
            Self::Held => "held",
            Self::InvalidNumber => "invalid_number",
            Self::Minor => "minor",
            Self::MinorWithoutGuardian => "minor_without_guardian",
            Self::NoConsent => "no_consent",
            Self::NoEvidence => "no_evidence",
            Self::NoNotice => "no_notice",
            Self::NoPromise => "no_promise",
            Self::NotConsent => "not_consent",
            Self::NotNewerThanStop => "not_newer_than_stop",
            Self::OutsideWindow => "outside_window",
            Self::PersonalisationNotConsented => "personalisation_not_consented",
            Self::PressureExceeded => "pressure_exceeded",
            Self::PromiseExceeded => "promise_exceeded",
            Self::PurposeNotConsented => "purpose_not_consented",
            Self::SensitiveNotConsented => "sensitive_not_consented",
            Self::SignatureNotFiled => "signature_not_filed",
            Self::Stopped => "stopped",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Says why, on what basis, and what to do about it, by the law of `on` (Asia/Shanghai).
    ///
    /// For a refused send give the day of the send, for a refused recording the day on which the person agreed.
    pub fn explain(self, on: Date) -> Explanation {
        let refusal = &REFUSALS[self as usize];
        let bases = cited(&refusal.rules, on);
        Explanation {
            code: self,
            valid_on: on,
            rules: refusal.rules.iter().map(|rule| rule.id).collect(),
            kind: kind(&refusal.rules, &bases),
            bases,
            sources: refusal.rules.iter().map(|rule| rule.sources).filter(|s| !s.is_empty()).collect(),
            sentence_en: refusal.sentence_en,
            sentence_zh: refusal.sentence_zh,
            remedy_en: refusal.remedy_en,
            remedy_zh: refusal.remedy_zh,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(s: &str) -> Result<Self, UnknownCode> {
        let at = Self::ALL.binary_search_by(|code| code.as_str().cmp(s)).map_err(|_| UnknownCode)?;
        Ok(Self::ALL[at])
    }
}

/// An article that was in force on the day of the [`Explanation`] that cites it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CitedBasis {
    /// Id of the instrument.
    pub instrument: &'static str,
    /// Its Chinese title.
    pub name_zh: &'static str,
    /// Its English title.
    pub name_en: &'static str,
    /// The article; empty for a text cited as a whole.
    pub article: &'static str,
    /// First day in force.
    #[serde(serialize_with = "as_text")]
    pub from: Date,
    /// Last day in force, inclusive; `None` while it is in force.
    #[serde(serialize_with = "as_text_or_null")]
    pub to: Option<Date>,
    /// The weaker of the confidence in the text and in the article.
    pub confidence: Confidence,
}

impl fmt::Display for CitedBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name_en)?;
        match self.article {
            "" => {}
            item if item.starts_with("item") => write!(f, ", {item}")?,
            article => write!(f, ", art. {article}")?,
        }
        match self.to {
            Some(to) => write!(f, " (in force {} to {to})", self.from),
            None => write!(f, " (in force since {})", self.from),
        }
    }
}

/// Why something was refused, in words for a developer and for a shop owner, with what may be cited that day.
///
/// Contains no data of the person refused. `Display` is one English line.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The refusal.
    pub code: Code,
    /// The day by whose law it is explained, Asia/Shanghai.
    #[serde(serialize_with = "as_text")]
    pub valid_on: Date,
    /// Ids of the rules, the decisive one first.
    pub rules: Vec<&'static str>,
    /// Who asks for it. [`Kind::Law`] only if `bases` is not empty.
    pub kind: Kind,
    /// Articles in force that day. For a kind other than law: what the rule serves, not what commands it.
    pub bases: Vec<CitedBasis>,
    /// Provider pages, judgments and practice behind the rules.
    pub sources: Vec<&'static str>,
    /// One English sentence.
    pub sentence_en: &'static str,
    /// One Chinese sentence for a shop owner.
    pub sentence_zh: &'static str,
    /// What to do, in English.
    pub remedy_en: &'static str,
    /// What to do, in Chinese for a shop owner.
    pub remedy_zh: &'static str,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}] ", self.code, self.sentence_en, self.rules.join(", "))?;
        let (lead, link) = match self.kind {
            Kind::Design => ("policy, not law", "; serves "),
            Kind::Law => ("law", ": "),
            Kind::Provider => ("provider rule, not law", "; serves "),
        };
        f.write_str(lead)?;
        for (n, basis) in self.bases.iter().enumerate() {
            f.write_str(if n == 0 { link } else { "; " })?;
            basis.fmt(f)?;
        }
        Ok(())
    }
}

/// The decisive rule names the kind; a rule of law without an article in force that day is only policy that day.
fn kind(rules: &[&'static Rule], bases: &[CitedBasis]) -> Kind {
    match rules.first().map_or(Kind::Design, |rule| rule.kind) {
        Kind::Law if bases.is_empty() => Kind::Design,
        kind => kind,
    }
}

fn cited(rules: &[&'static Rule], on: Date) -> Vec<CitedBasis> {
    let mut out: Vec<CitedBasis> = Vec::new();
    for basis in rules.iter().flat_map(|rule| rule.bases_on(on)) {
        let Basis { instrument, article, confidence } = basis;
        let Some(from) = instrument.from else {
            continue;
        };
        if out.iter().any(|seen| seen.instrument == instrument.id && seen.article == *article) {
            continue;
        }
        out.push(CitedBasis {
            instrument: instrument.id,
            name_zh: instrument.name_zh,
            name_en: instrument.name_en,
            article,
            from,
            to: instrument.to,
            confidence: *confidence.max(&instrument.confidence),
        });
    }
    out
}

fn as_text<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(date)
}

fn as_text_or_null<S: Serializer>(date: &Option<Date>, to: S) -> Result<S::Ok, S::Error> {
    match date {
        Some(date) => to.collect_str(date),
        None => to.serialize_none(),
    }
}

// The tables. They are embedded, so a fault in them is a fault of the build and the tests below read every row.

const SOUND: &str = "the embedded tables of law are complete, as the tests of this module show";

struct Refusal {
    rules: Vec<&'static Rule>,
    sentence_en: &'static str,
    sentence_zh: &'static str,
    remedy_en: &'static str,
    remedy_zh: &'static str,
}

static INSTRUMENT_ROWS: LazyLock<Vec<StringRecord>> =
    LazyLock::new(|| rows(include_str!("../../data/law/instruments.csv")));
static RULE_ROWS: LazyLock<Vec<StringRecord>> = LazyLock::new(|| rows(include_str!("../../data/law/rules.csv")));
static REFUSAL_ROWS: LazyLock<Vec<StringRecord>> = LazyLock::new(|| rows(include_str!("../../data/law/refusals.csv")));

static INSTRUMENTS: LazyLock<Vec<Instrument>> =
    LazyLock::new(|| INSTRUMENT_ROWS.iter().map(|row| read_instrument(row).expect(SOUND)).collect());
static RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| RULE_ROWS.iter().map(|row| read_rule(row).expect(SOUND)).collect());
static RULE_INDEX: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| RULES.iter().enumerate().map(|(at, rule)| (rule.id, at)).collect());
/// One for each of [`Code::ALL`], in that order.
static REFUSALS: LazyLock<[Refusal; Code::ALL.len()]> = LazyLock::new(|| {
    Code::ALL.map(|code| {
        let row = REFUSAL_ROWS.iter().find(|row| row.get(0) == Some(code.as_str()));
        row.and_then(read_refusal).expect(SOUND)
    })
});

fn rows(text: &str) -> Vec<StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().map(|row| row.expect(SOUND)).collect()
}

fn read_instrument(row: &'static StringRecord) -> Option<Instrument> {
    Some(Instrument {
        id: row.get(0)?,
        name_zh: row.get(1)?,
        name_en: row.get(2)?,
        force: match row.get(3)? {
            "draft" => Force::Draft,
            "local" => Force::Local,
            "notice" => Force::Notice,
            "standard" => Force::Standard,
            "statute" => Force::Statute,
            _ => return None,
        },
        from: read_day(row.get(4)?)?,
        to: read_day(row.get(5)?)?,
        confidence: read_confidence(row.get(6)?)?,
        note: row.get(7)?,
    })
}

fn read_rule(row: &'static StringRecord) -> Option<Rule> {
    Some(Rule {
        id: row.get(0)?,
        demand_en: row.get(1)?,
        kind: match row.get(2)? {
            "design" => Kind::Design,
            "law" => Kind::Law,
            "provider" => Kind::Provider,
            _ => return None,
        },
        confidence: read_confidence(row.get(3)?)?,
        bases: row.get(4)?.split("; ").filter(|s| !s.is_empty()).map(read_basis).collect::<Option<_>>()?,
        sources: row.get(5)?,
    })
}

/// Reads `L-NPC12 item 7 C`: instrument, article (`-` for none), confidence.
fn read_basis(text: &'static str) -> Option<Basis> {
    let (id, rest) = text.split_once(' ')?;
    let (article, confidence) = rest.rsplit_once(' ')?;
    Some(Basis {
        instrument: instrument(id)?,
        article: if article == "-" { "" } else { article },
        confidence: read_confidence(confidence)?,
    })
}

fn read_refusal(row: &'static StringRecord) -> Option<Refusal> {
    Some(Refusal {
        rules: row.get(1)?.split(';').map(rule).collect::<Option<_>>()?,
        sentence_en: row.get(2)?,
        sentence_zh: row.get(3)?,
        remedy_en: row.get(4)?,
        remedy_zh: row.get(5)?,
    })
}

/// The outer `None` is a fault, the inner one an empty field.
fn read_day(text: &str) -> Option<Option<Date>> {
    if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
}

fn read_confidence(text: &str) -> Option<Confidence> {
    match text {
        "C" => Some(Confidence::C),
        "C2" => Some(Confidence::C2),
        "U" => Some(Confidence::U),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::civil::date;

    use super::*;

    fn every_day() -> impl Iterator<Item = Date> {
        date(2015, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() <= 2030)
    }

    fn is_han(c: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&c)
    }

    fn cites(rule: &Rule, day: Date) -> Vec<(&str, &str)> {
        rule.bases_on(day).map(|basis| (basis.instrument.id, basis.article)).collect()
    }

    #[test]
    fn every_instrument_of_the_fact_sheet_is_here_once() {
        let listed = "L-SMS74 L-SMS31 L-SMSD20 L-PIPL L-AD L-CRPL L-CRPL-R L-CRPL-P L-NET37 L-CC L-NPC12 L-NETDATA \
             L-CSL L-TEL L-ECL L-MINOR L-MINOR-NET L-FRAUD L-IAD L-SH S-42574 S-35273 S-27560 S-KCR P-794 P-YDT";
        let ids: Vec<_> = instruments().iter().map(|i| i.id).collect();
        assert_eq!(ids, listed.split_whitespace().collect::<Vec<_>>());
        for i in instruments() {
            assert!(i.name_zh.chars().any(is_han) && !i.name_en.is_empty(), "{}", i.id);
            assert_eq!(i.from.is_none(), i.force == Force::Draft, "{}", i.id);
            assert!(i.to.is_none_or(|to| i.from.is_some_and(|from| from <= to)), "{}", i.id);
        }
    }

    #[test]
    fn every_rule_of_the_fact_sheet_is_here_once() {
        let counts = [
            ("R-CONSENT-", 14),
            ("R-MINOR-", 2),
            ("R-SENS-", 1),
            ("R-ID-", 5),
            ("R-OPT-", 9),
            ("R-PORT-", 2),
            ("R-TIME-", 2),
            ("R-FREQ-", 3),
            ("R-CONT-", 7),
            ("R-LEN-", 6),
            ("R-REC-", 5),
            ("R-RIGHT-", 2),
            ("R-SEC-", 3),
            ("R-PROC-", 3),
            ("R-COMP-", 2),
        ];
        for (family, count) in counts {
            for n in 1..=count {
                assert!(rule(&format!("{family}{n}")).is_some(), "{family}{n}");
            }
        }
        let of_sheet = rules().iter().filter(|rule| rule.id.starts_with("R-")).count();
        assert_eq!(of_sheet, counts.iter().map(|(_, n)| n).sum::<usize>());
        assert_eq!(rules().iter().map(|rule| rule.id).collect::<HashSet<_>>().len(), rules().len());
        assert!(rules().iter().all(|rule| !rule.demand_en.is_empty()));
    }

    #[test]
    fn a_rule_rests_on_something() {
        for rule in rules() {
            assert!(!rule.bases.is_empty() || !rule.sources.is_empty(), "{}", rule.id);
            assert!(rule.kind != Kind::Law || !rule.bases.is_empty(), "{} claims law without an article", rule.id);
        }
    }

    #[test]
    fn order_74_takes_over_from_order_31_on_the_first_of_may_2026() {
        let rule = rule("R-CONSENT-1").unwrap();
        let before = cites(rule, date(2026, 4, 30));
        let after = cites(rule, date(2026, 5, 1));
        assert!(before.contains(&("L-SMS31", "18(1)")) && !before.iter().any(|b| b.0 == "L-SMS74"));
        assert!(after.contains(&("L-SMS74", "21")) && !after.iter().any(|b| b.0 == "L-SMS31"));
    }

    #[test]
    fn the_draft_is_never_cited_and_no_law_says_as_easy_as() {
        for rule in rules() {
            assert!(every_day().step_by(30).all(|day| cites(rule, day).iter().all(|b| b.0 != "L-SMSD20")));
            assert!(!rule.demand_en.contains("as easy"), "{}", rule.id);
        }
    }

    #[test]
    fn the_codes_are_sorted_named_and_read_back() {
        assert!(Code::ALL.is_sorted() && Code::ALL.map(Code::as_str).is_sorted());
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at);
            assert_eq!(code.as_str().parse(), Ok(code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(serde_json::from_value::<Code>(code.as_str().into()).unwrap(), code);
        }
        assert_eq!("No_Consent".parse::<Code>(), Err(UnknownCode));
        assert_eq!(REFUSAL_ROWS.len(), Code::ALL.len());
    }

    #[test]
    fn every_refusal_is_complete_and_plain() {
        for code in Code::ALL {
            let told = code.explain(date(2026, 11, 23));
            assert!(!told.rules.is_empty(), "{code}");
            for zh in [told.sentence_zh, told.remedy_zh] {
                assert!(zh.chars().filter(|&c| is_han(c)).count() >= 8 && zh.ends_with('。'), "{code}: {zh}");
                assert!(!zh.bytes().any(|b| b.is_ascii_alphanumeric() || b == b'_'), "{code}: {zh}");
            }
            for en in [told.sentence_en, told.remedy_en] {
                assert!(en.is_ascii() && en.ends_with('.') && !en.contains('_'), "{code}: {en}");
            }
        }
    }

    #[test]
    fn a_refusal_never_rests_on_an_unconfirmed_rule() {
        for code in Code::ALL {
            for id in code.explain(date(2026, 11, 23)).rules {
                assert_ne!(rule(id).unwrap().confidence, Confidence::U, "{code} {id}");
            }
        }
    }

    #[test]
    fn the_days_walked_are_sixteen_years() {
        assert_eq!(every_day().count(), 16 * 365 + 4);
    }

    #[test]
    fn nothing_cited_is_out_of_force_unconfirmed_or_a_draft() {
        for day in every_day() {
            for code in Code::ALL {
                let told = code.explain(day);
                for basis in &told.bases {
                    let source = instrument(basis.instrument).unwrap();
                    assert!(basis.from <= day && basis.to.is_none_or(|to| day <= to), "{code} {day} {basis}");
                    assert!(basis.confidence != Confidence::U && source.force != Force::Draft, "{code} {day}");
                }
                assert!(told.kind != Kind::Law || !told.bases.is_empty(), "{code} {day}");
            }
        }
    }

    #[test]
    fn what_is_not_law_does_not_claim_to_be() {
        let today = date(2026, 11, 23);
        assert_eq!(Code::OutsideWindow.explain(today).kind, Kind::Provider);
        assert_eq!(Code::CapExceeded.explain(today).kind, Kind::Provider);
        assert_eq!(Code::PressureExceeded.explain(today).kind, Kind::Design);
        for code in Code::ALL {
            let told = code.explain(today);
            if told.kind == Kind::Law {
                continue;
            }
            assert!(told.to_string().contains("not law"), "{told}");
            for claim in ["law requires", "unlawful", "illegal", "by law"] {
                assert!(!told.sentence_en.contains(claim), "{code}");
            }
            assert!(!told.sentence_zh.contains('法') || told.sentence_zh.contains("无法"), "{code}");
        }
    }

    #[test]
    fn the_refusals_that_rest_on_law_do_so_today() {
        let today = date(2026, 11, 23);
        let lawful = Code::ALL.into_iter().filter(|code| code.explain(today).kind == Kind::Law);
        let names: Vec<_> = lawful.map(Code::as_str).collect();
        assert_eq!(
            names.join(" "),
            "ask_blocked expired minor minor_without_guardian no_consent no_evidence no_notice not_consent \
             not_newer_than_stop personalisation_not_consented promise_exceeded purpose_not_consented \
             sensitive_not_consented stopped withdrawn"
        );
    }

    #[test]
    fn a_promise_was_law_under_order_31_and_is_policy_while_order_74_is_unread() {
        assert_eq!(Code::NoPromise.explain(date(2026, 4, 30)).kind, Kind::Law);
        assert_eq!(Code::NoPromise.explain(date(2026, 5, 1)).kind, Kind::Design);
    }

    #[test]
    fn an_explanation_prints_one_line_and_serialises() {
        let told = Code::PressureExceeded.explain(date(2026, 11, 23));
        assert_eq!(
            told.to_string(),
            "pressure_exceeded: This person has lately had as many marketing messages from all shops on this system \
             together as its policy allows. [R-FREQ-3] policy, not law; serves Civil Code, art. 1033(1) (in force \
             since 2021-01-01)"
        );
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!(json["code"], "pressure_exceeded");
        assert_eq!(json["kind"], "design");
        assert_eq!(json["valid_on"], "2026-11-23");
        assert_eq!(json["bases"][0]["from"], "2021-01-01");
        assert_eq!(json["bases"][0]["to"], serde_json::Value::Null);
        assert_eq!(json["bases"][0]["confidence"], "C");
        assert!(Code::ALL.iter().all(|c| !c.explain(date(2020, 1, 1)).to_string().contains('\n')));
    }
}
