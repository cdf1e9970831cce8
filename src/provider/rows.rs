//! What several platforms' answers have in common: rows that tell each number's fate, and loosely typed words.

use super::wire::phone_of;
use super::{Request, Verdict, Verdicts};
use crate::phone::Phone;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

/// Rows matched by number, never by position.
#[derive(Default)]
pub(crate) struct Rows(pub(super) HashMap<Phone, Verdict>);

impl Rows {
    /// Takes a row. A number that is none names nobody; two rows of one number that disagree prove nothing about it.
    pub(crate) fn add(&mut self, written: &str, verdict: Verdict) {
        let Some(phone) = phone_of(written) else {
            return;
        };
        match self.0.entry(phone) {
            Entry::Vacant(e) => {
                e.insert(verdict);
            }
            Entry::Occupied(mut e) => {
                let (a, b) = (e.get(), &verdict);
                if (a.outcome, &a.code) != (b.outcome, &b.code) {
                    e.insert(Verdict::unknown("contradiction"));
                }
            }
        }
    }

    /// The verdict of each ticket; unknown where no row names it.
    pub(crate) fn verdicts(mut self, request: &Request<'_>) -> Verdicts {
        let mut of = |phone| self.0.remove(&phone).unwrap_or_else(|| Verdict::unknown("not_named"));
        Verdicts::Each(request.tickets().iter().map(|t| of(t.phone())).collect())
    }
}

/// A word of a platform that may also come as a number or as nothing: one odd field must not cost a page of replies, so
/// what is no word is an empty one.
#[derive(Clone, Default)]
pub(crate) struct Word<'a>(Cow<'a, str>);

impl Word<'_> {
    /// As text; `None` when empty.
    pub(crate) fn filled(&self) -> Option<String> {
        Some(self.0.clone().into_owned()).filter(|s| !s.is_empty())
    }

    /// Short enough to store and without control characters.
    pub(crate) fn clipped(&self) -> String {
        clipped(&self.0)
    }
}

/// A platform's own word, short enough to store.
pub(crate) fn clipped(s: &str) -> String {
    s.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl<'a> From<&'a str> for Word<'a> {
    fn from(s: &'a str) -> Self {
        Self(s.into())
    }
}

impl std::ops::Deref for Word<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Word<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Word<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Word<'de>, E> {
                Ok(Word(v.into()))
            }
            fn visit_str<E>(self, v: &str) -> Result<Word<'de>, E> {
                Ok(Word(v.to_owned().into()))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Word<'de>, E> {
                Ok(Word(v.to_string().into()))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Word<'de>, E> {
                Ok(Word(v.to_string().into()))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Word<'de>, E> {
                Ok(Word::default())
            }
            fn visit_bool<E>(self, _: bool) -> Result<Word<'de>, E> {
                Ok(Word::default())
            }
            fn visit_unit<E>(self) -> Result<Word<'de>, E> {
                Ok(Word::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Word<'de>, A::Error> {
                IgnoredAny.visit_seq(seq).map(|_| Word::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Word<'de>, A::Error> {
                IgnoredAny.visit_map(map).map(|_| Word::default())
            }
        }
        d.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Blame, Consequence, Outcome};

    #[test]
    fn words_come_in_several_types() {
        let odd = r#"["a\u0041", 7, -7, null, "x", 1.5, true, {"a": [1]}, [{}], "y"]"#;
        let words: Vec<Word<'_>> = serde_json::from_str(odd).unwrap();
        let words: Vec<&str> = words.iter().map(|w| &**w).collect();
        assert_eq!(words, ["aA", "7", "-7", "", "x", "", "", "", "", "y"]);
        assert!(serde_json::from_str::<Word<'_>>("{").is_err());
    }

    #[test]
    fn rows_that_disagree_prove_nothing() {
        let refused = || Verdict::rejected(Blame::Person, Consequence::None, "x");
        let of = |rows: &[(&str, Verdict)]| {
            let mut all = Rows::default();
            rows.iter().for_each(|(n, v)| all.add(n, v.clone()));
            all.0
        };
        let phone = phone_of("13800000001").unwrap();
        let twice = of(&[("+8613800000001", Verdict::accepted("1")), ("13800000001", Verdict::accepted("2"))]);
        assert_eq!(twice[&phone], Verdict::accepted("1"));
        let split =
            of(&[("13800000001", Verdict::accepted("1")), ("8613800000001", refused()), ("1380000", refused())]);
        assert_eq!((split[&phone].outcome, split.len()), (Outcome::Unknown, 1));
    }
}
