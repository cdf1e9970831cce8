//! What is written is read; what is read is written again; any bytes are answered.

use super::any::{cmpp_pdu, cmpp_report, sgip_pdu, smgp_pdu, smgp_report, version};
use optin106::carrier::frame::{FrameError, Framer};
use optin106::carrier::{Protocol, cmpp, sgip, smgp};
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![0xAA]; // what stands before is left alone
    encode(&mut out);
    assert_eq!(out.remove(0), 0xAA);
    out
}

/// Whole frames with a good length: a header that may name any command, and any body.
fn frame(header: usize) -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![0..0x12u32, Just(0x1000), any::<u32>()];
    let answer = any::<bool>();
    (command, answer, vec(any::<u8>(), header - 8), vec(prop_oneof![Just(0), any::<u8>()], 0..400)).prop_map(
        |(command, answer, sequence, body)| {
            let length = 8 + sequence.len() + body.len();
            let command = command | u32::from(answer) << 31;
            [&(length as u32).to_be_bytes()[..], &command.to_be_bytes(), &sequence, &body].concat()
        },
    )
}

/// Reading gives a value, or an error inside the bytes; a value is written, read and written the same.
fn settled<P: PartialEq + std::fmt::Debug, E>(
    wire: &[u8],
    decode: impl Fn(&[u8]) -> Result<P, E>,
    encode: impl Fn(&P, &mut Vec<u8>),
    offset: impl Fn(&E) -> usize,
) -> Result<(), TestCaseError> {
    match decode(wire) {
        Ok(pdu) => {
            let again = bytes(|out| encode(&pdu, out));
            let Ok(same) = decode(&again) else { return Err(TestCaseError::fail("not read again")) };
            prop_assert_eq!(&same, &pdu);
            prop_assert_eq!(bytes(|out| encode(&same, out)), again);
        }
        Err(error) => prop_assert!(offset(&error) <= wire.len()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_cmpp_pdu_is_read_as_it_was_written((version, pdu) in version().prop_flat_map(|v| (Just(v), cmpp_pdu(v)))) {
        let wire = bytes(|out| pdu.encode(out));
        prop_assert_eq!(cmpp::Pdu::decode(&wire, version), Ok(pdu));
        prop_assert!(wire.len() <= Protocol::Cmpp(version).longest());
    }

    #[test]
    fn every_sgip_pdu_is_read_as_it_was_written(pdu in sgip_pdu()) {
        let wire = bytes(|out| pdu.encode(out));
        prop_assert_eq!(sgip::Pdu::decode(&wire), Ok(pdu));
        prop_assert!(wire.len() <= Protocol::Sgip.longest());
    }

    #[test]
    fn every_smgp_pdu_is_read_as_it_was_written(pdu in smgp_pdu()) {
        let wire = bytes(|out| pdu.encode(out));
        prop_assert_eq!(smgp::Pdu::decode(&wire), Ok(pdu));
        prop_assert!(wire.len() <= Protocol::Smgp.longest());
    }

    #[test]
    fn every_report_is_read_as_it_was_written(cmpp in cmpp_report(), smgp in smgp_report()) {
        prop_assert_eq!(cmpp::Report::read(&bytes(|out| cmpp.write(out))), Ok(cmpp));
        prop_assert_eq!(smgp::Report::read(&bytes(|out| smgp.write(out))), Ok(smgp));
    }

    #[test]
    fn any_frame_is_answered(wire in frame(12), longer in frame(20), version in version()) {
        let cmpp = |wire: &[u8]| cmpp::Pdu::decode(wire, version);
        settled(&wire, cmpp, |pdu, out| pdu.encode(out), |e| e.offset)?;
        settled(&wire, smgp::Pdu::decode, |pdu, out| pdu.encode(out), |e| e.offset)?;
        settled(&longer, sgip::Pdu::decode, |pdu, out| pdu.encode(out), |e| e.offset)?;
    }

    #[test]
    fn any_bytes_are_answered(wire in vec(any::<u8>(), 0..300), version in version()) {
        let (cmpp, smgp) = (cmpp::Report::read(&wire), smgp::Report::read(&wire));
        prop_assert!(cmpp.is_ok() == (wire.len() >= 15) && (smgp.is_err() || wire.len() > 13));
        if let Err(e) = cmpp::Pdu::decode(&wire, version) {
            prop_assert!(e.offset <= wire.len());
        }
        if let Err(e) = smgp::Pdu::decode(&wire) {
            prop_assert!(e.offset <= wire.len());
        }
        if let Err(e) = sgip::Pdu::decode(&wire) {
            prop_assert!(e.offset <= wire.len());
        }
    }

    #[test]
    fn a_pdu_cut_or_lengthened_is_refused(
        (version, pdu) in version().prop_flat_map(|v| (Just(v), cmpp_pdu(v))), sgip in sgip_pdu(), smgp in smgp_pdu(), at: usize,
    ) {
        for (wire, decode) in [
            (bytes(|out| pdu.encode(out)), &(|w: &[u8]| cmpp::Pdu::decode(w, version).is_ok()) as &dyn Fn(&[u8]) -> bool),
            (bytes(|out| sgip.encode(out)), &|w| sgip::Pdu::decode(w).is_ok()),
            (bytes(|out| smgp.encode(out)), &|w| smgp::Pdu::decode(w).is_ok()),
        ] {
            prop_assert!(!decode(&wire[..at % wire.len()]));
            prop_assert!(!decode(&[&wire[..], &[0]].concat()));
        }
    }

    #[test]
    fn how_a_stream_is_cut_does_not_matter(
        parts in vec(prop_oneof![8 => frame(12), 1 => vec(any::<u8>(), 0..20)], 0..8),
        cuts in vec(1..700usize, 1..50),
    ) {
        let stream = parts.concat();
        prop_assert_eq!(read(&stream, &cuts), read(&stream, &[stream.len().max(1)]));
    }
}

/// The PDUs of a stream that comes in pieces of these sizes, over and over, and how it ends.
fn read(stream: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
    let mut framer = Framer::new(Protocol::Smgp);
    let (mut rest, mut pdus) = (stream, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (mut piece, after) = rest.split_at((*size).min(rest.len()));
        rest = after;
        loop {
            match framer.next(&mut piece) {
                Ok(Some(pdu)) => pdus.push(pdu.to_vec()),
                Ok(None) => break,
                Err(error) => return (pdus, Err(error)),
            }
        }
    }
    (pdus, framer.end())
}

/// What gateways are seen to send off the papers.
mod seen {
    use super::*;
    use optin106::carrier::cmpp::{Body, ResultCode, Version};
    use optin106::carrier::pdu::Sequence;

    fn wire(hex: &str) -> Vec<u8> {
        let hex: String = hex.split_whitespace().collect();
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn an_active_test_is_answered_without_its_byte() {
        let pdu = cmpp::Pdu::decode(&wire("0000000c 80000008 00000016"), Version::V30).unwrap();
        assert_eq!(pdu.body, Body::ActiveTestResp { reserved: 0 });
    }

    #[test]
    fn results_have_the_width_of_the_gateway_not_of_the_link() {
        for version in [Version::V20, Version::V30] {
            let narrow = cmpp::Pdu::decode(&wire("00000015 80000004 00000001 0000000000000007 08"), version).unwrap();
            let wide =
                cmpp::Pdu::decode(&wire("00000018 80000004 00000001 0000000000000007 00000008"), version).unwrap();
            for (pdu, width) in [(narrow, ResultCode::V20(8)), (wide, ResultCode::V30(8))] {
                assert!(matches!(pdu.body, Body::SubmitResp(a) if a.result == width && a.result.value() == 8));
            }
            let login = format!("0000001e 80000001 00000001 03 {} 20", "00".repeat(16));
            let Body::ConnectResp(resp) = cmpp::Pdu::decode(&wire(&login), version).unwrap().body else { panic!() };
            assert_eq!((resp.status, Version::of(resp.version)), (ResultCode::V20(3), Version::V20));
        }
    }

    #[test]
    fn a_delivers_last_field_may_be_short_or_missing() {
        let (body, number) = ("00".repeat(8 + 21 + 10 + 3), "00".repeat(32));
        for left in 0..=21usize {
            let length = 109 + 1 - 20 + left;
            let text = format!("{length:08x} 00000005 00000001 {body} {number} 00 00 01 54 {}", "61".repeat(left));
            let read = cmpp::Pdu::decode(&wire(&text), Version::V30);
            assert_eq!(read.is_ok(), left <= 20, "{left}: {read:?}");
        }
    }

    #[test]
    fn bodies_where_none_belongs_are_skipped() {
        let sgip = format!("0000001d 80000002 {} {}", "01".repeat(12), "00".repeat(9));
        assert_eq!(sgip::Pdu::decode(&wire(&sgip)).unwrap().body, sgip::Body::UnbindResp);
        let smgp = smgp::Pdu::decode(&wire("0000000d 80000004 00000016 00")).unwrap();
        assert_eq!((smgp.sequence, smgp.body), (Sequence(0x16), smgp::Body::ActiveTestResp));
    }

    #[test]
    fn an_unknown_command_is_a_pdu() {
        let forward = cmpp::Pdu::decode(&wire("0000000e 00000009 00000001 abcd"), Version::V20).unwrap();
        assert_eq!(forward.body, Body::Unknown { command: 9, body: vec![0xAB, 0xCD] });
    }
}
