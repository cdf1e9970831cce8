//! The GSM 7-bit default alphabet. Source: 3GPP TS 23.038 §6.2.1 and §6.2.1.1.

/// Septets that `c` takes: 1 in the default alphabet, 2 in its extension table, `None` outside both.
///
/// The escape character itself is no text and gives `None`.
#[must_use]
pub const fn gsm7_septets(c: char) -> Option<u32> {
    match c {
        '\u{C}' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        '\n' | '\r' | ' '..='_' | 'a'..='z' => Some(1),
        '£' | '¥' | 'è' | 'é' | 'ù' | 'ì' | 'ò' | 'Ç' | 'Ø' | 'ø' | 'Å' | 'å' => Some(1),
        'Δ' | 'Φ' | 'Γ' | 'Λ' | 'Ω' | 'Π' | 'Ψ' | 'Σ' | 'Θ' | 'Ξ' => Some(1),
        'Æ' | 'æ' | 'ß' | 'É' | '¤' | '¡' | 'Ä' | 'Ö' | 'Ñ' | 'Ü' | '§' | '¿' => Some(1),
        'ä' | 'ö' | 'ñ' | 'ü' | 'à' => Some(1),
        _ => None,
    }
}

/// Septets that `text` takes, or `None` when a character is outside the alphabet. Stays at the largest value.
#[must_use]
pub fn gsm7_units(text: &str) -> Option<u32> {
    text.chars().try_fold(0u32, |sum, c| Some(sum.saturating_add(gsm7_septets(c)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_127_characters_and_ten_extensions() {
        let all = (0..=0x10FFFF).filter_map(char::from_u32);
        let (mut one, mut two) = (0, 0);
        for c in all {
            match gsm7_septets(c) {
                Some(1) => one += 1,
                Some(2) => two += 1,
                _ => {}
            }
        }
        assert_eq!((one, two), (127, 10));
    }

    #[test]
    fn units_are_septets() {
        assert_eq!(gsm7_units("[a]"), Some(5));
        assert_eq!(gsm7_units("测"), None);
    }
}
