//! Which characters a text may hold, and how a text reads once decoration is off.

use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::TextError;
use crate::text::chars::{is_invisible, is_unassigned};
use crate::text::data_lines;

static REFUSAL_WORDS: LazyLock<Vec<Vec<char>>> = LazyLock::new(|| {
    data_lines(include_str!("../../data/lint/refusal_words.txt")).map(|line| line.chars().collect()).collect()
});

/// Refuses every character that a person would not see as written.
pub(super) fn check(text: &str) -> Result<(), TextError> {
    let (mut spaces, mut marks) = (0, 0);
    for (at, c) in text.chars().enumerate() {
        spaces = if matches!(c, ' ' | '\u{3000}') { spaces + 1 } else { 0 };
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            return Err(TextError::Control { at });
        }
        if is_invisible(c) || (c.is_whitespace() && spaces == 0) || marks > 2 {
            return Err(TextError::Invisible { at });
        }
        if is_unassigned(c) {
            return Err(TextError::Unassigned { at });
        }
        if is_signature_bracket(c) {
            return Err(TextError::Bracket { at });
        }
        if spaces > 2 {
            return Err(TextError::Padding { at });
        }
    }
    Ok(())
}

/// Refuses a text that holds its own way of refusal, or denies the real one, under any disguise.
pub(super) fn check_refusal_words(text: &str) -> Result<(), TextError> {
    let (plain, places) = plain(text);
    for at in 0..plain.len() {
        let rest = &plain[at..];
        if REFUSAL_WORDS.iter().any(|word| rest.starts_with(word)) || replies_to_refuse(rest) {
            return Err(TextError::RefusalWords { at: places[at] });
        }
    }
    Ok(())
}

/// Whether the text opens `回` or `回复`, then up to four letters or digits, then a word of refusal.
fn replies_to_refuse(rest: &[char]) -> bool {
    let Some(rest) = rest.strip_prefix(&['回']) else {
        return false;
    };
    let rest = rest.strip_prefix(&['复']).unwrap_or(rest);
    let command = rest.iter().take(4).take_while(|c| c.is_ascii_alphanumeric()).count();
    let rest = &rest[command..];
    let rest = rest.strip_prefix(&['可']).or(rest.strip_prefix(&['即'])).unwrap_or(rest);
    [['退', '订'], ['拒', '收'], ['退', '出'], ['拒', '绝']].iter().any(|word| rest.starts_with(word))
        || (command > 0 && rest.starts_with(&['取', '消']))
}

/// Letters and digits only, compatibility forms and look-alikes folded, with the character position of each.
fn plain(text: &str) -> (Vec<char>, Vec<usize>) {
    let mut plain = (Vec::with_capacity(text.len() / 2), Vec::with_capacity(text.len() / 2));
    for (at, c) in text.chars().enumerate() {
        for c in std::iter::once(c).nfkc().map(fold) {
            if c.is_alphanumeric() && !is_combining_mark(c) {
                for c in c.to_lowercase() {
                    plain.0.push(c);
                    plain.1.push(at);
                }
            }
        }
    }
    plain
}

/// Folds what looks or reads like a character of the unsubscribe words into that character.
fn fold(c: char) -> char {
    match c {
        '請' => '请',
        '復' | '覆' | '複' => '复',
        '迴' | '囬' | '囘' | '廻' => '回',
        '収' => '收',
        '訂' => '订',
        '發' => '发',
        '撥' => '拨',
        '電' => '电',
        '點' => '点',
        '無' => '无',
        '閱' | '閲' => '阅',
        '絕' | '絶' => '绝',
        '錄' => '录',
        'Я' | 'я' | 'ʀ' | 'Ʀ' | 'Ꭱ' | 'Ꮢ' | 'ᖇ' | 'ꓣ' | 'ꭱ' | '®' | '🆁' | '🅡' | 'ɹ' | 'ᴙ' => {
            'r'
        }
        'Т' | 'т' | 'Τ' | 'τ' | 'ꓔ' | 'Ꭲ' | 'ᴛ' | '🆃' | '🅣' => 't',
        'Ꭰ' | 'ᗞ' | 'ꓓ' | 'ᴅ' | '🅳' | '🅓' => 'd',
        'Ν' | 'ꓠ' | 'ɴ' | '🅽' | '🅝' => 'n',
        _ => c,
    }
}

/// The brackets of a signature and the vertical forms that are the same bracket.
pub(super) fn is_signature_bracket(c: char) -> bool {
    matches!(c, '【' | '】' | '︻' | '︼')
}

const OPENING: &str = "〖［[「『〔⟦⟪❲〘〚⦗⁅⟬﹝⸢⌈｢﹇﹁﹃⧼";
const CLOSING: &str = "〗］]」』〕⟧⟫❳〙〛⦘⁆⟭﹞⸣⌉｣﹈﹂﹄⧽";

/// The position of a bracket at the very start or end that a reader would take for a signature.
pub(super) fn signature_look_alike(text: &str) -> Option<usize> {
    let idle = |c: &char| {
        c.is_whitespace() || matches!(c, '.' | '。' | '!' | '！' | ',' | '，' | '、' | ';' | '；' | ':' | '：')
    };
    let chars: Vec<char> = text.chars().collect();
    let first = chars.iter().position(|c| !idle(c))?;
    let last = chars.iter().rposition(|c| !idle(c))?;
    let opens = OPENING.contains(chars[first]).then_some(first);
    opens.or_else(|| CLOSING.contains(chars[last]).then_some(last))
}

/// Whether `c` is a bracket that could stand for one of a signature.
pub(super) fn is_bracket(c: char) -> bool {
    is_signature_bracket(c) || OPENING.contains(c) || CLOSING.contains(c)
}

/// Names after which a dot-joined word is read as a host.
const TOP_LEVELS: [&str; 23] = [
    "cn", "com", "net", "org", "top", "shop", "cc", "vip", "xyz", "club", "co", "io", "me", "im", "tv", "info", "site",
    "link", "ltd", "store", "gl", "ly", "so",
];

/// The first address in `text` at or after byte `from`, as bytes: `scheme://…`, `www.…` or a bare host.
pub(super) fn find_url(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let mut start = None;
    for (at, c) in rest.char_indices().chain(std::iter::once((rest.len(), ' '))) {
        let part = c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | ',' | ';' | '|' | '{' | '}' | '\\' | '^');
        match (start, part) {
            (None, true) => start = Some(at),
            (Some(begin), false) => {
                if let Some(within) = url_in(&rest[begin..at]) {
                    return Some(from + begin + within.start..from + begin + within.end);
                }
                start = None;
            }
            _ => {}
        }
    }
    None
}

/// The address inside one run of ASCII letters and signs.
fn url_in(run: &str) -> Option<Range<usize>> {
    if let Some(at) = run.find("://") {
        let scheme = run[..at].bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        return Some(at - scheme..run.len());
    }
    let start = run.find(|c: char| c.is_ascii_alphanumeric())?;
    let host =
        run[start..].split(['/', '?', '#', ':', '(', ')', '!']).next()?.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let named = labels.len() > 1 && labels.iter().all(|label| !label.is_empty());
    let known = labels.last().is_some_and(|last| TOP_LEVELS.contains(last));
    (named && (known || labels[0] == "www") && !host.contains('@')).then_some(start..run.len())
}
