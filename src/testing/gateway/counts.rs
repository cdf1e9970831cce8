//! How often each number was taken, in eight bytes a number.

/// An open-addressed table of `number << 24 | count`: ten million numbers in 128 MiB.
#[derive(Debug, Default)]
pub(super) struct Counts {
    slots: Vec<u64>,
    used: usize,
}

const COUNT_BITS: u32 = 24;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

impl Counts {
    /// Counts one more for `number` (below 2^40).
    pub(super) fn add(&mut self, number: u64) {
        if self.used * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let at = self.slot(number);
        if self.slots[at] == 0 {
            self.used += 1;
            self.slots[at] = number << COUNT_BITS;
        }
        if self.slots[at] & COUNT_MASK < COUNT_MASK {
            self.slots[at] += 1;
        }
    }

    /// How often `number` was counted.
    pub(super) fn get(&self, number: u64) -> u64 {
        if self.slots.is_empty() { 0 } else { self.slots[self.slot(number)] & COUNT_MASK }
    }

    /// How many different numbers.
    pub(super) fn numbers(&self) -> u64 {
        self.used as u64
    }

    /// Numbers counted more than once.
    pub(super) fn repeated(&self) -> Vec<(u64, u64)> {
        let count = |s: &u64| (s >> COUNT_BITS, s & COUNT_MASK);
        self.slots.iter().filter(|s| **s & COUNT_MASK > 1).map(count).collect()
    }

    fn slot(&self, number: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize & mask;
        while self.slots[at] != 0 && self.slots[at] >> COUNT_BITS != number {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![0; (old.len() * 2).max(1024)];
        for slot in old.into_iter().filter(|s| *s != 0) {
            let at = self.slot(slot >> COUNT_BITS);
            self.slots[at] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_growth() {
        let mut c = Counts::default();
        assert_eq!(c.get(1), 0);
        for n in 0..100_000u64 {
            c.add(13_000_000_000 + n * 7);
        }
        c.add(13_000_000_007);
        assert_eq!((c.numbers(), c.get(13_000_000_007), c.get(13_000_000_014), c.get(1)), (100_000, 2, 1, 0));
        assert_eq!(c.repeated(), [(13_000_000_007, 2)]);
    }
}
