//! What single characters are: decimal digits of any script, characters that show nothing, characters nobody assigned.
//!
//! Source: Unicode 14.0, `Nd`, `Default_Ignorable_Code_Point` and `Cn`.

use std::sync::LazyLock;

/// The zeros of every run of ten decimal digits, ascending, ASCII left out.
const ZEROS: [u32; 65] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0,
    0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Inclusive ranges of unassigned code points, ascending.
static UNASSIGNED: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    crate::text::data_lines(include_str!("../../data/unassigned.txt"))
        .filter_map(|line| {
            let (from, to) = line.split_once('-')?;
            Some((u32::from_str_radix(from, 16).ok()?, u32::from_str_radix(to, 16).ok()?))
        })
        .collect()
});

/// The value of a decimal digit of any script, full-width ones included; `None` for every other character.
pub(crate) fn decimal_digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = u32::from(c);
    let at = ZEROS.partition_point(|&zero| zero <= code).checked_sub(1)?;
    u8::try_from(code - ZEROS[at]).ok().filter(|&digit| digit < 10)
}

/// Whether `c` is meant to show nothing or to steer what stands beside it: zero-width and joining characters, direction
/// marks, variation selectors, tags, fillers, the soft hyphen, the blank Braille cell, interlinear marks.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFC}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D159}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Whether `c` has no agreed look: private use, noncharacters, and code points not assigned in Unicode 14.0.
pub(crate) fn is_unassigned(c: char) -> bool {
    if c.is_ascii() || ('\u{4E00}'..='\u{9FFC}').contains(&c) {
        return false; // the ordinary text of a message, without a search
    }
    if matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}') {
        return true;
    }
    let code = u32::from(c);
    let after = UNASSIGNED.partition_point(|&(from, _)| from <= code);
    after.checked_sub(1).is_some_and(|at| code <= UNASSIGNED[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_read() {
        for (c, value) in [('7', 7), ('７', 7), ('٣', 3), ('۹', 9), ('०', 0), ('𝟗', 9)] {
            assert_eq!(decimal_digit(c), Some(value), "{c}");
        }
        for c in ['a', '²', '①', '一', '〇', 'Ⅷ'] {
            assert_eq!(decimal_digit(c), None, "{c}");
        }
    }

    #[test]
    fn the_table_of_unassigned_characters_is_read_whole_and_ascends() {
        assert_eq!(UNASSIGNED.len(), 698);
        assert!(UNASSIGNED.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(is_unassigned('\u{378}') && is_unassigned('\u{E000}') && is_unassigned('\u{FFFF}'));
        assert!(!is_unassigned('满') && !is_unassigned('🎉') && !is_unassigned('￥'));
    }
}
