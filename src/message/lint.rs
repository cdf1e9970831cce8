//! Warnings: what a reviewer at a platform or an authority may object to. Nothing here refuses a text.

use std::sync::LazyLock;

use super::template::Template;
use super::{LONGEST_TEXT, UNSUBSCRIBE, chars};
use crate::text::{billed_cn, data_lines};

/// One remark about a text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Warning {
    /// The stable name of the remark.
    pub code: &'static str,
    /// The rule it comes from, for example `R-CONT-2`.
    pub rule: &'static str,
    /// First character meant, counted from 0.
    pub at: usize,
    /// Characters meant; 0 when the remark is about something that is not there.
    pub len: usize,
    en: &'static str,
    zh: &'static str,
}

impl Warning {
    /// One English sentence.
    #[must_use]
    pub const fn message_en(&self) -> &'static str {
        self.en
    }

    /// One Chinese sentence.
    #[must_use]
    pub const fn message_zh(&self) -> &'static str {
        self.zh
    }
}

struct Remark(&'static str, &'static str, &'static str, &'static str);

impl Remark {
    const fn at(&self, at: usize, len: usize) -> Warning {
        Warning { code: self.0, rule: self.1, at, len, en: self.2, zh: self.3 }
    }
}

const ABSOLUTE: Remark = Remark(
    "absolute_term",
    "R-CONT-2",
    "An absolute term; the advertising law forbids such claims.",
    "疑似绝对化用语,广告法禁止此类表述。",
);
const ADJACENT: Remark = Remark(
    "adjacent_holes",
    "R-CONT-6",
    "Two variables stand side by side; platforms turn such templates down.",
    "变量相邻,平台通常不予通过。",
);
const BANNED: Remark =
    Remark("banned_symbol", "R-CONT-6", "A sign that platforms turn down.", "平台不接受的特殊符号。");
const EMOJI: Remark = Remark(
    "emoji",
    "R-LEN-5",
    "An emoji counts two characters and may not show.",
    "表情符号按两个字计费,且可能无法显示。",
);
const LINK: Remark = Remark(
    "link",
    "R-CONT-5",
    "A link; its host must be filed (ICP) and approved by the platform.",
    "含链接,域名须备案并经平台审核。",
);
const LINK_END: Remark = Remark(
    "link_touches_words",
    "R-OPT-1",
    "The link touches the unsubscribe words; end the body with one space.",
    "链接与退订用语相连,请在链接后加一个空格。",
);
const LONG: Remark = Remark(
    "more_than_one_part",
    "R-LEN-2",
    "Longer than 70 characters: billed as several parts.",
    "超过70字,按多条计费。",
);
const NO_CONTACT: Remark = Remark(
    "missing_contact",
    "R-ID-1",
    "No contact in the text and no link or page that holds one.",
    "文中没有联系方式,也没有可查联系方式的链接或页面。",
);
const NOT_HTTPS: Remark = Remark("link_not_https", "R-CONT-5", "A link that does not say https.", "链接未使用 https。");
const ONLY_HOLES: Remark = Remark(
    "only_holes",
    "R-CONT-6",
    "A template of variables only; platforms turn such templates down.",
    "模板全为变量,平台通常不予通过。",
);
const SHORT_LINK: Remark = Remark(
    "short_link",
    "R-CONT-5",
    "A short or redirecting link; platforms forbid it.",
    "短链接或跳转链接,平台禁止使用。",
);
const TRADITIONAL: Remark = Remark("traditional_character", "R-CONT-6", "A traditional character.", "含繁体字。");

struct Lists {
    absolute: Vec<&'static str>,
    allowed: Vec<&'static str>,
    short_links: Vec<&'static str>,
    symbols: Vec<&'static str>,
    traditional: Vec<char>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let terms = || data_lines(include_str!("../../data/lint/absolute_terms.txt"));
    Lists {
        absolute: terms().filter(|line| !line.starts_with('!')).collect(),
        allowed: terms().filter_map(|line| line.strip_prefix('!')).collect(),
        short_links: data_lines(include_str!("../../data/lint/short_links.txt")).collect(),
        symbols: data_lines(include_str!("../../data/lint/symbols.txt")).collect(),
        traditional: data_lines(include_str!("../../data/lint/traditional.txt")).flat_map(str::chars).collect(),
    }
});

/// Remarks on a whole text as the person sees it, by position. Reads the first 500 characters.
#[must_use]
pub fn lint(text: &str) -> Vec<Warning> {
    let text = text.char_indices().nth(LONGEST_TEXT).map_or(text, |(end, _)| &text[..end]);
    let mut warnings = Vec::new();
    let links = links(text, &mut warnings);
    signs(text, &links, &mut warnings);
    absolute_terms(text, &mut warnings);
    if billed_cn(text).parts > 1 {
        warnings.push(LONG.at(70.min(text.chars().count()), text.chars().count().saturating_sub(70)));
    }
    if links.is_empty() && !has_contact(text) {
        warnings.push(NO_CONTACT.at(0, 0));
    }
    warnings.sort_by_key(|warning| (warning.at, warning.code));
    warnings
}

/// Remarks on a template: those of [`lint`] on its source but for the length, which the values decide, and on its holes.
#[must_use]
pub fn lint_template(template: &Template) -> Vec<Warning> {
    let mut warnings = lint(template.source());
    warnings.retain(|warning| warning.code != LONG.0);
    if template.adjacent_holes() {
        warnings.push(ADJACENT.at(0, 0));
    }
    if !template.has_fixed_text() {
        warnings.push(ONLY_HOLES.at(0, 0));
    }
    warnings
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// Finds addresses and remarks on them; returns their bytes.
fn links(text: &str, warnings: &mut Vec<Warning>) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    while let Some(link) = chars::find_url(text, found.last().map_or(0, |last: &std::ops::Range<usize>| last.end)) {
        let (at, address) = (count(&text[..link.start]), text[link.clone()].to_ascii_lowercase());
        let len = count(&address);
        let host = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
        warnings.push(LINK.at(at, len));
        if !address.starts_with("https://") {
            warnings.push(NOT_HTTPS.at(at, len));
        }
        if LISTS.short_links.iter().any(|short| host == *short || host.strip_prefix("www.") == Some(short)) {
            warnings.push(SHORT_LINK.at(at, len));
        }
        if text[link.end..].starts_with(UNSUBSCRIBE) {
            warnings.push(LINK_END.at(at, len));
        }
        found.push(link);
    }
    found
}

/// Symbols, emoji and traditional characters outside of links.
fn signs(text: &str, links: &[std::ops::Range<usize>], warnings: &mut Vec<Warning>) {
    for (at, (byte, c)) in text.char_indices().enumerate() {
        if links.iter().any(|link| link.contains(&byte)) {
            continue;
        }
        if let Some(symbol) = LISTS.symbols.iter().find(|symbol| text[byte..].starts_with(**symbol)) {
            warnings.push(BANNED.at(at, count(symbol)));
        } else if matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{2B50}'..='\u{2B55}') {
            warnings.push(EMOJI.at(at, 1));
        } else if LISTS.traditional.contains(&c) {
            warnings.push(TRADITIONAL.at(at, 1));
        }
    }
}

fn absolute_terms(text: &str, warnings: &mut Vec<Warning>) {
    let mut until = 0;
    for (at, (byte, _)) in text.char_indices().enumerate() {
        let rest = &text[byte..];
        let longest = LISTS.absolute.iter().filter(|term| rest.starts_with(**term)).max_by_key(|term| term.len());
        let Some(term) = longest.filter(|_| byte >= until) else {
            continue;
        };
        if !in_allowed_context(text, byte, term) {
            warnings.push(ABSOLUTE.at(at, count(term)));
            until = byte + term.len();
        }
    }
}

/// Whether `term` at `byte` is inside a phrase where it is no claim.
fn in_allowed_context(text: &str, byte: usize, term: &str) -> bool {
    LISTS.allowed.iter().any(|phrase| {
        let offsets = phrase.match_indices(term).map(|(offset, _)| offset);
        offsets.into_iter().any(|offset| {
            byte.checked_sub(offset).and_then(|start| text.get(start..)).is_some_and(|rest| rest.starts_with(phrase))
        })
    })
}

/// A telephone number, or words that lead to one.
fn has_contact(text: &str) -> bool {
    let mut digits = 0;
    for c in text.chars() {
        digits = match c {
            '0'..='9' => digits + 1,
            '-' if digits > 0 => digits,
            _ => 0,
        };
        if digits >= 7 {
            return true;
        }
    }
    ["客服", "电话", "热线", "首页", "官网", "小程序", "公众号"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, usize, usize)> {
        let silent = |warning: &Warning| warning.code != "missing_contact";
        lint(text).iter().filter(|w| silent(w)).map(|w| (w.code, w.at, w.len)).collect()
    }

    #[test]
    fn absolute_terms_are_told_but_not_in_innocent_phrases() {
        assert_eq!(codes("本店最佳选择,国家级品质"), [("absolute_term", 2, 2), ("absolute_term", 7, 3)]);
        assert_eq!(codes("最高级"), [("absolute_term", 0, 3)]);
        for text in ["第一时间发货", "您第一次下单", "首次购买", "优惠券唯一码", "满减最高可减50"]
        {
            assert_eq!(codes(text), [], "{text}");
        }
        assert_eq!(codes("第一时间抢第一品牌"), [("absolute_term", 5, 2)]);
    }

    #[test]
    fn links_are_told() {
        assert_eq!(codes("看https://shop.example.com/a 好"), [("link", 1, 26)]);
        assert_eq!(codes("看http://t.cn/a"), [("link", 1, 13), ("link_not_https", 1, 13), ("short_link", 1, 13)]);
        assert_eq!(codes("看dwz.cn/a,好"), [("link", 1, 8), ("link_not_https", 1, 8), ("short_link", 1, 8)]);
        assert_eq!(codes("https://a.cn拒收请回复R"), [("link", 0, 12), ("link_touches_words", 0, 12)]);
        assert_eq!(codes("满99.9减10.5,v1.2"), []);
    }

    #[test]
    fn signs_and_length_are_told() {
        assert_eq!(
            codes("★满¥5^_^✓"),
            [("banned_symbol", 0, 1), ("banned_symbol", 2, 1), ("banned_symbol", 4, 3), ("banned_symbol", 7, 1)]
        );
        assert_eq!(codes("满🎉"), [("emoji", 1, 1)]);
        assert_eq!(codes("優惠"), [("traditional_character", 0, 1)]);
        assert_eq!(codes(&"满".repeat(71)), [("more_than_one_part", 70, 1)]);
        let _ = lint(&"第一".repeat(100_000));
    }

    #[test]
    fn a_missing_contact_is_told() {
        let missing = |text: &str| lint(text).iter().any(|warning| warning.rule == "R-ID-1");
        assert!(missing("双12今晚开抢"));
        assert!(!missing("咨询400-000-0000") && !missing("详情见店铺首页") && !missing("https://a.cn"));
        assert!(
            lint("双12").iter().all(|warning| !warning.message_en().is_empty() && !warning.message_zh().is_empty())
        );
    }

    #[test]
    fn holes_side_by_side_are_told() {
        let codes =
            |source: &str| lint_template(&Template::parse(source).unwrap()).iter().map(|w| w.code).collect::<Vec<_>>();
        assert!(codes("您好{a}{b}").contains(&"adjacent_holes"));
        assert!(codes("{a},{b}").contains(&"only_holes"));
        assert!(!codes("您好{a},{b}").contains(&"adjacent_holes"));
    }

    #[test]
    fn the_lists_agree() {
        for c in &LISTS.traditional {
            assert!(!"优惠券卡领取会员请覆".contains(*c), "{c} is an ordinary character");
        }
        for phrase in &LISTS.allowed {
            assert!(LISTS.absolute.iter().any(|term| phrase.contains(term)), "{phrase} excuses nothing");
        }
    }
}
