//! A reply as typed, folded to the few signs that the word lists know.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::lexicon::{BREAK, QUOTE, lines};

/// Signs read from the start of a text, and from the end of a longer one.
const HEAD: usize = 2_000;
const TAIL: usize = 400;

static LOOK_ALIKES: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let rows = lines(include_str!("../../../data/replies/look_alikes.csv")).filter_map(|line| line.split_once(','));
    rows.flat_map(|(from, to)| from.chars().zip(std::iter::repeat(to)))
        .filter_map(|(from, to)| Some((from, to.chars().next()?)))
        .collect()
});

/// Misspellings by first sign, longest first.
type Spellings = HashMap<char, Vec<(Vec<char>, Vec<char>)>>;

static SPELLINGS: LazyLock<Spellings> = LazyLock::new(|| {
    let mut by_first = Spellings::new();
    for (from, to) in lines(include_str!("../../../data/replies/spellings.csv")).filter_map(|line| line.split_once(','))
    {
        let from: Vec<char> = from.chars().collect();
        by_first.entry(from[0]).or_default().push((from, to.chars().collect()));
    }
    for rows in by_first.values_mut() {
        rows.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
    }
    by_first
});

/// Han words by the letters of their sound, and those by the first.
type Sounds = HashMap<char, Vec<(Vec<char>, &'static str)>>;

/// Toneless pinyin words, by first letter.
static PINYIN: LazyLock<Sounds> = LazyLock::new(|| {
    let mut by_first: HashMap<char, Vec<_>> = HashMap::new();
    let file = include_str!("../../../data/replies/pinyin.csv");
    for (sound, word) in lines(file).filter_map(|line| line.split_once(',')) {
        let sound: Vec<char> = sound.chars().collect();
        by_first.entry(sound[0]).or_default().push((sound, word));
    }
    by_first
});

/// Longest text that is tried as pinyin, and the shortest: two letters are an abbreviation.
const PINYIN_REACH: std::ops::RangeInclusive<usize> = 3..=64;

/// The Han signs of a text that is nothing but known pinyin words, in as few words as possible.
pub(super) fn from_pinyin(letters: &[char]) -> Option<String> {
    if !PINYIN_REACH.contains(&letters.len()) {
        return None;
    }
    // For each place: fewest words that reach it, and the last of them.
    let mut best: Vec<Option<(usize, usize, &str)>> = vec![None; letters.len() + 1];
    best[0] = Some((0, 0, ""));
    for at in 0..letters.len() {
        let Some((count, ..)) = best[at] else {
            continue;
        };
        for (sound, word) in PINYIN.get(&letters[at]).into_iter().flatten() {
            let end = at + sound.len();
            if letters[at..].starts_with(sound) && best[end].is_none_or(|(fewest, ..)| count + 1 < fewest) {
                best[end] = Some((count + 1, at, word));
            }
        }
    }
    let mut words = Vec::new();
    let mut at = letters.len();
    while at > 0 {
        let (_, from, word) = best[at]?;
        words.push(word);
        at = from;
    }
    words.reverse();
    Some(words.concat())
}

/// One text in the forms that the layers of the reader look at.
#[derive(Debug)]
pub(super) struct Folded {
    /// Letters, digits and Han signs, lower case, no spaces; [`BREAK`] between clauses, [`QUOTE`] kept.
    pub(super) text: Vec<char>,
    /// `text` without any break.
    pub(super) compact: Vec<char>,
    /// The pieces between spaces and punctuation.
    pub(super) clauses: Vec<Vec<char>>,
    /// Latin words and numbers, each between two spaces.
    pub(super) words: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sign {
    Hard,
    Keep(char),
    Nothing,
    Quote,
    Soft,
    Space,
}

impl Folded {
    pub(super) fn new(raw: &str) -> Self {
        let signs: Vec<Sign> = bounded(raw)
            .map(open_enclosed)
            .nfkd()
            .filter(|&c| !is_combining_mark(c))
            .flat_map(lower)
            .map(sign)
            .filter(|&sign| sign != Sign::Nothing)
            .collect();
        let text = respell(&joined(&signs));
        let compact = text.iter().copied().filter(|c| !matches!(*c, BREAK | QUOTE)).collect();
        let clauses = pieces(&signs, |sign| matches!(sign, Sign::Hard | Sign::Space | Sign::Quote));
        Self { text, compact, clauses: clauses.iter().map(|clause| respell(clause)).collect(), words: words(&signs) }
    }
}

/// The head and the tail: what is said is said there, and no input makes the reader work for long.
fn bounded(raw: &str) -> impl Iterator<Item = char> + '_ {
    let head_bytes = raw.char_indices().nth(HEAD).map_or(raw.len(), |(at, _)| at);
    let (head, rest) = raw.split_at(head_bytes);
    let tail_at = rest.char_indices().rev().nth(TAIL - 1).map_or(0, |(at, _)| at);
    head.chars().chain(rest[tail_at..].chars())
}

/// Letters in boxes and flags, which compatibility folding leaves alone.
fn open_enclosed(c: char) -> char {
    let letter = |base: u32| char::from_u32(u32::from('a') + (u32::from(c) - base)).unwrap_or(c);
    match c {
        '\u{1F130}'..='\u{1F149}' => letter(0x1F130),
        '\u{1F150}'..='\u{1F169}' => letter(0x1F150),
        '\u{1F170}'..='\u{1F189}' => letter(0x1F170),
        '\u{1F1E6}'..='\u{1F1FF}' => letter(0x1F1E6),
        '\u{2070}' | '№' | '™' | '℠' | '℡' => ' ',
        _ => c,
    }
}

fn lower(c: char) -> impl Iterator<Item = char> {
    let folded = LOOK_ALIKES.get(&c).copied().unwrap_or(c);
    folded.to_lowercase()
}

fn sign(c: char) -> Sign {
    match c {
        '【' => Sign::Quote,
        '\n' | '\r' | ',' | '、' | '。' | '.' | '!' | '?' | ';' | ':' | '(' | ')' | '<' | '>' | '《' | '》' | '「'
        | '」' | '『' | '』' | '“' | '”' | '"' | '[' | ']' | '】' | '|' | '/' | '\\' | '〈' | '〉' | '〔' | '〕'
        | '{' | '}' => Sign::Hard,
        '\'' | '’' | '‘' | '`' | '´' => Sign::Nothing,
        '\u{2800}' | '\t' => Sign::Space,
        c if c.is_whitespace() => Sign::Space,
        c if c.is_control() || is_invisible(c) => Sign::Nothing,
        c if c.is_alphanumeric() => Sign::Keep(c),
        _ => Sign::Soft,
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Clauses in a row. A break next to a single sign is not one: `别.发.了`, `退，订`.
fn joined(signs: &[Sign]) -> Vec<char> {
    let mut out = Vec::with_capacity(signs.len());
    let (mut piece, mut last, mut hard) = (Vec::new(), 0, false);
    for sign in signs.iter().copied().chain([Sign::Hard]) {
        if let Sign::Keep(c) = sign {
            piece.push(c);
            continue;
        }
        if !piece.is_empty() {
            if hard && last > 1 && piece.len() > 1 {
                out.push(BREAK);
            }
            (last, hard) = (piece.len(), false);
            out.append(&mut piece);
        }
        hard |= sign == Sign::Hard;
        if sign == Sign::Quote {
            out.push(QUOTE);
        }
    }
    out
}

fn pieces(signs: &[Sign], ends: impl Fn(Sign) -> bool) -> Vec<Vec<char>> {
    let pieces = signs.split(|sign| ends(*sign)).map(kept);
    pieces.filter(|piece| !piece.is_empty()).collect()
}

fn kept(signs: &[Sign]) -> Vec<char> {
    let letter = |sign: &Sign| {
        if let Sign::Keep(c) = sign { Some(*c) } else { None }
    };
    signs.iter().filter_map(letter).collect()
}

fn words(signs: &[Sign]) -> String {
    let latin = |sign: &Sign| matches!(sign, Sign::Keep(c) if c.is_ascii_alphanumeric());
    let mut out = String::from(" ");
    for piece in signs.split(|sign| !latin(sign)).filter(|piece| !piece.is_empty()) {
        out.extend(kept(piece));
        out.push(' ');
    }
    out
}

fn respell(text: &[char]) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rows = SPELLINGS.get(&text[at]).into_iter().flatten();
        match rows.into_iter().find(|(from, _)| text[at..].starts_with(from)) {
            Some((from, to)) => {
                out.extend(to);
                at += from.len();
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}
