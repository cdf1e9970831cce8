//! What the codes of delivery reports mean.
//!
//! Carriers, gateways and platforms share no code table, and tables disagree, so the meaning is data:
//! `data/delivery_codes.csv`, which names the source of each row. The key is the code together with the route it came
//! over. [`classify`] says how a code is looked up.
//!
//! A report that says *delivered* says that a handset took the message, not that a person read or welcomed it.

use std::collections::HashMap;
use std::sync::LazyLock;

use csv::StringRecord;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

/// What became of a message, in the words that decide what happens next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A carrier's, regulator's or platform's list stands against the number. A stop; never tried over another route.
    BlockedByCarrier,
    /// The person refused or complained earlier. A stop; never tried over another route.
    BlockedByRecipient,
    /// The text, its signature or its link was refused.
    Content,
    /// The number does not exist. It may come back as somebody else's.
    Dead,
    /// The handset took the message.
    Delivered,
    /// It did not arrive this time.
    SoftFailure,
    /// The code says nothing that can be relied on. Never taken for delivered.
    Unknown,
}

impl Class {
    /// Whether the class is a refusal that must reach the stop list.
    pub const fn is_stop(self) -> bool {
        matches!(self, Self::BlockedByCarrier | Self::BlockedByRecipient)
    }
}

/// How well the meaning of a code is confirmed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A carrier's or vendor's table says so.
    Confirmed,
    /// Inferred, or the tables disagree.
    Unconfirmed,
}

/// The meaning of a code, from [`classify`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Found {
    /// What became of the message.
    pub class: Class,
    /// The meaning in English.
    pub meaning: &'static str,
    /// How well it is confirmed.
    pub confidence: Confidence,
    /// The code or pattern of the row that decided; `None` if no row does.
    pub row: Option<&'static str>,
    /// What the table advises, in English; empty if no row decides.
    pub action: &'static str,
    /// Whether it is one of the failures after which, repeated, a number rests: a condition of the handset or number,
    /// not of the gateway, the hour or the frequency.
    pub counts_as_soft_failure: bool,
}

/// Says what `code` means on a report that came over `route`.
///
/// Letter case, surrounding blanks and full-width forms do not matter. `route` is free text that names a carrier, a
/// protocol or a provider (`cmcc`, `China Unicom`, `电信`, `SMGP`, `qiniu`); blank text counts as `None`.
///
/// 1. A row of this code and route decides. A bare number on a China Telecom, China Unicom or UCloud route is also looked
///    up as `SMGP…`, `UNDELIV_…`, `EXPIRED_…`, `SGIP:…` or `UCLOUD:…`, the spellings under which the table keeps such
///    numbers.
/// 2. Otherwise a row of this code on any route decides, but a bare number on a route the table says nothing of means
///    nothing: numbers differ between routes (`601` is a blacklist on one and a handset switched off on another).
/// 3. Otherwise the longest pattern (`*BLACK*` before `DB:*`) decides.
///
/// Where rows disagree, or step 2 dismisses a number, and any of the rows says *blocked*, the answer is blocked, since a
/// doubt about a stop means stop; else it is [`Class::Unknown`]. A code in no row is [`Class::Unknown`] too; the caller
/// keeps it as it came.
pub fn classify(code: &str, route: Option<&str>) -> Found {
    let table = &*TABLE;
    let code = fold(code, CODE_CHARS);
    let named = route.map(|text| fold(text, ROUTE_CHARS)).filter(|text| !text.is_empty());
    let route = named.as_deref().map_or(0, routes);
    let rows = table.exact.get(&code).map_or(&[][..], Vec::as_slice);

    let here: Vec<&Row> = rows.iter().filter(|row| row.routes & route != 0).collect();
    if !here.is_empty() {
        return settle(&here);
    }
    let bare = !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit());
    if let Some(row) = bare.then(|| table.spelled_out(&code, route)).flatten() {
        return row.found();
    }
    if !rows.is_empty() {
        let all: Vec<&Row> = rows.iter().collect();
        return if bare && named.is_some() { foreign(&all) } else { settle(&all) };
    }
    table.pattern(&code).map_or(UNLISTED, Row::found)
}

/// No code in the table is nearly as long, so a cut code matches patterns only.
const CODE_CHARS: usize = 128;
const ROUTE_CHARS: usize = 128;

const UNLISTED: Found = Found {
    class: Class::Unknown,
    meaning: "not in the table",
    confidence: Confidence::Unconfirmed,
    row: None,
    action: "",
    counts_as_soft_failure: false,
};

const AMBIGUOUS: Found = Found { meaning: "means different things on different routes", ..UNLISTED };

/// Rows that agree speak; else a block speaks; else nobody does.
fn settle(rows: &[&Row]) -> Found {
    let agreed = rows.windows(2).all(|pair| pair[0].class == pair[1].class);
    // Of rows that agree the most cautious speaks: the one after which the number may rest.
    let cautious = rows.iter().find(|row| row.counts).or(rows.first()).filter(|_| agreed);
    block(rows).or(cautious.copied()).map_or(AMBIGUOUS, Row::found)
}

/// A bare number of other routes than the one it came over.
fn foreign(rows: &[&Row]) -> Found {
    block(rows).map_or(AMBIGUOUS, Row::found)
}

/// The block among `rows`; a person's own refusal before a list's.
fn block<'a>(rows: &[&'a Row]) -> Option<&'a Row> {
    let of = |class| rows.iter().find(|row| row.class == class).copied();
    of(Class::BlockedByRecipient).or_else(|| of(Class::BlockedByCarrier))
}

/// Trimmed, compatibility forms folded, upper case, at most `limit` characters.
fn fold(text: &str, limit: usize) -> String {
    let folded: String = text.trim().chars().take(limit).nfkc().flat_map(char::to_uppercase).collect();
    folded.trim().to_owned()
}

// Routes are bits, so that a row or a report may name several.

const MOBILE: u32 = 1;
const UNICOM: u32 = 1 << 1;
const TELECOM: u32 = 1 << 2;
const UCLOUD: u32 = 1 << 11;

/// Words that name a route, folded. A carrier's protocol names the carrier.
const ROUTE_WORDS: &[(u32, &[&str])] = &[
    (MOBILE, &["MOBILE", "CMCC", "CMPP", "移动"]),
    (UNICOM, &["UNICOM", "CUCC", "SGIP", "联通"]),
    (TELECOM, &["TELECOM", "CTCC", "SMGP", "电信"]),
    (1 << 3, &["TENCENT", "QCLOUD", "腾讯"]),
    (1 << 4, &["HUAWEI", "IOTCOM", "华为"]),
    (1 << 5, &["QINIU", "七牛"]),
    (1 << 6, &["VOLC", "火山"]),
    (1 << 7, &["BAIDU", "百度"]),
    (1 << 8, &["JIGUANG", "JPUSH", "JSMS", "极光"]),
    (1 << 9, &["ALIYUN", "ALIBABA", "阿里"]),
    (1 << 10, &["SUPPLIER"]),
    (UCLOUD, &["UCLOUD", "优刻得"]),
];
const ALL_CARRIERS: u32 = MOBILE | UNICOM | TELECOM;

fn routes(folded: &str) -> u32 {
    let named = ROUTE_WORDS.iter().filter(|(_, words)| words.iter().any(|word| folded.contains(word)));
    named.fold(0, |all, (bit, _)| all | bit)
}

#[derive(Debug)]
struct Row {
    code: &'static str,
    routes: u32,
    meaning: &'static str,
    class: Class,
    action: &'static str,
    counts: bool,
    confidence: Confidence,
}

impl Row {
    fn found(&self) -> Found {
        Found {
            class: self.class,
            meaning: self.meaning,
            confidence: self.confidence,
            row: Some(self.code),
            action: self.action,
            counts_as_soft_failure: self.counts,
        }
    }

    fn read(record: &'static StringRecord) -> Option<Self> {
        let route = record.get(1)?.to_uppercase();
        let action = record.get(4)?;
        Some(Self {
            code: record.get(0)?,
            routes: if route.starts_with("ALL CARRIERS") { ALL_CARRIERS | routes(&route) } else { routes(&route) },
            meaning: record.get(2)?,
            class: match record.get(3)? {
                "blocked_by_carrier" => Class::BlockedByCarrier,
                "blocked_by_recipient" => Class::BlockedByRecipient,
                "content" => Class::Content,
                "delivered" => Class::Delivered,
                "permanent" => Class::Dead,
                "transient" => Class::SoftFailure,
                "unknown" => Class::Unknown,
                _ => return None,
            },
            action,
            counts: action.contains("count soft failure"),
            confidence: match record.get(6)? {
                "confirmed" => Confidence::Confirmed,
                "unconfirmed" => Confidence::Unconfirmed,
                _ => return None,
            },
        })
    }
}

struct Table {
    exact: HashMap<String, Vec<Row>>,
    /// Longest first.
    patterns: Vec<(Pattern, Row)>,
}

impl Table {
    fn read(records: &'static [StringRecord]) -> Self {
        let mut table = Self { exact: HashMap::new(), patterns: Vec::new() };
        for record in records {
            let row = Row::read(record).expect(SOUND);
            match Pattern::read(row.code) {
                // A remark in brackets describes what a sender sees; it is no code.
                _ if row.code.starts_with('(') => {}
                Some(pattern) => table.patterns.push((pattern, row)),
                None => table.exact.entry(fold(row.code, CODE_CHARS)).or_default().push(row),
            }
        }
        table.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.literal.len()));
        table
    }

    /// Finds a bare number under the longer spellings of its carrier or platform. Numbers as small as UCloud's are kept so
    /// that a block among them is none for the networks that count their own way.
    fn spelled_out(&self, number: &str, route: u32) -> Option<&Row> {
        let spellings: &[(u32, &str)] =
            &[(TELECOM, "SMGP"), (TELECOM, "UNDELIV_"), (TELECOM, "EXPIRED_"), (UNICOM, "SGIP:"), (UCLOUD, "UCLOUD:")];
        let mine = spellings.iter().filter(|(carrier, _)| carrier & route != 0);
        mine.filter_map(|(_, prefix)| self.exact.get(&format!("{prefix}{number}"))?.first()).next()
    }

    fn pattern(&self, code: &str) -> Option<&Row> {
        self.patterns.iter().find(|(pattern, _)| pattern.matches(code)).map(|(_, row)| row)
    }
}

/// `MI:*` or `*BLACK*`.
struct Pattern {
    literal: String,
    anywhere: bool,
}

impl Pattern {
    fn read(text: &str) -> Option<Self> {
        let literal = text.strip_suffix('*')?;
        let inner = literal.strip_prefix('*');
        Some(Self { literal: inner.unwrap_or(literal).to_owned(), anywhere: inner.is_some() })
    }

    fn matches(&self, code: &str) -> bool {
        if self.anywhere { code.contains(&self.literal) } else { code.starts_with(&self.literal) }
    }
}

const SOUND: &str = "the embedded table of delivery codes is complete, as the tests of this module show";

static RECORDS: LazyLock<Vec<StringRecord>> = LazyLock::new(|| {
    let text = include_str!("../data/delivery_codes.csv");
    csv::Reader::from_reader(text.as_bytes()).records().map(|record| record.expect(SOUND)).collect()
});
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(&RECORDS));

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn class(code: &str, route: Option<&str>) -> Class {
        classify(code, route).class
    }

    fn all_rows() -> impl Iterator<Item = (Row, &'static str)> {
        RECORDS.iter().map(|record| (Row::read(record).unwrap(), record.get(1).unwrap()))
    }

    #[test]
    fn every_row_is_found_by_its_code_and_route() {
        for (row, route) in all_rows().filter(|(row, _)| !row.code.contains(['*', '('])) {
            for spelled in [row.code.to_owned(), row.code.to_lowercase(), format!("\u{3000}{} ", row.code)] {
                let found = classify(&spelled, Some(route));
                assert_eq!(found, row.found(), "{} on {route}", row.code);
            }
        }
    }

    #[test]
    fn every_pattern_catches_an_unlisted_code() {
        for (row, route) in all_rows().filter(|(row, _)| row.code.contains('*')) {
            let unlisted = row.code.replace('*', "ZZ9");
            assert_eq!(classify(&unlisted, Some(route)), row.found(), "{}", row.code);
            assert_eq!(classify(&unlisted, None), row.found(), "{}", row.code);
        }
    }

    #[test]
    fn a_remark_in_brackets_is_no_code() {
        let remarks: Vec<_> = all_rows().filter(|(row, _)| row.code.starts_with('(')).collect();
        assert_eq!(remarks.len(), 4);
        for (row, route) in remarks {
            assert_eq!(classify(row.code, Some(route)), UNLISTED);
        }
    }

    #[test]
    fn the_table_is_sound() {
        let mut seen = HashSet::new();
        assert_eq!(RECORDS.len(), 293);
        for (row, route) in all_rows() {
            assert!(seen.insert((fold(row.code, CODE_CHARS), route)), "{} on {route} twice", row.code);
            assert!(!row.meaning.is_empty() && !row.action.is_empty(), "{}", row.code);
            let on_paper_stop = row.action.contains("suppress");
            assert!(!on_paper_stop || row.class.is_stop(), "{}", row.code);
            assert!(!row.counts || matches!(row.class, Class::SoftFailure | Class::Unknown), "{}", row.code);
            let star = row.code.trim_start_matches('*').trim_end_matches('*');
            assert!(!star.contains('*') && row.code.is_ascii() | row.code.starts_with('('), "{}", row.code);
        }
        // A code on several routes must be told apart by them.
        for rows in TABLE.exact.values().filter(|rows| rows.len() > 1) {
            let disjoint = rows.iter().enumerate().all(|(n, a)| rows[..n].iter().all(|b| a.routes & b.routes == 0));
            assert!(disjoint && rows.iter().all(|row| row.routes != 0), "{rows:?}");
        }
    }

    #[test]
    fn a_row_that_names_black_is_always_a_stop() {
        assert!(all_rows().filter(|(row, _)| row.code.contains("BLACK")).all(|(row, _)| row.class.is_stop()));
        assert_eq!(class("DB:BLACKX", Some("cmcc")), Class::BlockedByCarrier);
        assert_eq!(class("mi:superblack", None), Class::BlockedByCarrier);
        assert_eq!(class("BWLIST _006", Some("aliyun")), Class::BlockedByCarrier);
    }

    #[test]
    fn the_route_decides_what_a_number_means() {
        assert_eq!(class("601", Some("qiniu")), Class::BlockedByCarrier);
        assert_eq!(class("601", Some("China Telecom")), Class::SoftFailure);
        assert_eq!(class("702", Some("supplier")), Class::BlockedByCarrier);
        assert_eq!(class("702", Some("SMGP")), Class::SoftFailure);
        assert!(classify("702", Some("电信")).counts_as_soft_failure);
        assert_eq!(class("10", Some("七牛")), Class::BlockedByRecipient);
        assert_eq!(class("10", Some("cucc")), Class::SoftFailure);
        assert_eq!(class("13", Some("联通")), Class::SoftFailure);
        assert_eq!(class("640", Some("ctcc")), Class::Dead);
        assert!(classify("43", Some("SGIP")).counts_as_soft_failure);
        assert!(!classify("43", Some("qiniu")).counts_as_soft_failure);
    }

    #[test]
    fn a_doubt_about_a_stop_means_stop() {
        for route in [None, Some("somebody"), Some("China Mobile"), Some("qiniu unicom")] {
            assert_eq!(class("10", route), Class::BlockedByRecipient, "{route:?}");
        }
        for code in ["601", "702"] {
            assert_eq!(class(code, None), Class::BlockedByCarrier);
            assert_eq!(class(code, Some("cmcc")), Class::BlockedByCarrier);
        }
    }

    #[test]
    fn a_number_means_nothing_on_a_route_that_does_not_use_it() {
        assert_eq!(classify("4", Some("China Mobile")), AMBIGUOUS);
        assert_eq!(class("4", None), Class::SoftFailure, "every row agrees");
        assert_eq!(class("1", None), Class::Dead, "both rows agree");
        assert_eq!(class("43", None), Class::SoftFailure);
        assert_eq!(classify("4", Some("somebody")), AMBIGUOUS);
        assert_eq!(class("4", Some(" ")), Class::SoftFailure, "nobody is named");
    }

    #[test]
    fn a_platform_reads_no_other_networks_numbers() {
        const NAMES: [&str; 17] = [
            "aliyun",
            "baidu",
            "chuanglan",
            "cmcc_mas",
            "ctyun",
            "huawei",
            "jdcloud",
            "luosimao",
            "montnets",
            "netease",
            "qiniu",
            "ronglian",
            "submail",
            "tencent",
            "ucloud",
            "volcengine",
            "yunpian",
        ];
        let mut read = 0;
        for name in NAMES {
            let own = routes(&fold(name, ROUTE_CHARS));
            for (code, rows) in TABLE.exact.iter().filter(|(code, _)| code.bytes().all(|b| b.is_ascii_digit())) {
                let (found, theirs) = (classify(code, Some(name)), rows.iter().all(|row| row.routes & own == 0));
                if theirs && TABLE.spelled_out(code, own).is_none() {
                    assert!(found == AMBIGUOUS || found.class.is_stop(), "{code} on {name}: {found:?}");
                    read += 1;
                }
            }
        }
        assert!(read > 500, "{read}");
        for code in ["2", "12", "51", "104"] {
            assert_eq!(class(code, Some("ucloud")), Class::BlockedByCarrier);
            let elsewhere =
                NAMES.iter().filter(|name| **name != "ucloud").any(|name| class(code, Some(name)).is_stop());
            assert!(!elsewhere && !class(code, Some("SGIP")).is_stop() && !class(code, None).is_stop(), "{code}");
        }
        assert_eq!(class("14", Some("ucloud")), Class::SoftFailure);
    }

    #[test]
    fn receipts_of_submail() {
        for (code, wanted) in [
            ("BLACK", Class::BlockedByRecipient),
            ("BLOCKED", Class::BlockedByCarrier),
            ("PUBLOKD", Class::BlockedByCarrier),
            ("unsubscribe", Class::BlockedByRecipient),
            ("BEYONDM", Class::SoftFailure),
            ("BEYONDH", Class::SoftFailure),
            ("BEYONDD", Class::SoftFailure),
            ("PHONEERR", Class::Dead),
            ("GUNDELIV", Class::Dead),
            ("SIGNBLOCKED", Class::Content),
            ("SIGFAIL", Class::Content),
            ("QM_FAIL", Class::Content),
            ("KEYWORD", Class::Content),
            ("NONCHN", Class::Unknown),
        ] {
            let found = classify(code, Some("submail"));
            assert_eq!((found.class, found.row.is_some()), (wanted, true), "{code}");
            assert!(!code.starts_with("BEYOND") || !found.counts_as_soft_failure);
        }
    }

    #[test]
    fn names_of_routes_are_read_loosely() {
        for (names, bit) in [
            (["China Mobile", "cmcc", "中国移动", "cmpp20"], MOBILE),
            (["unicom", "CUCC", "联通", "ＳＧＩＰ"], UNICOM),
            (["telecom", "ctcc", " 中国电信 ", "smgp30"], TELECOM),
        ] {
            assert!(names.iter().all(|name| routes(&fold(name, ROUTE_CHARS)) == bit), "{names:?}");
        }
        assert_eq!(routes(&fold("nobody", ROUTE_CHARS)), 0);
    }

    #[test]
    fn codes_are_folded_and_unlisted_ones_are_unknown() {
        assert_eq!(class(" ｄｅｌｉｖｒｄ ", None), Class::Delivered);
        assert_eq!(class("MK：0000", Some("移动")), Class::Dead);
        for code in ["", " ", "*", "MI", "QQ:1", "DELIVR", "DELIVRD2", "999999", "\u{0}"] {
            assert_eq!(classify(code, None), UNLISTED, "{code:?}");
        }
        assert_eq!(class(&"9".repeat(1 << 20), None), Class::Unknown);
    }

    #[test]
    fn only_conditions_of_the_handset_or_number_count_as_soft() {
        let soft = |code| classify(code, None).counts_as_soft_failure;
        assert!(["UNDELIV", "EXPIRED", "REJECTD", "MK:0024", "MI:9999"].into_iter().all(soft));
        assert!(!["DELIVRD", "MX:0003", "CR:0203", "NP:1243", "IB:0008", "MBBLACK", "908"].into_iter().any(soft));
    }

    proptest! {
        #[test]
        fn no_text_panics_or_passes_for_delivered(code in ".{0,40}", route in prop::option::of(".{0,20}")) {
            let found = classify(&code, route.as_deref());
            prop_assert_eq!(found.class == Class::Delivered, fold(&code, CODE_CHARS) == "DELIVRD");
        }

        #[test]
        fn no_code_like_text_panics(code in "[A-Za-z*:_(]{0,3}[0-9]{0,6}", route in "(cmcc|unicom|telecom|qiniu|x)?") {
            prop_assert_eq!(classify(&code, Some(&route)), classify(&code.to_lowercase(), Some(&route)));
        }
    }
}
