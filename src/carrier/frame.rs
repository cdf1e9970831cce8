//! PDUs out of a stream of bytes, however the network cut it.

use super::Protocol;

/// Why a stream cannot be read on. The link is to be closed: what follows cannot be told from noise.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The stream ended inside a PDU.
    #[error("the stream ends inside the PDU at byte {offset}")]
    Ended {
        /// Where the PDU begins, in bytes from the start of the stream.
        offset: u64,
        /// Its bytes that came.
        have: usize,
    },
    /// A length above the longest PDU.
    #[error("a PDU of {length} bytes at byte {offset} of the stream")]
    TooLong {
        /// Where the PDU begins.
        offset: u64,
        /// The length that it names.
        length: u32,
    },
    /// A length below that of a header.
    #[error("a PDU of {length} bytes, less than a header, at byte {offset} of the stream")]
    TooShort {
        /// Where the PDU begins.
        offset: u64,
        /// The length that it names.
        length: u32,
    },
}

/// Cuts a stream into PDUs.
///
/// # Guarantee
/// Every byte is copied at most once, and only when its PDU came in pieces. No more is held than one PDU of the longest
/// length. The PDUs and the error do not depend on how the stream was cut. After an error it gives the same error.
#[derive(Debug)]
pub struct Framer {
    shortest: u32,
    longest: u32,
    /// The beginning of a PDU whose end has not come, or, when `whole`, one that was handed out.
    held: Vec<u8>,
    whole: bool,
    /// Where `held`, or the next PDU, begins in the stream.
    offset: u64,
    broken: Option<FrameError>,
}

impl Framer {
    /// A stream of a protocol, from its first byte.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            shortest: protocol.header() as u32,
            longest: protocol.longest() as u32,
            held: Vec::new(),
            whole: false,
            offset: 0,
            broken: None,
        }
    }

    /// Takes bytes off `input` up to the end of the next PDU, and gives that PDU; `None` once the input is used up.
    ///
    /// Call it with what was read from the link until it gives `None`.
    ///
    /// # Errors
    /// [`FrameError`] as soon as the four bytes of a length are known to be wrong; then and later.
    pub fn next<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Result<Option<&'s [u8]>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if std::mem::take(&mut self.whole) {
            self.held.clear();
        }
        if !self.held.is_empty() {
            return self.fill(input);
        }
        match input.first_chunk::<4>() {
            Some(&four) => {
                let length = self.length(four)?;
                match input.split_at_checked(length) {
                    Some((pdu, rest)) => {
                        *input = rest;
                        self.offset += length as u64;
                        Ok(Some(pdu))
                    }
                    None => self.keep(input),
                }
            }
            None => self.keep(input),
        }
    }

    /// Holds the beginning of a PDU.
    fn keep(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, FrameError> {
        self.held.extend_from_slice(input);
        *input = &[];
        Ok(None)
    }

    /// Goes on with the PDU whose beginning is held.
    fn fill(&mut self, input: &mut &[u8]) -> Result<Option<&[u8]>, FrameError> {
        self.take(4, input);
        let Some(&four) = self.held.first_chunk::<4>() else { return Ok(None) };
        let length = self.length(four)?;
        self.take(length, input);
        if self.held.len() < length {
            return Ok(None);
        }
        self.whole = true;
        self.offset += length as u64;
        Ok(Some(&self.held))
    }

    /// Takes off `input` until `upto` bytes are held, or it is used up.
    fn take(&mut self, upto: usize, input: &mut &[u8]) {
        let missing = upto.saturating_sub(self.held.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.held.extend_from_slice(taken);
        *input = rest;
    }

    /// Reads the length at `offset`, and remembers when it is wrong.
    fn length(&mut self, four: [u8; 4]) -> Result<usize, FrameError> {
        let length = u32::from_be_bytes(four);
        let offset = self.offset;
        let error = match length {
            _ if length < self.shortest => FrameError::TooShort { offset, length },
            _ if length > self.longest => FrameError::TooLong { offset, length },
            _ => return Ok(length as usize),
        };
        self.broken = Some(error);
        self.held = Vec::new();
        Err(error)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`FrameError::Ended`] inside a PDU; the earlier error, where there was one.
    pub fn end(&self) -> Result<(), FrameError> {
        match self.broken {
            Some(error) => Err(error),
            None if self.whole || self.held.is_empty() => Ok(()),
            None => Err(FrameError::Ended { offset: self.offset, have: self.held.len() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu(length: u32) -> Vec<u8> {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.resize(length as usize, 7);
        bytes
    }

    /// Everything that a stream gives in pieces of `size` bytes, and how it ends.
    fn read(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
        let mut framer = Framer::new(Protocol::Smgp);
        let mut pdus = Vec::new();
        for mut piece in stream.chunks(size) {
            loop {
                match framer.next(&mut piece) {
                    Ok(Some(pdu)) => pdus.push(pdu.to_vec()),
                    Ok(None) => break,
                    Err(error) => return (pdus, Err(error)),
                }
            }
            assert!(framer.held.len() <= 4096);
        }
        (pdus, framer.end())
    }

    #[test]
    fn the_pieces_do_not_matter() {
        let wanted = vec![pdu(12), pdu(13), pdu(4096), pdu(12)];
        let stream = wanted.concat();
        for size in 1..=stream.len() {
            assert_eq!(read(&stream, size), (wanted.clone(), Ok(())), "pieces of {size}");
        }
    }

    #[test]
    fn an_error_names_its_place_and_stays() {
        let (short, long) = ([pdu(12), pdu(13), vec![0, 0, 0, 11]].concat(), [pdu(12), vec![0, 0, 16, 1]].concat());
        for size in [1, 3, 100] {
            let error = FrameError::TooShort { offset: 25, length: 11 };
            assert_eq!(read(&short, size), (vec![pdu(12), pdu(13)], Err(error)));
            let error = FrameError::TooLong { offset: 12, length: 4097 };
            assert_eq!(read(&long, size), (vec![pdu(12)], Err(error)));
        }
        let mut framer = Framer::new(Protocol::Sgip);
        let error = Err(FrameError::TooShort { offset: 0, length: 19 });
        assert_eq!(framer.next(&mut &[0, 0, 0, 19][..]), error);
        assert_eq!(framer.next(&mut &pdu(20)[..]), error);
        assert_eq!(framer.end(), Err(FrameError::TooShort { offset: 0, length: 19 }));
    }

    #[test]
    fn a_cut_stream_says_where() {
        let mut stream = [pdu(12), pdu(30)].concat();
        stream.pop();
        for size in [1, 7, 100] {
            assert_eq!(read(&stream, size), (vec![pdu(12)], Err(FrameError::Ended { offset: 12, have: 29 })));
        }
    }
}
