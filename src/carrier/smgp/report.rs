//! The status report in the content of a deliver: text at fixed offsets, with an id of raw bytes in it.
//!
//! Source: section 7. The id may hold zeros, spaces and colons, so the body is never searched from its start.

use super::super::pdu::{Octets, PduError, Reader};
use super::MsgId;

/// How the id stood in the body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdForm {
    /// Ten raw bytes, as the papers say.
    Raw,
    /// Ten decimal digits; the bytes of the id are the digits' characters.
    Decimal,
    /// Twenty hexadecimal digits, in a body of 132 bytes.
    Hex,
}

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The id that the answer to the submit gave, counted on for later receivers.
    pub id: MsgId,
    /// How it was written.
    pub id_form: IdForm,
    /// How many messages were submitted; `001`.
    pub sub: Octets<3>,
    /// How many were delivered; `001`.
    pub dlvrd: Octets<3>,
    /// `YYMMDDhhmm`.
    pub submit_date: Octets<10>,
    /// `YYMMDDhhmm`.
    pub done_date: Octets<10>,
    /// `DELIVRD` and others. Only `DELIVRD` is success.
    pub stat: Octets<7>,
    /// `000` and others; 005 says black list.
    pub err: Octets<3>,
    /// Three digits of a length and the beginning of the text; many gateways leave it out.
    pub text: Octets<20>,
}

/// The keys and the bytes behind each, in order. Gateways spell the keys differently; the offsets are the same.
const SUB: &[u8] = b" sub:";
#[cfg(test)]
const SHORTEST: usize = 96;

impl Report {
    /// Reads the content of a deliver whose `is_report` is 1.
    ///
    /// The offsets are the papers', or ten bytes further where the id stands as twenty digits. When ` sub:` stands at
    /// neither place, `stat:` and `err:` are searched from the end and the rest is empty.
    ///
    /// # Errors
    /// [`PduError`] when there is no id, or no status at either place.
    pub fn read(content: &[u8]) -> Result<Self, PduError> {
        let raw = content.get(3..13).and_then(|id| <[u8; 10]>::try_from(id).ok());
        let raw = MsgId(raw.ok_or(PduError::new(3.min(content.len()), "id"))?);
        let raw_form = if raw.0.iter().all(u8::is_ascii_digit) { IdForm::Decimal } else { IdForm::Raw };
        if let Some(behind) = content.get(13..).filter(|rest| rest.starts_with(SUB)) {
            return Self::fixed(raw, raw_form, behind, 13);
        }
        let hex = content.get(3..23).and_then(MsgId::from_hex);
        if let (Some(id), Some(behind)) = (hex, content.get(23..).filter(|rest| rest.starts_with(SUB))) {
            return Self::fixed(id, IdForm::Hex, behind, 23);
        }
        Self::searched(hex.unwrap_or(raw), if hex.is_some() { IdForm::Hex } else { raw_form }, content)
    }

    /// `behind` begins at ` sub:`, at byte `start` of the body.
    fn fixed(id: MsgId, id_form: IdForm, behind: &[u8], start: usize) -> Result<Self, PduError> {
        let shifted = |e: PduError| PduError::new(e.offset + start, e.what);
        let mut from = Reader::new(behind);
        let mut next = || -> Result<Self, PduError> {
            from.take(SUB.len(), "sub")?;
            let sub = from.field("sub")?;
            from.take(" dlvrd:".len(), "dlvrd")?;
            let dlvrd = from.field("dlvrd")?;
            from.take(" Submit date:".len(), "submit_date")?;
            let submit_date = from.field("submit_date")?;
            from.take(" done date:".len(), "done_date")?;
            let done_date = from.field("done_date")?;
            from.take(" stat:".len(), "stat")?;
            let stat = from.field("stat")?;
            from.take(" err:".len(), "err")?;
            let err = from.field("err")?;
            let text = last_text(from.rest());
            Ok(Self { id, id_form, sub, dlvrd, submit_date, done_date, stat, err, text })
        };
        next().map_err(shifted)
    }

    fn searched(id: MsgId, id_form: IdForm, content: &[u8]) -> Result<Self, PduError> {
        let stat = behind_last(content, b"stat:").ok_or(PduError::new(content.len(), "stat"))?;
        let err = behind_last(content, b"err:").unwrap_or_default();
        Ok(Self {
            id,
            id_form,
            sub: Octets::EMPTY,
            dlvrd: Octets::EMPTY,
            submit_date: Octets::EMPTY,
            done_date: Octets::EMPTY,
            stat: up_to_space(stat),
            err: up_to_space(err),
            text: Octets::EMPTY,
        })
    }

    /// Appends the body as the papers write it: 122 bytes, or 132 where the id is in twenty digits.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"id:");
        match self.id_form {
            IdForm::Raw | IdForm::Decimal => out.extend_from_slice(&self.id.0),
            IdForm::Hex => out.extend_from_slice(self.id.to_string().as_bytes()),
        }
        let mut field = |key: &[u8], value: &[u8]| {
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        };
        field(SUB, self.sub.wire());
        field(b" dlvrd:", self.dlvrd.wire());
        field(b" Submit date:", self.submit_date.wire());
        field(b" done date:", self.done_date.wire());
        field(b" stat:", self.stat.wire());
        field(b" err:", self.err.wire());
        field(b" Text:", self.text.wire());
    }
}

/// What stands behind the key of the text, which may be cut anywhere or missing.
fn last_text(rest: &[u8]) -> Octets<20> {
    let value = rest.get(" Text:".len()..).unwrap_or_default();
    let mut raw = [0; 20];
    for (to, from) in raw.iter_mut().zip(value) {
        *to = *from;
    }
    Octets::from_wire(&raw)
}

fn behind_last<'a>(content: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = content.windows(key.len()).rposition(|window| window.eq_ignore_ascii_case(key))?;
    content.get(at + key.len()..)
}

/// At most `N` bytes, to the first space.
fn up_to_space<const N: usize>(text: &[u8]) -> Octets<N> {
    let mut raw = [0; N];
    for (to, from) in raw.iter_mut().zip(text.iter().take_while(|&&b| b != b' ')) {
        *to = *from;
    }
    Octets::from_wire(&raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str =
        " sub:001 dlvrd:001 Submit date:2607080901 done date:2607080902 stat:DELIVRD err:000 Text:003abc";

    fn body(id: &[u8], tail: &str) -> Vec<u8> {
        [b"id:", id, tail.as_bytes()].concat()
    }

    #[test]
    fn an_id_may_hold_anything() {
        let id = *b"\0 sub:\0st:";
        let report = Report::read(&body(&id, TAIL)).unwrap();
        assert_eq!((report.id, report.id_form), (MsgId(id), IdForm::Raw));
        assert_eq!((report.stat.as_bytes(), report.err.as_bytes()), (&b"DELIVRD"[..], &b"000"[..]));
        assert_eq!(report.text.as_bytes(), b"003abc");
    }

    #[test]
    fn keys_are_spelled_as_gateways_like() {
        for tail in [TAIL.replace("Submit date", "submit_date").replace("done date", "done_date"), TAIL.to_lowercase()]
        {
            let report = Report::read(&body(&[1; 10], &tail)).unwrap();
            assert_eq!(
                (report.submit_date.as_bytes(), report.done_date.as_bytes()),
                (&b"2607080901"[..], &b"2607080902"[..])
            );
        }
    }

    #[test]
    fn an_id_in_digits_is_read_in_both_forms() {
        let hex = Report::read(&body(b"01006107080901000513", TAIL)).unwrap();
        assert_eq!((hex.id.to_string().as_str(), hex.id_form), ("01006107080901000513", IdForm::Hex));
        assert_eq!(hex.stat.as_bytes(), b"DELIVRD");
        let decimal = Report::read(&body(b"0123456789", TAIL)).unwrap();
        assert_eq!((decimal.id, decimal.id_form), (MsgId(*b"0123456789"), IdForm::Decimal));
    }

    #[test]
    fn a_body_may_end_behind_the_error() {
        let whole = body(&[1; 10], TAIL);
        let cut = &whole[..SHORTEST];
        assert_eq!(Report::read(cut).unwrap().err.as_bytes(), b"000");
        assert_eq!(Report::read(&whole[..SHORTEST - 1]), Err(PduError::new(93, "err")));
        assert_eq!(Report::read(b"id:123"), Err(PduError::new(3, "id")));
        assert_eq!(Report::read(b""), Err(PduError::new(0, "id")));
    }

    #[test]
    fn other_offsets_are_searched_from_the_end() {
        let report = Report::read(&body(&[1; 10], " Stat:UNDELIV err:005 text:")).unwrap();
        assert_eq!((report.stat.as_bytes(), report.err.as_bytes()), (&b"UNDELIV"[..], &b"005"[..]));
        assert_eq!(Report::read(&body(&[1; 10], " nothing here")), Err(PduError::new(26, "stat")));
    }
}
