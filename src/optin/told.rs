//! Envelopes: what makes an event the same event when it is told again.

use crate::consent::Envelope;
use crate::facts::ShopKey;
use crate::id::{Rid, hex};
use crate::keyring::Keyring;
use crate::store::{EventRow, event_place, event_row};
use sha2::{Digest, Sha256};

/// An envelope with nothing left open, and the key that it makes.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) envelope: Envelope,
    pub(crate) key: u64,
    /// Whether the event id was made from the content.
    pub(crate) derived: bool,
}

impl Told {
    /// Completes an envelope. `content` feeds what the event says, for an event id where the teller gave none.
    pub(crate) fn new(
        mut envelope: Envelope,
        kind: &'static str,
        shop: Option<ShopKey>,
        content: impl FnOnce(&mut Sha256),
    ) -> Self {
        if envelope.source.is_empty() {
            "api".clone_into(&mut envelope.source);
        }
        let derived = envelope.event_id.is_empty();
        if derived {
            let mut hash = Sha256::new();
            content(&mut hash);
            envelope.event_id = hex(&hash.finalize()[..16]);
        }
        for text in [&mut envelope.source, &mut envelope.event_id, &mut envelope.actor] {
            hide_number(text);
        }
        let key = event_key(&envelope.source, &envelope.event_id, kind, shop);
        Self { envelope, key, derived }
    }
}

/// Eight bytes of SHA-256 over source, event id, kind and shop. Kind and shop belong to it so that a teller whose ids
/// are counted per shop or per form cannot make a stop look like something recorded before.
pub(crate) fn event_key(source: &str, event_id: &str, kind: &str, shop: Option<ShopKey>) -> u64 {
    let mut hash = Sha256::new();
    for part in [source, event_id, kind] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(shop.map_or(0, |s| s.0).to_be_bytes());
    let full = hash.finalize();
    let mut eight = [0; 8];
    eight.copy_from_slice(&full[..8]);
    u64::from_be_bytes(eight)
}

/// Identifiers are stored readable; one that carries a mobile number is replaced by its hash.
fn hide_number(text: &mut String) {
    let mut runs = text.split(|c: char| !c.is_ascii_digit());
    let is_mobile = |d: &str| {
        let d = d.strip_prefix("0086").or_else(|| d.strip_prefix("86")).filter(|d| d.len() == 11).unwrap_or(d);
        d.len() == 11 && d.starts_with('1') && d.as_bytes()[1] >= b'3'
    };
    if runs.any(is_mobile) {
        let hash = Sha256::digest(text.as_bytes());
        *text = format!("sha256:{}", hex(&hash[..16]));
    }
}

/// Opens an event's sealed bytes. `None` when it has none, or they were destroyed.
pub(crate) fn open_sealed(keyring: &Keyring, row: &EventRow) -> Option<Vec<u8>> {
    let sealed = row.sealed.as_deref()?;
    // A reply that an account told is keyed without the shop that it was found to answer.
    [row.shop, None].into_iter().find_map(|shop| {
        let place = event_row(row.rid, event_key(&row.source, &row.event_id, &row.kind, shop));
        keyring.open(&event_place(&place), sealed).ok()
    })
}

/// Seals bytes for an event that is about to be recorded.
pub(crate) fn seal(keyring: &Keyring, rid: Rid, key: u64, plain: &[u8]) -> Vec<u8> {
    keyring.seal(&event_place(&event_row(rid, key)), plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_kinds_and_shops_apart() {
        let key = |kind, shop| event_key("crm", "1", kind, shop);
        assert_eq!(key("opt_in", None), key("opt_in", None));
        assert_ne!(key("opt_in", None), key("opt_out", None));
        assert_ne!(key("opt_out", Some(ShopKey(1))), key("opt_out", Some(ShopKey(2))));
    }

    #[test]
    fn an_event_id_with_a_mobile_number_is_stored_as_a_hash() {
        for (id, hidden) in [
            ("order-13800138000-7", true),
            ("+8613800138000", true),
            ("1734000000000", false),
            ("snowflake-138001380001234567", false),
            ("20261211100000", false),
        ] {
            let told = Told::new(Envelope { event_id: id.into(), ..Envelope::default() }, "opt_in", None, |_| ());
            assert_eq!(told.envelope.event_id.starts_with("sha256:"), hidden, "{id}");
            assert!(!told.derived);
        }
    }
}
