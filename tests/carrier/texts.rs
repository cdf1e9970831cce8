//! Long texts go out in the segments that they are billed for, and come back as they were.

use optin106::carrier::assemble::{Assembler, Limits};
use optin106::carrier::coding::{self, Coding, Reference};
use optin106::carrier::split::{SplitError, billed, split};
use optin106::carrier::valid::ValidTime;
use optin106::carrier::{Protocol, cmpp, sgip, smgp};
use optin106::clock::Timestamp;
use optin106::phone::Phone;
use optin106::text;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

/// Texts as merchants write them: Han, Latin, emoji, extension characters of the GSM; short and long.
fn composed() -> impl Strategy<Value = String> {
    let c = prop_oneof![
        6 => prop::char::range('一', '龥'),
        2 => prop::char::range(' ', '~'),
        1 => Just('🎉'),
        1 => any::<char>(),
    ];
    vec(c, 0..500).prop_map(String::from_iter)
}

fn reference() -> impl Strategy<Value = Reference> {
    prop_oneof![any::<u8>().prop_map(Reference::Byte), any::<u16>().prop_map(Reference::Word)]
}

fn coding() -> impl Strategy<Value = Coding> {
    prop_oneof![Just(Coding::UCS2), Just(Coding::GB), Just(Coding::ASCII)]
}

/// Sends the contents through an assembler in the given order; the text that comes out once.
fn assembled(contents: &[(Coding, Vec<u8>)], order: &[usize]) -> Option<String> {
    let mut assembler = Assembler::new(Limits { segments: 255, ..Limits::default() });
    let mut texts = Vec::new();
    for &at in order {
        let (coding, content) = &contents[at];
        // A text of one segment may begin like a header.
        let header = if contents.len() > 1 { coding::header(content, true) } else { (None, content.as_slice()) };
        match header {
            (Some(place), body) => {
                let offered = assembler.offer(Duration::ZERO, (), *coding, place, body.to_vec(), at);
                texts.extend(offered.done.iter().map(|done| (done.is_whole(), done.text())));
            }
            (None, body) => texts.push((true, coding.decode(body))),
        }
    }
    match texts.as_slice() {
        [(true, text)] if assembler.is_empty() => Some(text.clone()),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The sentence that money hangs on.
    #[test]
    fn utf16_with_a_byte_of_reference_always_has_the_segments_of_the_funnel(text in composed(), reference: u8) {
        let segments = split(&text, Coding::UCS2, Reference::Byte(reference)).unwrap();
        prop_assert_eq!(segments.len(), usize::from(text::billed_cn(&text).parts));
        let pieces = text::split(&text, text::Encoding::Ucs2).unwrap();
        prop_assert_eq!(segments.len(), pieces.len());
        for (segment, piece) in segments.iter().zip(pieces) {
            prop_assert!(segment.content().len() <= 140);
            let content = segment.content();
            let (place, body) =
                if segment.place().is_some() { coding::header(&content, true) } else { (None, content.as_slice()) };
            prop_assert_eq!(place, segment.place());
            prop_assert_eq!(Coding::UCS2.decode(body), piece);
        }
    }

    #[test]
    fn what_is_split_is_billed_so_fits_and_joins_to_the_text(
        text in prop_oneof![composed(), "[ -~]{0,500}"], coding in coding(), reference in reference(), seed: usize,
    ) {
        let segments = match split(&text, coding, reference) {
            Ok(segments) => segments,
            Err(error) => {
                // Refused for a reason that holds.
                match error {
                    SplitError::MoreParts { billed: said, needed } => {
                        prop_assert!(said == billed(&text, coding).parts && needed > said, "{:?}", error);
                    }
                    SplitError::Coding(_) => prop_assert!(coding != Coding::UCS2),
                    _ => prop_assert!(false, "{:?}", error),
                }
                return Ok(());
            }
        };
        prop_assert_eq!(segments.len(), usize::from(billed(&text, coding).parts));
        let longest = if coding == Coding::ASCII { 159 } else { 140 };
        prop_assert!(segments.iter().all(|s| s.content().len() <= longest));
        prop_assert!(segments.iter().all(|s| s.coding() == coding && usize::from(s.total()) == segments.len()));
        prop_assert!(segments.iter().filter_map(|s| s.place()).all(|p| p.reference() == reference));
        let contents: Vec<_> = segments.iter().map(|s| (s.coding(), s.content())).collect();
        // In any rotation, forwards and backwards.
        let n = contents.len();
        let mut order: Vec<usize> = (0..n).map(|at| (at + seed % n) % n).collect();
        prop_assert_eq!(assembled(&contents, &order), Some(text.clone()));
        order.reverse();
        prop_assert_eq!(assembled(&contents, &order), Some(text));
    }

    #[test]
    fn whatever_is_offered_comes_out_once_and_memory_is_bounded(
        offers in vec((0..3u8, 0..4u8, 1..5u8, 1..5u8, vec(any::<u8>(), 0..3), 0..20u64), 0..200),
    ) {
        let limits = Limits { segments: 4, pending: 3, wait: Duration::from_secs(30) };
        let mut assembler = Assembler::new(limits);
        let (mut now, mut out, mut offered) = (Duration::ZERO, Vec::new(), 0u32);
        for (key, reference, total, number, body, step) in offers {
            let Some(place) = coding::Place::new(Reference::Byte(reference), total, number) else { continue };
            now += Duration::from_secs(step);
            let done = assembler.offer(now, key, Coding::UCS2, place, body, offered);
            offered += 1;
            out.extend(done.repeated);
            out.extend(done.done.iter().flat_map(|d| d.segments.values().map(|part| part.tag)));
            prop_assert!(assembler.len() <= 3);
            prop_assert!(assembler.deadline().is_none_or(|d| d > now && d <= now + limits.wait));
        }
        out.extend(assembler.drain().iter().flat_map(|d| d.segments.values().map(|part| part.tag)));
        prop_assert!(assembler.is_empty());
        out.sort_unstable();
        prop_assert_eq!(out, (0..offered).collect::<Vec<_>>());
    }

    #[test]
    fn any_content_has_a_text(bytes in vec(any::<u8>(), 0..300), coding: u8, flagged: bool) {
        let (_, body) = coding::header(&bytes, flagged);
        prop_assert!(bytes.ends_with(body));
        let text = Coding::of(coding).decode(body);
        prop_assert!(text.len() <= 4 * body.len());
        prop_assert!(!body.iter().all(u8::is_ascii_alphanumeric) || coding != 0 || text.as_bytes() == body);
    }

    /// A carrier that keeps the time may deliver at no moment of the window's end or later.
    #[test]
    fn valid_time_ends_before_the_window_and_less_than_a_second_sooner(ms in 946_684_800_001i64..4_102_416_000_000) {
        let end = Timestamp::from_millis(ms);
        let valid = ValidTime::before(end).unwrap();
        let read = ValidTime::read(&valid.chars()).unwrap();
        prop_assert_eq!(read, valid);
        let last = read.moment(Timestamp::EPOCH);
        prop_assert!(last < end && last.plus(Duration::from_secs(1)) >= end);
    }

    #[test]
    fn any_bytes_are_a_time_or_refused(chars in prop_oneof![vec(any::<u8>(), 0..20), "[0-9]{15}[-+R]".prop_map(Vec::from)]) {
        if let Ok(valid) = ValidTime::read(&chars) {
            prop_assert_eq!(ValidTime::read(&valid.chars()), Ok(valid));
            prop_assert!(valid.moment(Timestamp::EPOCH) >= Timestamp::EPOCH); // and does not panic
        }
    }

    #[test]
    fn what_a_service_sends_is_read_back_with_its_texts_and_receivers(
        text in composed(), people in vec(13_000_000_000u64..=13_399_999_999, 1..=100), wide: bool,
    ) {
        let people: Vec<Phone> = people.into_iter().map(|n| Phone::from_u64(n).unwrap()).collect();
        let port = optin106::carrier::pdu::Octets::new("10690001234501").unwrap();
        let version = if wide { cmpp::Version::V30 } else { cmpp::Version::V20 };
        let end: Timestamp = "2026-12-11T20:00:00+08:00".parse().unwrap();
        let valid = Some(ValidTime::before(end).unwrap());
        let segments = split(&text, Coding::UCS2, Reference::Byte(7)).unwrap();
        let one = [people[0]];
        let mut contents = Vec::new();
        for segment in &segments {
            let mut wire = Vec::new();
            let service = cmpp::Service::new("901234", "MKT01").unwrap();
            let body = cmpp::Body::Submit(service.submit(version, port, &people, segment, valid).unwrap());
            cmpp::Pdu { sequence: Default::default(), body }.encode(&mut wire);
            prop_assert!(wire.len() <= Protocol::Cmpp(version).longest());
            let cmpp::Body::Submit(cmpp) = cmpp::Pdu::decode(&wire, version).unwrap().body else { panic!() };
            let seen: Vec<Phone> =
                cmpp.terminals.receivers().map(|r| Phone::parse(std::str::from_utf8(r).unwrap()).unwrap()).collect();
            prop_assert_eq!(&seen, &people);
            prop_assert_eq!(cmpp.tp_udhi == 1, segments.len() > 1);
            prop_assert_eq!(cmpp.valid_time.as_bytes(), b"261211195959032+");

            let service = smgp::Service::new("MKT01").unwrap();
            let smgp = service.submit(port, &people, segment, valid).unwrap();
            prop_assert_eq!(smgp.tlvs.byte(smgp::tag::TP_UDHI) == Some(1), segments.len() > 1);
            prop_assert_eq!(smgp.content.as_bytes(), cmpp.content.as_bytes());

            let service = sgip::Service::new("12345", "MKT01").unwrap();
            let sgip = service.submit(port, &one, segment, valid).unwrap();
            prop_assert_eq!(sgip.user_number.as_slice()[0].phone().unwrap(), people[0]);
            prop_assert!(sgip.user_number.as_slice()[0].as_bytes().starts_with(b"86"));
            contents.push((cmpp.msg_fmt, cmpp.content.as_bytes().to_vec()));
        }
        let order: Vec<usize> = (0..contents.len()).collect();
        prop_assert_eq!(assembled(&contents, &order), Some(text));
    }
}

/// SGIP's 2048 bytes hold 84 receivers with a full content, and 85 do not fit; nothing is cut.
#[test]
fn sgip_takes_as_many_receivers_as_fit() {
    let service = sgip::Service::new("12345", "MKT01").unwrap();
    let port = optin106::carrier::pdu::Octets::new("10690001234501").unwrap();
    let segment = &split(&"测".repeat(70), Coding::UCS2, Reference::Byte(1)).unwrap()[0];
    let people = vec![Phone::from_u64(13_800_138_000).unwrap(); 85];
    let submit = service.submit(port, &people[..84], segment, None).unwrap();
    let mut wire = Vec::new();
    sgip::Pdu { sequence: Default::default(), body: sgip::Body::Submit(submit) }.encode(&mut wire);
    assert_eq!(wire.len(), 143 + 84 * 21 + 140);
    assert!(wire.len() <= sgip::MAX_SENT);
    assert!(service.submit(port, &people, segment, None).is_err());
    let relative = ValidTime::within(Duration::from_secs(3600)).ok();
    assert!(service.submit(port, &people[..1], segment, relative).is_err());
}
