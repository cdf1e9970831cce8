//! A mainland-China mobile number, read from any spelling people and spreadsheets give it.
//!
//! Source: `data/prefixes.csv` (the regulator's table to 2023-03 with the notes of section 8 of the rule sheet).

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::text::chars::{decimal_digit, is_invisible};

/// A mainland mobile number that can belong to a person: eleven digits, the first two `13` to `19`.
///
/// Two spellings of one number are equal. `Debug` shows the first three and last four digits only, there is no
/// `Display`: call [`Phone::e164`] or [`Phone::national`] where the full number is meant.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Phone(u64); // 13_000_000_000..=19_999_999_999, never an IoT or satellite block

/// What kind of line a number is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum PhoneKind {
    /// A line of one of the four carriers, China Broadnet's 192 included.
    Mobile,
    /// A line of a reseller (虚拟运营商): 162, 165, 167, 170, 171.
    Virtual,
}

impl PhoneKind {
    /// The stable name: `mobile` or `virtual`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Virtual => "virtual",
        }
    }
}

/// The network that a prefix was assigned to.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Carrier {
    /// 中国广电.
    Broadnet,
    /// 中国移动 and its resellers.
    Mobile,
    /// 中国电信 and its resellers.
    Telecom,
    /// 中国联通 and its resellers.
    Unicom,
}

impl Carrier {
    /// Every carrier.
    pub const ALL: [Self; 4] = [Self::Broadnet, Self::Mobile, Self::Telecom, Self::Unicom];
}

/// Why a spelling is not a mainland mobile number. Says where, never what.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Nothing but white space and invisible characters.
    #[error("empty")]
    Empty,
    /// A machine number: 140 to 144, 146, 148, thirteen digits that start with 14 or 1064.
    #[error("a machine-to-machine number")]
    Iot,
    /// Digits only, but not eleven of them; or more than 64 characters.
    #[error("wrong number of digits")]
    Length,
    /// A character that no spelling of a number has.
    #[error("character {at} is not part of a number")]
    NotDigits {
        /// Position in characters.
        at: usize,
    },
    /// A landline, a foreign number, or eleven digits that do not start with 13 to 19.
    #[error("not a mainland mobile number")]
    NotMainlandMobile,
    /// A mobile number with an extension: the temporary number of one order, never a person's.
    #[error("a mobile number with an extension")]
    PrivacyNumber,
    /// A satellite line: 1349, 161, 174.
    #[error("a satellite number")]
    Satellite,
}

impl PhoneError {
    /// The stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Iot => "iot",
            Self::Length => "length",
            Self::NotDigits { .. } => "not_digits",
            Self::NotMainlandMobile => "not_mainland_mobile",
            Self::PrivacyNumber => "privacy_number",
            Self::Satellite => "satellite",
        }
    }
}

impl Phone {
    /// Reads a number in any spelling.
    ///
    /// Taken as one person: spaces, hyphens, dots, slashes, commas and brackets between digits; `+86`, `0086`, `+0086`,
    /// `86`, a stray leading 0; `tel:`; decimal digits of any script; quotes, an apostrophe or `=` before; `.0` behind;
    /// invisible characters anywhere.
    ///
    /// # Errors
    /// [`PhoneError`]; input above 64 characters is [`PhoneError::Length`] and is not read further.
    ///
    /// # Source
    /// Section 8 of the rule sheet.
    pub fn parse(spelling: &str) -> Result<Self, PhoneError> {
        match plain_digits(spelling.as_bytes()) {
            Some(number) => classify(number),
            None => parse_spelling(spelling),
        }
    }

    /// Takes back what [`Phone::to_u64`] gave: the eleven digits as a number.
    ///
    /// # Errors
    /// As [`Phone::parse`] for the same digits.
    pub fn from_u64(number: u64) -> Result<Self, PhoneError> {
        match number {
            10_000_000_000..=99_999_999_999 => classify(number),
            _ => Err(PhoneError::Length),
        }
    }

    /// The eleven digits as a number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The number in E.164 form: `+86` and eleven digits.
    #[must_use]
    pub fn e164(&self) -> String {
        format!("+86{}", self.0)
    }

    /// The eleven digits.
    #[must_use]
    pub fn national(&self) -> String {
        self.0.to_string()
    }

    /// Writes the eleven digits without allocating.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_national(&self, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{}", self.0)
    }

    /// What kind of line this is, by its prefix.
    #[must_use]
    pub fn kind(&self) -> PhoneKind {
        match block(self.0).kind {
            BlockKind::Virtual => PhoneKind::Virtual,
            BlockKind::Iot | BlockKind::Mobile | BlockKind::Satellite => PhoneKind::Mobile,
        }
    }

    /// The carrier that the prefix was assigned to. Only a hint: numbers move between carriers since 2019.
    #[must_use]
    pub fn carrier_hint(&self) -> Option<Carrier> {
        block(self.0).carrier
    }

    /// Whether the prefix had no public assignment in 2023-03. A reason to warn, never to refuse: assignment moves.
    #[must_use]
    pub fn unknown_prefix(&self) -> bool {
        !block(self.0).assigned
    }
}

impl FromStr for Phone {
    type Err = PhoneError;

    fn from_str(spelling: &str) -> Result<Self, PhoneError> {
        Self::parse(spelling)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({}****{:04})", self.0 / 100_000_000, self.0 % 10_000)
    }
}

// ── prefixes ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Clone, Copy, Debug, PartialEq)]
enum BlockKind {
    Iot,
    Mobile,
    Satellite,
    Virtual,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Block {
    kind: BlockKind,
    carrier: Option<Carrier>,
    assigned: bool,
}

const UNLISTED: Block = Block { kind: BlockKind::Mobile, carrier: None, assigned: false };
const TABLE: &str = include_str!("../data/prefixes.csv");

/// One block for each value of the four digits 1000 to 1999; the longest listed prefix wins. Rows of five digits only
/// name parts of satellite blocks that a shorter row covers whole.
static BLOCKS: LazyLock<[Block; 1000]> = LazyLock::new(|| {
    let mut blocks = [UNLISTED; 1000];
    for digits in [3, 4] {
        for (prefix, block) in TABLE.lines().skip(1).filter_map(row).filter(|(prefix, _)| prefix.len() == digits) {
            let Ok(number) = prefix.parse::<usize>() else {
                continue;
            };
            let width = if digits == 3 { 10 } else { 1 };
            let Some(from) = (number * width).checked_sub(1000) else {
                continue;
            };
            if let Some(covered) = blocks.get_mut(from..from + width) {
                covered.fill(block);
            }
        }
    }
    blocks
});

fn row(line: &str) -> Option<(&str, Block)> {
    let mut fields = line.splitn(4, ',');
    let (prefix, owner, kind) = (fields.next()?, fields.next()?, fields.next()?);
    let kind = match kind {
        "iot" => BlockKind::Iot,
        // Broadnet's lines are ordinary ones; the table's own word for them names the carrier.
        "mobile" | "broadcast" => BlockKind::Mobile,
        "satellite" => BlockKind::Satellite,
        "virtual" => BlockKind::Virtual,
        _ => return None,
    };
    let carrier = [
        ("China Broadnet", Carrier::Broadnet),
        ("China Mobile", Carrier::Mobile),
        ("China Telecom", Carrier::Telecom),
        ("China Unicom", Carrier::Unicom),
    ];
    let carrier = carrier.iter().find(|(name, _)| owner.starts_with(name)).map(|&(_, carrier)| carrier);
    Some((prefix, Block { kind, carrier, assigned: !owner.contains("unassigned") }))
}

fn block(number: u64) -> Block {
    let four = usize::try_from(number / 10_000_000).unwrap_or(0);
    four.checked_sub(1000).and_then(|at| BLOCKS.get(at).copied()).unwrap_or(UNLISTED)
}

/// Decides over eleven digits.
fn classify(number: u64) -> Result<Phone, PhoneError> {
    if !(13_000_000_000..20_000_000_000).contains(&number) {
        return Err(PhoneError::NotMainlandMobile);
    }
    match block(number).kind {
        BlockKind::Mobile | BlockKind::Virtual => Ok(Phone(number)),
        BlockKind::Iot => Err(PhoneError::Iot),
        BlockKind::Satellite => Err(PhoneError::Satellite),
    }
}

// ── spellings ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// The most characters that are read.
const LONGEST: usize = 64;
/// The most digits of an extension; a longer tail is a second number.
const LONGEST_EXTENSION: usize = 8;
/// Words before a number.
const LABELS: [&str; 10] = ["tel", "sms", "smsto", "callto", "phone", "mobile", "手机", "手机号", "手机号码", "电话"];
/// Words and signs between a number and its extension, longest first.
const EXTENSION_MARKS: [&str; 21] = [
    "extension",
    "extn",
    "ext",
    "分机号",
    "分機號",
    "分机",
    "分機",
    "转接",
    "转",
    "轉",
    "拨",
    "撥",
    "按",
    "x",
    "p",
    "w",
    "#",
    "*",
    "=",
    ":",
    "：",
];

/// The ordinary row: eleven ASCII digits, bare or after `+86`.
fn plain_digits(bytes: &[u8]) -> Option<u64> {
    let digits = match bytes.len() {
        11 => bytes,
        14 => bytes.strip_prefix(b"+86")?,
        _ => return None,
    };
    digits.iter().try_fold(0u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// The digits of a spelling in order, with what stood around them.
struct Digits {
    values: [u8; LONGEST],
    len: usize,
    /// A `+` stood before the first digit.
    plus: bool,
    /// Bit n: something separated the first n digits from the next.
    breaks: u128,
    /// The digits before the last break, when that break was one full stop.
    stop: Option<usize>,
}

impl Digits {
    const EMPTY: Self = Self { values: [0; LONGEST], len: 0, plus: false, breaks: 0, stop: None };

    fn push(&mut self, value: u8, separator: Separator) {
        if separator != Separator::None && self.len > 0 {
            self.breaks |= 1 << self.len;
            self.stop = (separator == Separator::Stop).then_some(self.len);
        }
        if let Some(slot) = self.values.get_mut(self.len) {
            *slot = value;
            self.len += 1;
        }
    }

    fn head(&self, len: usize) -> Result<Phone, PhoneError> {
        resolve(&self.values[..len.min(self.len)], self.plus)
    }

    /// The number, or what the digits are instead.
    fn number(&self) -> Result<Phone, PhoneError> {
        if let Some(stop) = self.stop
            && (1..=2).contains(&(self.len - stop))
            && self.values[stop..self.len].iter().all(|&value| value == 0)
        {
            return self.head(stop); // a spreadsheet's 13800138000.0
        }
        let whole = self.head(self.len);
        let shortest = self.len.saturating_sub(LONGEST_EXTENSION).max(11);
        let extended = |end: usize| self.breaks & (1 << end) != 0 && self.head(end).is_ok();
        if whole.is_err() && (shortest..self.len).any(extended) {
            return Err(PhoneError::PrivacyNumber);
        }
        whole
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Separator {
    None,
    Other,
    Stop,
}

fn parse_spelling(spelling: &str) -> Result<Phone, PhoneError> {
    if spelling.chars().nth(LONGEST).is_some() {
        return Err(PhoneError::Length);
    }
    let mut digits = Digits::EMPTY;
    let mut separator = Separator::None;
    let mut seen = None; // the first character that is neither space nor quote
    let mut rest = spelling.char_indices().enumerate();
    while let Some((at, (byte, c))) = rest.next() {
        if is_invisible(c) {
            continue;
        }
        if let Some(value) = decimal_digit(c) {
            digits.push(value, separator);
            separator = Separator::None;
        } else if is_separator(c) {
            separator = match c {
                '.' | '．' if separator == Separator::None => Separator::Stop,
                _ => Separator::Other,
            };
            if !is_blank(c) {
                seen = seen.or(Some(at));
            }
            continue;
        } else if digits.len == 0 && !digits.plus && is_plus(c) {
            digits.plus = true;
        } else if digits.len == 0 && !digits.plus && matches!(c, '=' | '＝') {
            // the `="…"` of a spreadsheet
        } else if digits.len == 0 && !digits.plus {
            let label = label(&spelling[byte..]).ok_or(PhoneError::NotDigits { at })?;
            rest.nth(label.saturating_sub(2)); // this character is taken already
        } else {
            return Err(tail(&digits, &spelling[byte..], at));
        }
        seen = seen.or(Some(at));
    }
    match (digits.len, seen) {
        (0, None) => Err(PhoneError::Empty),
        (0, Some(at)) => Err(PhoneError::NotDigits { at }),
        _ => digits.number(),
    }
}

/// What a spelling is whose digits end at a character that is no separator.
fn tail(digits: &Digits, rest: &str, at: usize) -> PhoneError {
    match (digits.number(), extension(rest)) {
        (Ok(_), Some(1..=LONGEST_EXTENSION)) => PhoneError::PrivacyNumber,
        (Ok(_), Some(_)) => PhoneError::Length,
        (Err(error @ (PhoneError::Iot | PhoneError::NotMainlandMobile | PhoneError::Satellite)), Some(_)) => error,
        _ => PhoneError::NotDigits { at },
    }
}

/// The digits of the extension that `rest` is: marks, then digits, then separators.
fn extension(rest: &str) -> Option<usize> {
    let lower: String = rest.chars().filter(|&c| !is_invisible(c)).map(ascii_lower).collect();
    let mut rest = lower.as_str();
    loop {
        let shorter = rest.trim_start_matches(is_separator);
        match EXTENSION_MARKS.iter().find_map(|mark| shorter.strip_prefix(mark)) {
            Some(after) => rest = after,
            None => break rest = shorter,
        }
    }
    let digits = rest.chars().take_while(|&c| decimal_digit(c).is_some()).count();
    let after = rest.trim_start_matches(|c| decimal_digit(c).is_some());
    (digits > 0 && after.chars().all(|c| is_separator(c) || matches!(c, '#' | '号' | '號'))).then_some(digits)
}

/// Characters of the label at the start of `rest`, its colon included; `None` when there is none.
fn label(rest: &str) -> Option<usize> {
    let word = rest.chars().take_while(|c| c.is_alphabetic()).count();
    let lower: String = rest.chars().take(word).map(ascii_lower).collect();
    let ends = matches!(rest.chars().nth(word), Some(':' | '：' | '.' | ' '));
    (ends && LABELS.contains(&lower.as_str())).then_some(word + 1)
}

/// What the digits alone are, once the country code and a stray 0 are off.
fn resolve(values: &[u8], plus: bool) -> Result<Phone, PhoneError> {
    if let Some(rest) = values.strip_prefix(&[0, 0, 8, 6]) {
        return subscriber(rest);
    }
    if plus {
        return values.strip_prefix(&[8, 6]).map_or(Err(PhoneError::NotMainlandMobile), subscriber);
    }
    match values {
        [8, 6, rest @ ..] if values.len() != 11 => subscriber(rest),
        [0, 0, ..] if values.len() >= 10 => Err(PhoneError::NotMainlandMobile), // another country
        _ => subscriber(values),
    }
}

fn subscriber(values: &[u8]) -> Result<Phone, PhoneError> {
    match values {
        [0, rest @ ..] if rest.len() == 11 && rest[0] == 1 => classify(join(rest)),
        [0, ..] if (10..=12).contains(&values.len()) => Err(PhoneError::NotMainlandMobile), // a landline
        _ if values.len() == 11 => classify(join(values)),
        [1, 4, ..] | [1, 0, 6, 4, ..] if values.len() == 13 => Err(PhoneError::Iot),
        _ => Err(PhoneError::Length),
    }
}

fn join(values: &[u8]) -> u64 {
    values.iter().fold(0, |sum, &value| sum * 10 + u64::from(value))
}

/// Lower case of ASCII and of its full-width forms.
fn ascii_lower(c: char) -> char {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).map_or(c, |c| c.to_ascii_lowercase()),
        _ => c.to_ascii_lowercase(),
    }
}

fn is_plus(c: char) -> bool {
    matches!(c, '+' | '＋' | '﹢' | '⁺')
}

/// White space, control characters and quotes: a field of nothing else is empty.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '"' | '\'' | '`' | '´' | '＂' | '＇' | '｀' | '‘'..='‟' | '′' | '″' | '«' | '»' | '「'..='』')
}

/// Whatever may stand between the digits of one number.
fn is_separator(c: char) -> bool {
    is_blank(c)
        || matches!(
            c,
            '-' | '‐'
                ..='―'
                    | '−'
                    | '⁃'
                    | '﹘'
                    | '﹣'
                    | '－'
                    | '~'
                    | '～'
                    | '〜'
                    | '_'
                    | '＿'
                    | '.'
                    | '．'
                    | '·'
                    | '・'
                    | '•'
                    | '。'
                    | ','
                    | '，'
                    | '、'
                    | ';'
                    | '；'
                    | '/'
                    | '／'
                    | '\\'
                    | '＼'
                    | '|'
                    | '｜'
                    | '('
                    | ')'
                    | '（'
                    | '）'
                    | '['
                    | ']'
                    | '［'
                    | '］'
                    | '【'
                    | '】'
                    | '<'
                    | '>'
                    | '＜'
                    | '＞'
                    | '〔'
                    | '〕'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(spelling: &str) -> &'static str {
        match Phone::parse(spelling) {
            Ok(phone) => phone.kind().code(),
            Err(error) => error.code(),
        }
    }

    #[test]
    fn every_spelling_is_one_person() {
        let person = Phone::parse("13800138000").unwrap();
        for spelling in [
            "+8613800138000",
            "8613800138000",
            "008613800138000",
            "+008613800138000",
            "+86 (0)138 0013 8000",
            "(+86)138-0013-8000",
            "（86）13800138000",
            "013800138000",
            "0 138 0013 8000",
            "138.0013.8000",
            "138/0013/8000",
            "138 0013 8000",
            "138\u{3000}0013\u{3000}8000",
            "138\u{a0}0013\u{a0}8000",
            "\u{feff}13800138000\r\n",
            "138\u{200b}0013\u{2060}8000",
            "\u{202a}+8613800138000\u{202c}",
            "１３８００１３８０００",
            "＋８６ １３８００１３８０００",
            "١٣٨٠٠١٣٨٠٠٠",
            "१३८००१३८०००",
            "'13800138000",
            "\"13800138000\"",
            "=\"13800138000\"",
            "13800138000.0",
            "13800138000.00",
            "tel:+86-138-0013-8000",
            "TEL: 13800138000",
            "手机：13800138000",
            "13,800,138,000",
            "138–0013—8000",
            "138‑0013‑8000",
            "\t13800138000,",
            "“13800138000”",
            "1-3-8-0-0-1-3-8-0-0-0",
            "+86\u{200e}13800138000",
            "tel:13800138000;",
        ] {
            assert_eq!(Phone::parse(spelling), Ok(person), "{spelling:?}");
        }
    }

    #[test]
    fn an_extension_makes_a_privacy_number() {
        for spelling in [
            "13800138000-1234",
            "13800138000 - 1234",
            "13800138000转8888",
            "13800138000 转 8888",
            "13800138000轉8888",
            "13800138000ext123",
            "13800138000 Ext. 123",
            "tel:+86-138-0013-8000;ext=123",
            "13800138000,1234",
            "13800138000#1234",
            "13800138000p1234",
            "13800138000 x12",
            "13800138000分机1234",
            "13800138000转分机：1234",
            "13800138000_1234",
            "13800138000*1234#",
            "138-0013-8000-1234",
            "+86 138 0013 8000 转 12",
            "13800138000(1234)",
            "13800138000[1234]",
            "１３８００１３８０００－１２３４",
            "13800138000 1234",
            "13800138000；1234",
            "17012345678-0001",
            "14712345678-12",
            "13800138000,,1",
        ] {
            assert_eq!(code(spelling), "privacy_number", "{spelling:?}");
        }
    }

    #[test]
    fn refusals_have_their_reasons() {
        for (spelling, why) in [
            ("", "empty"),
            (" \u{3000}\u{feff}", "empty"),
            ("\"\"", "empty"),
            ("'", "empty"),
            ("-", "not_digits"),
            ("+", "not_digits"),
            ("N/A", "not_digits"),
            ("null", "not_digits"),
            ("tel:", "not_digits"),
            ("1380013800a", "not_digits"),
            ("1.38E+10", "not_digits"),
            ("138****8000", "not_digits"),
            ("138+00138000", "not_digits"),
            ("13800138000转", "not_digits"),
            ("13800138000元", "not_digits"),
            ("++8613800138000", "not_digits"),
            ("一三八", "not_digits"),
            ("10086", "length"),
            ("1380013800", "length"),
            ("138001380000", "length"),
            ("8613800138", "length"),
            ("1380013800.0", "length"),
            ("13800138000/13900139000", "length"),
            ("13800138000;13900139000", "length"),
            ("138 0013 80000", "length"),
            ("+86138001380001", "length"),
            ("4008001234", "length"),
            ("1069012345678", "length"),
            ("138001380.00", "length"),
            ("12345678901", "not_mainland_mobile"),
            ("02112345678", "not_mainland_mobile"),
            ("021-12345678", "not_mainland_mobile"),
            ("0512-12345678", "not_mainland_mobile"),
            ("+85291234567", "not_mainland_mobile"),
            ("0085291234567", "not_mainland_mobile"),
            ("+12025550123", "not_mainland_mobile"),
            ("+13800138000", "not_mainland_mobile"),
            ("8612345678901", "not_mainland_mobile"),
            ("021-12345678转123", "not_mainland_mobile"),
            ("+86 021 12345678", "not_mainland_mobile"),
            ("1064900000000", "iot"),
            ("1440000000000", "iot"),
            ("1410000000000", "iot"),
            ("14612345678", "iot"),
            ("14812345678", "iot"),
            ("1461234567890", "iot"),
            ("14012345678", "iot"),
            ("+861440000000000", "iot"),
            ("861064900000000", "iot"),
            ("13491234567", "satellite"),
            ("17401234567", "satellite"),
            ("17451234567", "satellite"),
            ("17491234567", "satellite"),
            ("16191234567", "satellite"),
            ("16112345678", "satellite"),
            ("+86 17401234567", "satellite"),
        ] {
            assert_eq!(code(spelling), why, "{spelling:?}");
        }
        assert_eq!(Phone::parse("138x"), Err(PhoneError::NotDigits { at: 3 }));
    }

    #[test]
    fn long_input_is_refused_unread() {
        assert_eq!(code(&"1".repeat(65)), "length");
        assert_eq!(code(&"x".repeat(10_000_000)), "length");
        assert_eq!(code(&"1".repeat(64)), "length");
        assert_eq!(code(&format!("{}13800138000", " ".repeat(53))), "mobile");
    }

    #[test]
    fn the_prefix_decides_kind_and_hint() {
        for (number, kind, carrier, unknown) in [
            (13800138000, PhoneKind::Mobile, Some(Carrier::Mobile), false),
            (13301234567, PhoneKind::Mobile, Some(Carrier::Telecom), false),
            (18612345678, PhoneKind::Mobile, Some(Carrier::Unicom), false),
            (19212345678, PhoneKind::Mobile, Some(Carrier::Broadnet), false),
            (17212345678, PhoneKind::Mobile, Some(Carrier::Mobile), false),
            (16212345678, PhoneKind::Virtual, Some(Carrier::Telecom), false),
            (17051234567, PhoneKind::Virtual, Some(Carrier::Mobile), false),
            (17112345678, PhoneKind::Virtual, Some(Carrier::Unicom), false),
            (15412345678, PhoneKind::Mobile, None, true),
            (19412345678, PhoneKind::Mobile, None, true),
        ] {
            let phone = Phone::from_u64(number).unwrap();
            assert_eq!(
                (phone.kind(), phone.carrier_hint(), phone.unknown_prefix()),
                (kind, carrier, unknown),
                "{number}"
            );
        }
    }

    #[test]
    fn the_whole_table_is_read() {
        for line in TABLE.lines().skip(1) {
            let (prefix, listed) = row(line).unwrap_or_else(|| panic!("{line}"));
            assert!(prefix.len() >= 3 && prefix.parse::<u64>().is_ok(), "{line}");
            let number = format!("{prefix:0<11}").parse().unwrap();
            assert_eq!(block(number).kind, listed.kind, "{line}");
            assert!(prefix.len() < 5 || listed.kind == BlockKind::Satellite, "{line}");
        }
    }

    #[test]
    fn forms_round_trip_and_debug_is_masked() {
        let phone = Phone::parse("138 0013 8000").unwrap();
        let mut out = String::new();
        phone.write_national(&mut out).unwrap();
        assert_eq!((phone.e164().as_str(), phone.national()), ("+8613800138000", out));
        assert_eq!(Phone::from_u64(phone.to_u64()), Ok(phone));
        assert_eq!(Phone::from_u64(1380013800), Err(PhoneError::Length));
        assert_eq!(Phone::from_u64(u64::MAX), Err(PhoneError::Length));
        assert_eq!(format!("{phone:?}"), "Phone(138****8000)");
        assert_eq!(format!("{:?}", Phone::parse("13800130007").unwrap()), "Phone(138****0007)");
    }
}
