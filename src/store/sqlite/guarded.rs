//! Four bytes behind what is kept ready of a person: a flipped bit, or a value of another person, must not read as a
//! consent that was never given or a stop that was never made. Against damage, not against forgery.

use super::people::corrupt;
use crate::facts::{Grant, Person, decode_grants, encode_grants};
use crate::id::Rid;
use crate::store::Result;

const BYTES: usize = 4;

/// Each step is a bijection of the state for every word, so whatever differs in one word differs in the end; the last
/// fold to four bytes misses one difference in four thousand million.
fn sum(rid: Rid, shop: u32, bytes: &[u8]) -> [u8; BYTES] {
    let step = |h: u64, word: u64| {
        let h = (h ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^ h >> 32
    };
    let word = |chunk: &[u8]| {
        let mut w = [0; 8];
        w[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(w)
    };
    let seed = step(u64::from(shop), bytes.len() as u64);
    let h = rid.0.chunks(8).chain(bytes.chunks(8)).fold(seed, |h, chunk| step(h, word(chunk)));
    ((h ^ h >> 29) as u32).to_le_bytes()
}

fn checked(rid: Rid, shop: u32, bytes: &[u8]) -> Result<&[u8]> {
    let (plain, told) = bytes.split_last_chunk::<BYTES>().ok_or_else(corrupt)?;
    if *told == sum(rid, shop, plain) { Ok(plain) } else { Err(corrupt()) }
}

/// The stored form of a person.
pub(super) fn encode_person(rid: Rid, person: &Person, out: &mut Vec<u8>) {
    person.encode(out);
    out.extend_from_slice(&sum(rid, 0, out));
}

/// Reads a person.
pub(super) fn person(rid: Rid, bytes: &[u8]) -> Result<Person> {
    Ok(Person::decode(checked(rid, 0, bytes)?)?)
}

/// The stored form of the consents of one person to one shop.
pub(super) fn encode_consents(rid: Rid, shop: u32, grants: &[Grant], out: &mut Vec<u8>) {
    encode_grants(grants, out);
    out.extend_from_slice(&sum(rid, shop, out));
}

/// Reads the consents of one person to one shop.
pub(super) fn consents(rid: Rid, shop: u32, bytes: &[u8], out: &mut Vec<Grant>) -> Result<()> {
    Ok(decode_grants(checked(rid, shop, bytes)?, out)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_other_owner_is_noticed() {
        let rid = Rid([7; 16]);
        let mut stored = Vec::new();
        encode_person(rid, &Person::default(), &mut stored);
        assert!(person(rid, &stored).is_ok());
        assert!(person(Rid([8; 16]), &stored).is_err());
        for bit in 0..stored.len() * 8 {
            let mut bytes = stored.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(person(rid, &bytes).is_err(), "bit {bit}");
        }
        for end in 0..stored.len() {
            assert!(person(rid, &stored[..end]).is_err());
        }
        let mut grants = Vec::new();
        encode_consents(rid, 1, &[], &mut stored);
        assert!(consents(rid, 1, &stored, &mut grants).is_ok());
        assert!(consents(rid, 2, &stored, &mut grants).is_err(), "consent to one shop is none to another");
    }
}
