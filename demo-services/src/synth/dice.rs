//! Random numbers that are the same everywhere: `ChaCha8` by seed and trace index, and nothing of
//! floating point in what is drawn.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws from one stream of numbers.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of one trace.
    pub(super) fn of_trace(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to less than `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(end)) >> 32) as u32
    }

    /// An index into something of this length; 0 for an empty one.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.below(u32::try_from(len).unwrap_or(u32::MAX)) as usize
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// One of the items.
    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.index(items.len())]
    }

    /// Nanoseconds of which each power of two from 2^17 (131 µs) to 2^31 (2.1 s) is as likely.
    pub(super) fn duration_nanos(&mut self) -> u64 {
        let floor = 1 << (17 + self.below(14));
        floor | (self.bits() & (floor - 1))
    }
}

/// Zipf's law with exponent 1, as a table of equally likely entries.
pub(super) struct Zipf(Vec<u16>);

impl Zipf {
    /// A law over the numbers from 0 to less than `count`, the smaller the likelier.
    pub(super) fn new(count: u16) -> Self {
        const ENTRIES: u64 = 1 << 16;
        let weight_of = |rank: u16| (1_u64 << 40) / (u64::from(rank) + 1);
        let total: u64 = (0..count).map(weight_of).sum();
        let mut table = Vec::with_capacity(ENTRIES as usize);
        let mut passed = 0_u128;
        for rank in 0..count {
            passed += u128::from(weight_of(rank));
            let until = (passed * u128::from(ENTRIES) / u128::from(total)) as usize;
            table.resize(until.max(table.len()), rank);
        }
        Self(table)
    }

    /// Draws a number.
    pub(super) fn draw(&self, dice: &mut Dice) -> u16 {
        self.0[dice.index(self.0.len())]
    }
}

/// Spreads a number over 64 bits, such that neighbours have nothing in common; never zero.
pub(super) fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_index_alone() {
        let draw = |seed, index| Dice::of_trace(seed, index).bits();

        assert_eq!(draw(1, 7), draw(1, 7));
        assert_ne!(draw(1, 7), draw(1, 8));
        assert_ne!(draw(1, 7), draw(2, 7));
    }

    #[test]
    fn the_first_of_twenty_is_drawn_twice_as_often_as_the_second() {
        let zipf = Zipf::new(20);
        let mut dice = Dice::of_trace(1, 1);
        let mut counts = [0_u32; 20];
        for _ in 0..100_000 {
            counts[usize::from(zipf.draw(&mut dice))] += 1;
        }

        let ratio = f64::from(counts[0]) / f64::from(counts[1]);
        assert!((1.9..2.1).contains(&ratio), "{counts:?}");
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}
