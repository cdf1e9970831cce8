//! Signature, body, unsubscribe words: one text.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::{TextError, chars};
use crate::text::{Length, billed_cn};

/// The words that end every message. Nothing follows them. Source: R-OPT-1.
pub const UNSUBSCRIBE: &str = "拒收请回复R";

/// The most characters of a whole message. Source: R-LEN-4.
pub const LONGEST_TEXT: usize = 500;

/// A sender's filed name, 2 to 16 characters, kept without its brackets.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Signature(String);

impl Signature {
    /// Reads a name with or without its `【】`.
    ///
    /// # Errors
    /// [`TextError`] for another length, white space, brackets, words of refusal, or characters that do not show.
    ///
    /// # Source
    /// R-ID-1; length as the platforms file it (section 11 of the rule sheet).
    pub fn parse(name: &str) -> Result<Self, TextError> {
        let name = name.strip_prefix('【').and_then(|rest| rest.strip_suffix('】')).unwrap_or(name);
        if name.chars().nth(16).is_some() {
            return Err(TextError::TooLong { max: 16 });
        }
        chars::check(name)?;
        if let Some(at) = name.chars().position(char::is_whitespace) {
            return Err(TextError::Invisible { at });
        }
        if let Some(at) = name.chars().position(chars::is_bracket) {
            return Err(TextError::Bracket { at });
        }
        chars::check_refusal_words(name)?;
        match name.chars().nth(1) {
            Some(_) => Ok(Self(name.to_owned())),
            None => Err(TextError::Empty),
        }
    }

    /// The name without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Signature {
    type Err = TextError;

    fn from_str(name: &str) -> Result<Self, TextError> {
        Self::parse(name)
    }
}

/// What the merchant writes: no signature, no unsubscribe words, nothing that hides.
///
/// `Debug` shows the length only, for a rendered body may hold personal parameters.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Body(String);

impl Body {
    /// Takes a text of 1 to 500 characters. One space at the end is allowed: it parts a link from the words.
    ///
    /// # Errors
    /// [`TextError`] with the position of the first offence. Line breaks count as control characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        check_body(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Body {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} characters)", self.0.chars().count())
    }
}

pub(super) fn check_body(text: &str) -> Result<(), TextError> {
    if text.chars().nth(LONGEST_TEXT).is_some() {
        return Err(TextError::TooLong { max: LONGEST_TEXT });
    }
    chars::check(text)?;
    let kept = text.trim_end();
    if kept.is_empty() {
        return Err(TextError::Empty);
    }
    if !matches!(&text[kept.len()..], "" | " ") {
        return Err(TextError::Padding { at: kept.chars().count() });
    }
    if let Some(at) = chars::signature_look_alike(text) {
        return Err(TextError::Bracket { at });
    }
    chars::check_refusal_words(text)?;
    check_ending(kept)
}

/// Refuses an ending that would turn the unsubscribe words into their opposite.
fn check_ending(text: &str) -> Result<(), TextError> {
    let ending = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    match ["勿", "不要", "不用", "不必", "不得", "不可", "不能", "禁止", "无法", "无需", "请别", "拒收", "退订"]
        .iter()
        .find(|word| ending.ends_with(**word))
    {
        Some(word) => Err(TextError::RefusalWords { at: ending.chars().count() - word.chars().count() }),
        None => Ok(()),
    }
}

/// A whole message as the person sees it. Only [`compose`] makes one.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Composed {
    text: String,
    length: Length,
    hash: [u8; 32],
}

impl Composed {
    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Units and parts as an aggregator bills them.
    #[must_use]
    pub fn length(&self) -> Length {
        self.length
    }

    /// SHA-256 of the text in UTF-8.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composed").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Joins `【signature】`, body and [`UNSUBSCRIBE`].
///
/// # Errors
/// [`TextError::TooLong`] above [`LONGEST_TEXT`] characters in all.
///
/// # Source
/// R-ID-1 (signature first), R-OPT-1 (words last), R-LEN-3, R-LEN-4.
pub fn compose(signature: &Signature, body: &Body) -> Result<Composed, TextError> {
    let text = format!("【{}】{}{UNSUBSCRIBE}", signature.as_str(), body.as_str());
    if text.chars().nth(LONGEST_TEXT).is_some() {
        return Err(TextError::TooLong { max: LONGEST_TEXT });
    }
    Ok(Composed { length: billed_cn(&text), hash: Sha256::digest(&text).into(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (&'static str, Option<usize>) {
        let error = Body::parse(text).expect_err(text);
        (error.code(), error.at())
    }

    #[test]
    fn the_words_come_last_and_the_signature_first() {
        let signature = Signature::parse("【示例旗舰店】").unwrap();
        let body = Body::parse("双12开抢,满200减25,详情见店铺首页。").unwrap();
        let composed = compose(&signature, &body).unwrap();
        assert_eq!(composed.text(), "【示例旗舰店】双12开抢,满200减25,详情见店铺首页。拒收请回复R");
        assert_eq!((composed.length().units, composed.length().parts), (35, 1));
        assert_eq!(composed.hash(), <[u8; 32]>::from(Sha256::digest(composed.text())));
        assert!(!format!("{composed:?}{body:?}").contains('双'));
    }

    #[test]
    fn ordinary_bodies_pass() {
        for text in [
            "双12今晚开抢,满200减25",
            "A&B=100%+~*'()!$;:@/?#[] 空 格",
            "春季上新全场8折 ",
            "会员您好,酒店免费退订,今晚8折",
            "新品🎉到店",
            "详情见 https://example.com/a?b=1&c=2 ",
            "回复1领券",
            "支持7天无理由退换",
            "Ürün é",
        ] {
            assert!(Body::parse(text).is_ok(), "{text:?} {:?}", Body::parse(text));
        }
    }

    #[test]
    fn hidden_and_steering_characters_are_refused_where_they_stand() {
        for c in "\u{200b}\u{200d}\u{202e}\u{2066}\u{feff}\u{ad}\u{34f}\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}\u{fe0f}\u{e0041}\u{fff9}\u{a0}\u{2003}".chars() {
            assert_eq!(refused(&format!("满减{c}优惠")), ("invisible", Some(2)), "{c:?}");
        }
        for c in "\n\r\t\0\u{7f}\u{85}\u{2028}".chars() {
            assert_eq!(refused(&format!("满减{c}优惠")), ("control", Some(2)), "{c:?}");
        }
        assert_eq!(refused("满\u{e000}"), ("unassigned", Some(1)));
        assert_eq!(refused("满\u{ffff}"), ("unassigned", Some(1)));
        assert_eq!(refused("a\u{301}\u{301}\u{301}"), ("invisible", Some(3)));
        assert_eq!(refused("满   减"), ("padding", Some(3)));
        assert_eq!(refused("满减  "), ("padding", Some(2)));
        assert_eq!(refused("满减\u{3000}"), ("padding", Some(2)));
        assert_eq!(refused(""), ("empty", None));
        assert_eq!(refused(" "), ("empty", None));
        assert_eq!(refused(&"满".repeat(501)), ("too_long", None));
    }

    #[test]
    fn a_second_signature_is_refused() {
        for (text, at) in [
            ("好【示例】", 1),
            ("满减】", 2),
            ("︻示例︼好", 0),
            ("［示例］满减", 0),
            ("满减〖示例〗", 5),
            ("满减[x]。", 4),
            (" 「示例」满减", 1),
        ] {
            assert_eq!(refused(text), ("bracket", Some(at)), "{text}");
        }
    }

    #[test]
    fn other_words_of_refusal_are_refused_under_any_disguise() {
        for text in [
            "满减拒收请回复R",
            "满减,拒收请回复Ｒ",
            "满减拒 收 请 回 复 R",
            "满减拒.收.请.回.复.Я",
            "满减拒收請回覆R",
            "满减退订回T",
            "满减回T退订",
            "满减回复TD退订",
            "满减退訂回N",
            "满减回Ｒ拒收",
            "满减回复ʀ拒收",
            "满减拒收回Ꭱ",
            "满减 回 复 T D 退 订",
            "满减Unsubscribe",
            "满减U-N-S-U-B-S-C-R-I-B-E",
            "满减,退订请致电400",
            "满减,请勿回复",
            "满减,回Ⓡ退订",
            "满减,退订",
            "满减,请不要",
        ] {
            assert_eq!(refused(text).0, "refusal_words", "{text}");
        }
        assert_eq!(refused("满减,拒收请回复R"), ("refusal_words", Some(3)));
    }

    #[test]
    fn signatures_are_names() {
        assert_eq!(Signature::parse("示例").unwrap(), Signature::parse("【示例】").unwrap());
        for (name, code) in [
            ("", "empty"),
            ("店", "empty"),
            ("【】", "empty"),
            ("【示例", "bracket"),
            ("示[例]", "bracket"),
            ("示 例", "invisible"),
            ("示\u{200b}例", "invisible"),
            ("示\n例", "control"),
            ("一二三四五六七八九十一二三四五六七", "too_long"),
            ("回T退订", "refusal_words"),
        ] {
            assert_eq!(Signature::parse(name).unwrap_err().code(), code, "{name:?}");
        }
    }

    #[test]
    fn the_whole_is_at_most_500_characters() {
        let signature = Signature::parse("示例").unwrap();
        // 【示例】 is 4, the words are 6.
        assert!(compose(&signature, &Body::parse(&"满".repeat(490)).unwrap()).is_ok());
        let error = compose(&signature, &Body::parse(&"满".repeat(491)).unwrap()).unwrap_err();
        assert_eq!(error, TextError::TooLong { max: 500 });
    }
}
