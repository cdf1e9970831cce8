//! A text with holes, and the typed values that fill them.

use std::fmt;

use super::compose::{Body, LONGEST_TEXT, check_body};
use super::{TextError, chars};

/// The most parameters of a message.
const MOST_PARAMETERS: usize = 20;
/// The most characters of a hole's name.
const LONGEST_NAME: usize = 32;
/// The most characters of a value that is not text.
const LONGEST_VALUE: usize = 20;

/// What a hole takes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Deserialize, serde::Serialize)]
#[non_exhaustive]
pub enum ParamKind {
    /// A voucher or order code: ASCII letters, digits and hyphens, at most 20.
    Code,
    /// A day or moment in digits with `- / . :` or `年月日时分点`, at most 20 characters.
    Date,
    /// An amount in yuan: up to nine digits and at most two decimals.
    Money,
    /// A whole or decimal number, a sign allowed, at most 20 characters.
    Number,
    /// Any text of 1 to `max` characters without a link.
    Text {
        /// The most characters.
        max: usize,
    },
}

impl Default for ParamKind {
    /// Text of at most 35 characters, the smallest of the platforms' limits.
    fn default() -> Self {
        Self::Text { max: 35 }
    }
}

impl ParamKind {
    /// Position of the first character of `value` that this kind has no place for; `None` when it fits.
    fn misfit(self, value: &str) -> Option<usize> {
        let odd = |fits: fn(char) -> bool| value.chars().position(|c| !fits(c));
        match self {
            Self::Code => odd(|c| c.is_ascii_alphanumeric() || c == '-'),
            Self::Date => odd(|c| c.is_ascii_digit() || "-/.: 年月日时分点".contains(c))
                .or_else(|| (!value.contains(|c: char| c.is_ascii_digit())).then_some(0)),
            Self::Money => decimal(value, 9, 2),
            Self::Number => decimal(value.strip_prefix('-').unwrap_or(value), LONGEST_VALUE, LONGEST_VALUE)
                .map(|at| at + usize::from(value.starts_with('-'))),
            Self::Text { .. } => None,
        }
    }

    fn longest(self) -> usize {
        match self {
            Self::Text { max } => max,
            Self::Code | Self::Date | Self::Money | Self::Number => LONGEST_VALUE,
        }
    }

    fn check(self, value: &str) -> Result<(), TextError> {
        let max = self.longest();
        if value.chars().nth(max).is_some() {
            return Err(TextError::TooLong { max });
        }
        if value.trim().is_empty() {
            return Err(TextError::Empty);
        }
        chars::check(value)?;
        if let Some(at) = self.misfit(value) {
            return Err(TextError::Kind { at });
        }
        if let Self::Text { .. } = self
            && let Some(url) = chars::find_url(value, 0)
        {
            return Err(TextError::Url { at: value[..url.start].chars().count() });
        }
        chars::check_refusal_words(value)
    }
}

/// Position of the first character that a decimal number of so many digits and decimals cannot have.
fn decimal(value: &str, digits: usize, decimals: usize) -> Option<usize> {
    let (whole, part) = value.split_once('.').unwrap_or((value, "0"));
    if let Some(at) = whole.bytes().position(|b| !b.is_ascii_digit()) {
        return Some(at);
    }
    if let Some(at) = part.bytes().position(|b| !b.is_ascii_digit()) {
        return Some(whole.len() + 1 + at);
    }
    match (whole.len(), part.len()) {
        (0, _) => Some(0),
        (w, _) if w > digits => Some(digits),
        (w, 0) => Some(w),
        (w, p) => (p > decimals).then_some(w + 1 + decimals),
    }
}

/// Names and values in the order they were given, at most 20. `Debug` shows names only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// No parameters.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a parameter. The value is judged when a template is rendered, for only the template knows its kind.
    ///
    /// # Errors
    /// [`TextError::TooManyParameters`] for the 21st and for a name that is there already, [`TextError::TooLong`] for a
    /// value that no message could hold, [`TextError::Template`] for a name that is none.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, TextError> {
        if self.0.len() >= MOST_PARAMETERS || self.get(name).is_some() {
            return Err(TextError::TooManyParameters);
        }
        if !is_name(name) {
            return Err(TextError::Template { at: 0 });
        }
        if value.chars().nth(LONGEST_TEXT).is_some() {
            return Err(TextError::TooLong { max: LONGEST_TEXT });
        }
        self.0.push((name.to_owned(), value.to_owned()));
        Ok(self)
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece {
    Fixed(String),
    Hole(usize),
}

/// A body with holes: `亲爱的{name},满{amount}减{off}`. A brace itself is written twice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
    holes: Vec<(String, ParamKind)>,
}

impl Template {
    /// Reads a template. Every hole takes text of up to 35 characters until [`Template::declare`] says otherwise.
    ///
    /// # Errors
    /// [`TextError::Template`] for a lone brace or a bad name (1 to 32 letters, digits and `_`),
    /// [`TextError::TooManyParameters`] above 20 names, and those of [`Body::parse`] for the fixed text.
    pub fn parse(source: &str) -> Result<Self, TextError> {
        check_body(source)?;
        let (mut pieces, mut holes, mut fixed) = (Vec::new(), Vec::<(String, ParamKind)>::new(), String::new());
        let mut chars = source.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            let doubled = matches!(c, '{' | '}') && chars.next_if(|&(_, next)| next == c).is_some();
            match c {
                '{' if !doubled => {
                    let name = hole_name(&mut chars).ok_or(TextError::Template { at })?;
                    let index = holes.iter().position(|(known, _)| *known == name).unwrap_or(holes.len());
                    if index == holes.len() {
                        holes.push((name, ParamKind::default()));
                    }
                    if !fixed.is_empty() {
                        pieces.push(Piece::Fixed(std::mem::take(&mut fixed)));
                    }
                    pieces.push(Piece::Hole(index));
                }
                '}' if !doubled => return Err(TextError::Template { at }),
                _ => fixed.push(c),
            }
        }
        if holes.len() > MOST_PARAMETERS {
            return Err(TextError::TooManyParameters);
        }
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(fixed));
        }
        Ok(Self { source: source.to_owned(), pieces, holes })
    }

    /// Says what the hole `name` takes.
    ///
    /// # Errors
    /// [`TextError::ExtraParameter`] when there is no such hole.
    pub fn declare(mut self, name: &str, kind: ParamKind) -> Result<Self, TextError> {
        let index = self.holes.len();
        let hole = self.holes.iter_mut().find(|(known, _)| known == name);
        hole.ok_or(TextError::ExtraParameter { index })?.1 = kind;
        Ok(self)
    }

    /// The text as it was written, holes included.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The distinct holes in order of first use.
    pub fn holes(&self) -> impl Iterator<Item = (&str, ParamKind)> {
        self.holes.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// Whether two holes stand side by side.
    pub(super) fn adjacent_holes(&self) -> bool {
        self.pieces.windows(2).any(|pair| matches!(pair, [Piece::Hole(_), Piece::Hole(_)]))
    }

    pub(super) fn has_fixed_text(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Fixed(text) if text.chars().any(char::is_alphanumeric)))
    }

    /// Fills the holes and judges the whole as a body, so that two harmless values cannot join into a forbidden text.
    ///
    /// # Errors
    /// [`TextError::MissingParameter`], [`TextError::ExtraParameter`], [`TextError::Parameter`] for a value, and those
    /// of [`Body::parse`] for the result.
    pub fn render(&self, params: &Params) -> Result<Body, TextError> {
        for (index, (name, value)) in params.iter().enumerate() {
            let (_, kind) = self.holes().find(|(hole, _)| *hole == name).ok_or(TextError::ExtraParameter { index })?;
            kind.check(value).map_err(|source| TextError::Parameter { index, source: Box::new(source) })?;
        }
        let value = |(index, (name, _)): (usize, &(String, ParamKind))| {
            params.get(name).ok_or(TextError::MissingParameter { index })
        };
        let values = self.holes.iter().enumerate().map(value).collect::<Result<Vec<_>, _>>()?;
        let text: String = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Fixed(text) => text.as_str(),
                Piece::Hole(index) => values[*index],
            })
            .collect();
        Body::parse(&text)
    }
}

/// Reads a name and its closing brace.
fn hole_name(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<String> {
    let mut name = String::new();
    for (_, c) in chars.by_ref().take(LONGEST_NAME + 1) {
        if c == '}' {
            return is_name(&name).then_some(name);
        }
        name.push(c);
    }
    None
}

pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().nth(LONGEST_NAME).is_none()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        pairs.iter().fold(Params::new(), |params, (name, value)| params.with(name, value).unwrap())
    }

    #[test]
    fn holes_are_filled_in_place() {
        let template = Template::parse("亲爱的{name},满{amount}减{off},{{限时}}{name}").unwrap();
        let body = template.render(&params(&[("off", "25"), ("name", "王女士"), ("amount", "200")])).unwrap();
        assert_eq!(body.as_str(), "亲爱的王女士,满200减25,{限时}王女士");
        assert_eq!(template.holes().map(|(name, _)| name).collect::<Vec<_>>(), ["name", "amount", "off"]);
        assert!(!format!("{:?}", params(&[("name", "王女士")])).contains('王'));
    }

    #[test]
    fn holes_and_parameters_must_match() {
        let template = Template::parse("亲爱的{name},{x}").unwrap();
        assert_eq!(template.render(&params(&[("name", "王")])), Err(TextError::MissingParameter { index: 1 }));
        let extra = params(&[("name", "王"), ("y", "1")]);
        assert_eq!(template.render(&extra), Err(TextError::ExtraParameter { index: 1 }));
        let twice = Params::new().with("a", "1").unwrap().with("a", "2");
        assert_eq!(twice, Err(TextError::TooManyParameters));
        let many = (0..21).try_fold(Params::new(), |params, n| params.with(&format!("p{n}"), "1"));
        assert_eq!(many, Err(TextError::TooManyParameters));
    }

    #[test]
    fn malformed_holes_are_refused_where_they_begin() {
        for (source, at) in [("满{", 1), ("满{a", 1), ("满}减", 1), ("满{}减", 1), ("满{a b}减", 1), ("满减{a{b}}", 2)]
        {
            assert_eq!(Template::parse(source), Err(TextError::Template { at }), "{source}");
        }
        assert_eq!(Template::parse("满【{a}】").unwrap_err().code(), "bracket");
    }

    #[test]
    fn values_are_of_their_kind() {
        let text = ParamKind::default();
        for (kind, value, code) in [
            (text, "王女士", ""),
            (text, "", "empty"),
            (text, "a\nb", "control"),
            (text, "【a】", "bracket"),
            (text, "\u{200b}a", "invisible"),
            (text, "\u{202e}a", "invisible"),
            (text, "回T退订", "refusal_words"),
            (text, "看 http://a.b", "url"),
            (text, "到t.cn/x", "url"),
            (text, "www.a.example", "url"),
            (ParamKind::Text { max: 2 }, "王女士", "too_long"),
            (ParamKind::Number, "-12.5", ""),
            (ParamKind::Number, "1e5", "kind"),
            (ParamKind::Number, "-", "kind"),
            (ParamKind::Number, "1.", "kind"),
            (ParamKind::Money, "199.90", ""),
            (ParamKind::Money, "199.999", "kind"),
            (ParamKind::Money, "¥5", "kind"),
            (ParamKind::Money, "1234567890", "kind"),
            (ParamKind::Date, "12月12日20:00", ""),
            (ParamKind::Date, "2026-12-12", ""),
            (ParamKind::Date, "明天", "kind"),
            (ParamKind::Date, "年月", "kind"),
            (ParamKind::Code, "AB-12", ""),
            (ParamKind::Code, "AB 12", "kind"),
        ] {
            let template = Template::parse("您的{x},请看").unwrap().declare("x", kind).unwrap();
            let rendered = template.render(&params(&[("x", value)]));
            assert_eq!(rendered.as_ref().map_or_else(TextError::code, |_| ""), code, "{value}");
        }
    }

    #[test]
    fn harmless_pieces_that_join_into_a_refusal_are_refused() {
        let template = Template::parse("满减,回{a}退{b}了").unwrap();
        let joined = template.render(&params(&[("a", "T"), ("b", "订")]));
        assert_eq!(joined.unwrap_err().code(), "refusal_words");
    }
}
