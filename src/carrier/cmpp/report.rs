//! The status report in the content of a deliver. Source: section 5.

use super::super::pdu::{Field, Octets, PduError, Reader};
use super::MsgId;

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The id that the answer to the submit gave, counted on for later receivers.
    pub msg_id: MsgId,
    /// `DELIVRD` and others; many by vendor. Only `DELIVRD` is success.
    pub stat: Octets<7>,
    /// The rest; `None` in a body of no known length, whose bytes are kept apart.
    pub detail: Option<Detail>,
    /// The bytes behind the two fields of a body of no known length; else empty.
    pub odd: Vec<u8>,
}

/// The fields behind the status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Detail {
    /// `YYMMDDhhmm`.
    pub submit_time: Octets<10>,
    /// `YYMMDDhhmm`.
    pub done_time: Octets<10>,
    /// Who should have got it.
    pub dest_terminal_id: Terminal,
    /// The number of the message centre.
    pub smsc_sequence: u32,
}

/// A number in either width. Which one a gateway writes does not follow from the version of the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Terminal {
    /// In 21 bytes, in a body of 60.
    Narrow(Octets<21>),
    /// In 32 bytes, in a body of 71.
    Wide(Octets<32>),
}

impl Terminal {
    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Narrow(field) => field.as_bytes(),
            Self::Wide(field) => field.as_bytes(),
        }
    }
}

impl Report {
    /// Reads the content of a deliver whose `registered_delivery` is 1: 60 or 71 bytes, whatever the version.
    ///
    /// Of any other length the id and the status are read and the rest is kept in `odd`.
    ///
    /// # Errors
    /// [`PduError`] below the 15 bytes of id and status.
    pub fn read(content: &[u8]) -> Result<Self, PduError> {
        let mut from = Reader::new(content);
        let (msg_id, stat) = (from.field("msg_id")?, from.field("stat")?);
        let detail = match content.len() {
            60 | 71 => Some(Detail::read(&mut from, content.len() == 71)?),
            _ => None,
        };
        Ok(Self { msg_id, stat, detail, odd: from.rest().to_vec() })
    }

    /// Appends the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.msg_id.write(out);
        self.stat.write(out);
        if let Some(detail) = &self.detail {
            detail.submit_time.write(out);
            detail.done_time.write(out);
            match &detail.dest_terminal_id {
                Terminal::Narrow(field) => field.write(out),
                Terminal::Wide(field) => field.write(out),
            }
            detail.smsc_sequence.write(out);
        }
        out.extend_from_slice(&self.odd);
    }
}

impl Detail {
    fn read(from: &mut Reader<'_>, wide: bool) -> Result<Self, PduError> {
        Ok(Self {
            submit_time: from.field("submit_time")?,
            done_time: from.field("done_time")?,
            dest_terminal_id: if wide {
                Terminal::Wide(from.field("dest_terminal_id")?)
            } else {
                Terminal::Narrow(from.field("dest_terminal_id")?)
            },
            smsc_sequence: from.field("smsc_sequence")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_another_length_still_says_what_became_of_which_message() {
        let mut body = 7u64.to_be_bytes().to_vec();
        body.extend_from_slice(b"DELIVRD");
        for extra in [0, 1, 44, 46, 55, 57, 200] {
            let mut odd = body.clone();
            odd.resize(15 + extra, b'x');
            let report = Report::read(&odd).unwrap();
            assert_eq!((report.msg_id, report.stat.as_bytes()), (MsgId(7), &b"DELIVRD"[..]));
            assert_eq!((report.detail.is_some(), report.odd.len()), (false, extra));
            let mut again = Vec::new();
            report.write(&mut again);
            assert_eq!(again, odd);
        }
        assert_eq!(Report::read(&body[..14]), Err(PduError { offset: 8, what: "stat" }));
    }
}
