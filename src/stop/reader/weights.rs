//! What a reply's pieces weigh: the layer for prose, where no list of words is ever complete.
//!
//! Each piece of one to four signs speaks for or against each intent, by `data/replies/weights.csv`, which
//! `data/replies/weigh.py` learns from the labelled replies under `tests/vectors`. Whole numbers, so that every machine
//! reads alike.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::lexicon::{BREAK, lines};

/// Longest piece, in signs.
const LONGEST: usize = 4;

/// A piece as one number: 21 bits a sign.
type Piece = u128;
/// Hundredths of a logit for other, yes, stop, complaint.
type Scores = [i32; 4];

static WEIGHTS: LazyLock<HashMap<Piece, [i16; 4]>> = LazyLock::new(|| {
    let rows = lines(include_str!("../../../data/replies/weights.csv"));
    rows.filter_map(|line| {
        let mut cells = line.split(',');
        let signs: Vec<char> = cells.next()?.chars().collect();
        let mut weights = [0; 4];
        for weight in &mut weights {
            *weight = cells.next()?.parse().ok()?;
        }
        Some((piece(&signs), weights))
    })
    .collect()
});

fn piece(signs: &[char]) -> Piece {
    signs.iter().fold(0, |key, &c| key << 21 | Piece::from(u32::from(c)))
}

/// What all pieces of a text say together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Weight(Scores);

impl Weight {
    /// Weighs a folded text; each piece counts once.
    pub(super) fn of(text: &[char]) -> Self {
        let end = |c: char| std::iter::once(c);
        let plain = text.iter().map(|&c| if c == BREAK { '|' } else { c });
        let text: Vec<char> = end('^').chain(plain).chain(end('$')).collect();
        let starts = 0..text.len();
        let mut pieces: Vec<Piece> = starts
            .flat_map(|at| (1..=LONGEST.min(text.len() - at)).map(move |length| (at, length)))
            .map(|(at, length)| piece(&text[at..at + length]))
            .filter(|piece| WEIGHTS.contains_key(piece))
            .collect();
        pieces.sort_unstable();
        pieces.dedup();
        // The empty piece is in every text.
        let mut total = Scores::default();
        for weights in pieces.iter().chain([&0]).filter_map(|piece| WEIGHTS.get(piece)) {
            for (sum, weight) in total.iter_mut().zip(weights) {
                *sum += i32::from(*weight);
            }
        }
        Self(total)
    }

    /// How far a refusal of either kind outweighs everything else.
    pub(super) fn refusal(self) -> i32 {
        let [other, yes, stop, complaint] = self.0;
        stop.max(complaint) - other.max(yes)
    }

    /// How far a complaint outweighs a plain stop.
    pub(super) fn complaint(self) -> i32 {
        let [.., stop, complaint] = self.0;
        complaint - stop
    }

    /// How far an affirmative outweighs talk of other things.
    pub(super) fn yes(self) -> i32 {
        let [other, yes, ..] = self.0;
        yes - other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_whole() {
        let rows = include_str!("../../../data/replies/weights.csv").lines().filter(|l| !l.starts_with('#')).count();
        assert_eq!(WEIGHTS.len(), rows);
        assert!(rows > 5_000 && WEIGHTS.contains_key(&0));
    }

    #[test]
    fn a_piece_counts_once_and_order_within_it_matters() {
        assert_ne!(piece(&['发', '别']), piece(&['别', '发']));
        let once: Vec<char> = "别".chars().collect();
        assert_eq!(Weight::of(&once), Weight::of(&once));
        assert!(Weight::of(&"别再发了".chars().collect::<Vec<_>>()).refusal() > 0);
        assert!(Weight::of(&"快递到哪了".chars().collect::<Vec<_>>()).refusal() < 0);
    }
}
