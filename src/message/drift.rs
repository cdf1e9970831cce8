//! Whether a platform's filed text is still the text that the person sees.

use unicode_normalization::UnicodeNormalization;

use super::UNSUBSCRIBE;
use super::template::is_name;

/// What the platform adds by itself to the filed text.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct PlatformAdds {
    /// `【signature】` before it.
    pub signature: bool,
    /// The unsubscribe words after it.
    pub words: bool,
}

/// How a filed text differs from the text as seen. Positions are counted in characters from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Drift {
    /// The texts part here.
    #[error(
        "the filed text differs at its character {filed} from the text as seen at its character {seen}; write the campaign's text as it was filed, or file it anew"
    )]
    Differs {
        /// Position in the filed text.
        filed: usize,
        /// Position in the text as seen.
        seen: usize,
    },
    /// Both the platform and the filed text bring the signature.
    #[error("the signature would appear twice; register the filed text without it, the platform adds it")]
    SignatureTwice,
    /// The text as seen does not begin with `【…】`.
    #[error("no signature at the start of the text as seen; compose the text before comparing it")]
    SignatureMissing,
    /// The text as seen, or the filed text where the platform does not add them, does not end with the exact words.
    #[error("no unsubscribe words at the very end; file the template with 拒收请回复R as its last characters")]
    WordsMissing,
    /// Both the platform and the filed text bring the unsubscribe words.
    #[error("the unsubscribe words would appear twice; register the filed text without them, the platform adds them")]
    WordsTwice,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Token {
    Char(char),
    Hole,
}

/// Compares a filed text with the text as seen, both with their holes, less what the platform adds.
///
/// Normalised before comparison, on both sides: a placeholder in any platform's spelling (`{name}`, `{1}`, `${name}`,
/// `#{name}`, `#name#` with an ASCII name, `@var(name)`) is a hole whatever its name; doubled braces are one brace; every
/// other character is taken in its NFKC form, which levels full and half width. Nothing else is levelled: spaces and
/// punctuation count. The unsubscribe words are compared exactly.
///
/// # Errors
/// [`Drift`] with the first difference.
///
/// # Source
/// Decision 5 of the architecture; R-CONT-6, R-OPT-1.
pub fn drift(filed: &str, as_seen: &str, platform_adds: PlatformAdds) -> Result<(), Drift> {
    let signature = signature_end(as_seen).ok_or(Drift::SignatureMissing)?;
    let mut expected = as_seen.strip_suffix(UNSUBSCRIBE).ok_or(Drift::WordsMissing)?;
    let mut skipped = 0;
    if platform_adds.signature {
        if signature_end(filed).is_some() {
            return Err(Drift::SignatureTwice);
        }
        skipped = expected[..signature].chars().count();
        expected = &expected[signature..];
    }
    let own = filed.strip_suffix(UNSUBSCRIBE);
    let filed = match (platform_adds.words, own) {
        (true, None) => filed,
        (true, Some(_)) => return Err(Drift::WordsTwice),
        (false, own) => own.ok_or(Drift::WordsMissing)?,
    };
    compare(&tokens(filed), &tokens(expected), skipped)
}

fn compare(filed: &Tokens, seen: &Tokens, skipped: usize) -> Result<(), Drift> {
    let end = |tokens: &Tokens, at: usize| tokens.list.get(at).map_or(tokens.chars, |&(_, place)| place);
    let longest = filed.list.len().max(seen.list.len());
    let token = |tokens: &Tokens, at: usize| tokens.list.get(at).map(|&(token, _)| token);
    match (0..longest).find(|&at| token(filed, at) != token(seen, at)) {
        Some(at) => Err(Drift::Differs { filed: end(filed, at), seen: skipped + end(seen, at) }),
        None => Ok(()),
    }
}

/// Bytes of the `【…】` that `text` begins with.
fn signature_end(text: &str) -> Option<usize> {
    let end = text.strip_prefix('【')?.find('】')?;
    (end > 0).then_some(end + '【'.len_utf8() + '】'.len_utf8())
}

struct Tokens {
    list: Vec<(Token, usize)>,
    chars: usize,
}

fn tokens(text: &str) -> Tokens {
    let mut list = Vec::with_capacity(text.len());
    let (mut rest, mut at) = (text, 0);
    while let Some(c) = rest.chars().next() {
        let literal = if rest.starts_with("{{") || rest.starts_with("}}") { 2 } else { c.len_utf8() };
        let taken = match hole(rest) {
            Some((bytes, _)) => {
                list.push((Token::Hole, at));
                bytes
            }
            None => {
                list.extend(std::iter::once(c).nfkc().map(|c| (Token::Char(c), at)));
                literal
            }
        };
        at += rest[..taken].chars().count();
        rest = &rest[taken..];
    }
    Tokens { list, chars: at }
}

/// The names of the placeholders of a text, in order. Where [`drift`] finds no difference, the nth of one text stands for
/// the nth of the other, whatever they are called.
pub(crate) fn holes(text: &str) -> Vec<&str> {
    let (mut rest, mut names) = (text, Vec::new());
    while let Some(c) = rest.chars().next() {
        let literal = if rest.starts_with("{{") || rest.starts_with("}}") { 2 } else { c.len_utf8() };
        let (taken, name) = hole(rest).map_or((literal, None), |(bytes, name)| (bytes, Some(name)));
        names.extend(name);
        rest = &rest[taken..];
    }
    names
}

/// The placeholder at the start of `text`: its bytes, its name.
fn hole(text: &str) -> Option<(usize, &str)> {
    for (open, close) in [("${", '}'), ("#{", '}'), ("{", '}'), ("@var(", ')'), ("#", '#')] {
        let Some(inner) = text.strip_prefix(open) else {
            continue;
        };
        let Some((end, _)) = inner.char_indices().take(33).find(|&(_, c)| c == close) else {
            continue;
        };
        if is_name(&inner[..end]) && (open != "#" || inner[..end].is_ascii()) {
            return Some((open.len() + end + 1, &inner[..end]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: PlatformAdds = PlatformAdds { signature: false, words: false };
    const SIGNATURE: PlatformAdds = PlatformAdds { signature: true, words: false };
    const BOTH: PlatformAdds = PlatformAdds { signature: true, words: true };
    const SEEN: &str = "【示例】亲爱的{name},满{amount}减。拒收请回复R";

    #[test]
    fn placeholders_and_width_are_levelled() {
        for filed in [
            "亲爱的${name},满${a}减。拒收请回复R",
            "亲爱的{1},满{2}减。拒收请回复R",
            "亲爱的#name#，满#a#减。拒收请回复R",
            "亲爱的#{name}，满#{a}减。拒收请回复R",
            "亲爱的@var(name),满@var(off)减。拒收请回复R",
        ] {
            assert_eq!(drift(filed, SEEN, SIGNATURE), Ok(()), "{filed}");
        }
        assert_eq!(drift("亲爱的{1},满{2}减。", SEEN, BOTH), Ok(()));
        assert_eq!(drift(SEEN, SEEN, NONE), Ok(()));
        assert_eq!(
            drift("{{好}}拒收请回复R", "【示例】{好}拒收请回复R", SIGNATURE),
            Err(Drift::Differs { filed: 0, seen: 4 })
        );
    }

    #[test]
    fn holes_are_named_in_order() {
        assert_eq!(holes("满{2}，#a#到{{3}}@var(x){2}${n}"), ["2", "a", "x", "2", "n"]);
        assert_eq!(holes("{a b}{}{"), [""; 0]);
    }

    #[test]
    fn a_difference_is_told_where_it_is() {
        let differs = |filed, seen| Err(Drift::Differs { filed, seen });
        assert_eq!(drift("亲爱的{1},送{2}减。拒收请回复R", SEEN, SIGNATURE), differs(7, 14));
        assert_eq!(drift("亲爱的{1},满{2}减拒收请回复R", SEEN, SIGNATURE), differs(12, 24));
        assert_eq!(drift("亲爱的王,满{2}减。拒收请回复R", SEEN, SIGNATURE), differs(3, 7));
    }

    #[test]
    fn exactly_one_party_adds_signature_and_words() {
        assert_eq!(drift(SEEN, SEEN, SIGNATURE), Err(Drift::SignatureTwice));
        assert_eq!(drift("亲爱的{1},满{2}减。拒收请回复R", SEEN, BOTH), Err(Drift::WordsTwice));
        assert_eq!(drift("亲爱的{1},满{2}减。", SEEN, SIGNATURE), Err(Drift::WordsMissing));
        assert_eq!(drift("亲爱的{1},满{2}减。拒收请回复Ｒ", SEEN, SIGNATURE), Err(Drift::WordsMissing));
        assert_eq!(drift("好", "好拒收请回复R", BOTH), Err(Drift::SignatureMissing));
        assert_eq!(drift("好", "【示例】好", BOTH), Err(Drift::WordsMissing));
        assert!(matches!(
            drift("亲爱的{1},满{2}减。拒收请回复R", SEEN, NONE),
            Err(Drift::Differs { filed: 0, seen: 0 })
        ));
    }
}
