//! Numbers, lengths and composed texts: the vectors, and properties over arbitrary input.
#![allow(clippy::unwrap_used, reason = "a test that fails says so")]

use optin106::message::{Body, Params, Signature, Template, UNSUBSCRIBE, compose, drift, lint};
use optin106::phone::Phone;
use optin106::text::{Encoding, billed_carrier, billed_cn, split};
use proptest::prelude::*;

fn rows(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes())
        .records()
        .collect::<Result<_, _>>()
        .expect("the vectors are well-formed CSV")
}

#[test]
fn every_phone_vector_holds() {
    let rows = rows(include_str!("vectors/phones.csv"));
    assert!(!rows.is_empty());
    for row in rows {
        match Phone::parse(&row[0]) {
            Ok(phone) => {
                let read = ("true", phone.e164(), phone.kind().code());
                assert_eq!(read, (&row[1], row[2].to_owned(), &row[3]), "{row:?}");
            }
            Err(error) => assert_eq!(("false", error.code()), (&row[1], &row[4]), "{row:?}"),
        }
    }
}

#[test]
fn every_length_vector_holds() {
    let rows = rows(include_str!("vectors/parts.csv"));
    assert!(!rows.is_empty());
    for row in rows {
        let length = if &row[2] == "cn" { billed_cn(&row[0]) } else { billed_carrier(&row[0]) };
        let counted = (length.encoding.code(), length.units.to_string(), length.parts.to_string());
        assert_eq!(counted, (&row[1], row[3].to_owned(), row[4].to_owned()), "{row:?}");
    }
}

fn person() -> impl Strategy<Value = u64> {
    (13_000_000_000u64..20_000_000_000).prop_filter("a person's block", |number| Phone::from_u64(*number).is_ok())
}

proptest! {
    #[test]
    fn any_decoration_of_a_number_is_the_same_person(
        number in person(),
        prefix in prop::sample::select(vec!["", "+86", "86", "0086", "+0086", "0", "tel:+86", "+86 0", "'", "=\"", "\u{feff}", "(+86)"]),
        gap in prop::sample::select(vec!["", " ", "-", "\u{a0}", "\u{3000}", ".", "/", "–", "\u{200b}", " - ", ")("]),
        suffix in prop::sample::select(vec!["", " ", "\"", ".0", "\r\n", ",", "\u{202c}"]),
        zero in prop::sample::select(vec!['0', '０', '٠', '०']),
    ) {
        let digits: String = number.to_string().bytes()
            .filter_map(|digit| char::from_u32(u32::from(zero) + u32::from(digit - b'0'))).collect();
        let cut = |n: usize| digits.char_indices().nth(n).map_or(digits.len(), |(at, _)| at);
        let spelling = format!("{prefix}{}{gap}{}{gap}{}{suffix}", &digits[..cut(3)], &digits[cut(3)..cut(7)], &digits[cut(7)..]);
        prop_assert_eq!(Phone::parse(&spelling).map(Phone::to_u64), Ok(number), "{:?}", spelling);
    }

    #[test]
    fn an_extension_is_never_a_person(
        number in person(),
        mark in prop::sample::select(vec!["-", "转", " ext ", "#", ",", "分机", "_", "*", "p", " - "]),
        extension in 1u32..999_999,
    ) {
        let error = Phone::parse(&format!("{number}{mark}{extension}")).unwrap_err();
        prop_assert_eq!(error.code(), "privacy_number");
    }

    #[test]
    fn reading_a_number_never_panics_and_never_shows_it(text in "\\PC{0,80}", near in "[+0-9 ,.*#x转=:\\-()٣３]{0,70}") {
        for spelling in [text, near] {
            match Phone::parse(&spelling) {
                Ok(phone) => {
                    prop_assert_eq!(Phone::parse(&phone.e164()), Ok(phone));
                    let shown = format!("{phone:?}");
                    prop_assert!(!shown.contains(&phone.national()));
                }
                Err(error) => prop_assert!(!error.code().is_empty()),
            }
        }
    }

    #[test]
    fn a_composed_text_begins_with_the_signature_and_ends_with_the_words(
        name in "[一-龥A-Za-z0-9]{2,16}", text in "\\PC{1,80}", plain in "[一-龥a-zA-Z0-9，。 【】拒收请回复R退订]{1,60}",
    ) {
        for text in [text, plain] {
            let (Ok(signature), Ok(body)) = (Signature::parse(&name), Body::parse(&text)) else { continue };
            let composed = compose(&signature, &body).unwrap();
            let (start, whole) = (format!("【{name}】"), composed.text());
            prop_assert!(whole.starts_with(&start) && whole.ends_with(UNSUBSCRIBE));
            prop_assert_eq!(whole.matches('【').count(), 1);
            prop_assert_eq!(whole.matches(UNSUBSCRIBE).count(), 1);
            prop_assert_eq!(composed.length(), billed_cn(whole));
            prop_assert!(lint(whole).iter().all(|warning| warning.at + warning.len <= whole.chars().count()));
        }
    }

    #[test]
    fn parts_never_shrink_and_pieces_join(text in "[a€测🎉]{0,400}", more in "[a€测🎉]") {
        let (before, after) = (billed_cn(&text), billed_cn(&format!("{text}{more}")));
        prop_assert!(before.units < after.units && before.parts <= after.parts);
        let pieces = split(&text, Encoding::Ucs2).unwrap();
        prop_assert_eq!(pieces.concat(), text.as_str());
        prop_assert_eq!(pieces.len(), usize::from(before.parts));
        let carrier = billed_carrier(&text);
        prop_assert_eq!(split(&text, carrier.encoding).unwrap().len(), usize::from(carrier.parts));
    }

    #[test]
    fn templates_never_panic(source in "[{}a-c满减#$ ]{0,40}", value in "\\PC{0,40}") {
        if let Ok(template) = Template::parse(&source) {
            let names: Vec<String> = template.holes().map(|(name, _)| name.to_owned()).collect();
            let params = names.iter().try_fold(Params::new(), |params, name| params.with(name, &value));
            if let Ok(params) = params {
                let _ = template.render(&params);
            }
            let seen = format!("【示例】{source}{UNSUBSCRIBE}");
            prop_assert_eq!(drift(&seen, &seen, Default::default()), Ok(()));
        }
        let _ = drift(&source, &value, Default::default());
    }
}

#[test]
fn a_million_ordinary_numbers_are_read_quickly() {
    // A generous bound for a debug build on a busy machine; the bench measures the real pace.
    let numbers: Vec<String> = (0..1000u64).map(|n| (13_800_000_000 + n * 7919).to_string()).collect();
    let start = std::time::Instant::now();
    let read = (0..1000).map(|_| numbers.iter().filter(|number| Phone::parse(number).is_ok()).count()).sum::<usize>();
    assert_eq!(read, 1_000_000);
    assert!(start.elapsed().as_secs() < 10);
}
