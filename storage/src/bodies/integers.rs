//! A page of numbers: packed bits over their minimum, or over their smallest step, or planes of
//! bytes where those compress better.
#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use super::bits::{Cursor, pack, packed_at, packed_len, put_varint, unzigzag, width_of, zigzag};
use super::error::{BodiesError, damaged};
use super::plane::{Packer, Unpacker};

/// Each number less the smallest one.
const OFFSETS: u8 = 0;
/// The first number; then each step less the smallest step.
const STEPS: u8 = 1;
/// Like the first two, but as planes of bytes, lowest bytes first.
const OFFSET_PLANES: u8 = 2;
const STEP_PLANES: u8 = 3;

/// Pages of fewer numbers are not tried as planes.
const PLANES_COUNT_MIN: usize = 64;

/// Appends a page that holds the numbers; their count is kept elsewhere.
pub(super) fn put(
    values: &[u64],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), BodiesError> {
    let Some((first, rest)) = values.split_first() else {
        return Ok(());
    };
    let (mut low, mut high, mut previous) = (*first, *first, *first);
    let (mut step_low, mut step_high) = (i64::MAX, i64::MIN);
    for value in rest {
        (low, high) = (low.min(*value), high.max(*value));
        let step = value.wrapping_sub(previous).cast_signed();
        (step_low, step_high) = (step_low.min(step), step_high.max(step));
        previous = *value;
    }
    let offset_width = width_of(high - low);
    let step_width = match step_high.checked_sub(step_low) {
        _ if rest.is_empty() => 64,
        Some(range) => width_of(range.cast_unsigned()),
        None => 64,
    };
    let offsets = values.iter().map(|value| value - low);
    let mut last = *first;
    let steps = rest.iter().map(|value| {
        let step = value.wrapping_sub(last).cast_signed();
        last = *value;
        step.wrapping_sub(step_low).cast_unsigned()
    });
    let start = out.len();
    if step_width < offset_width {
        out.push(STEPS);
        put_varint(*first, out);
        put_varint(zigzag(step_low), out);
        put_body(steps, step_width, rest.len(), start, packer, out)
    } else {
        out.push(OFFSETS);
        put_varint(low, out);
        put_body(offsets, offset_width, values.len(), start, packer, out)
    }
}

/// Appends the width and the numbers, packed or as planes; `start` is where the page began.
fn put_body(
    numbers: impl Iterator<Item = u64>,
    width: u32,
    count: usize,
    start: usize,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), BodiesError> {
    let [width_byte, ..] = width.to_le_bytes();
    out.push(width_byte);
    let body = out.len();
    if count < PLANES_COUNT_MIN || width < 2 {
        pack(numbers, width, out);
        return Ok(());
    }
    let numbers: Vec<u64> = numbers.collect();
    let mut plane = Vec::with_capacity(count);
    for shift in (0..width).step_by(8) {
        plane.clear();
        plane.extend(numbers.iter().map(|number| {
            let [low, ..] = (number >> shift).to_le_bytes();
            low
        }));
        packer.put_values(&plane, out)?;
    }
    // Packed numbers can be read one by one, so planes must save something.
    let packed = packed_len(count, width);
    if (out.len() - body) * 16 < packed * 15 {
        if let Some(mode) = out.get_mut(start) {
            *mode += OFFSET_PLANES;
        }
    } else {
        out.truncate(body);
        pack(numbers.into_iter(), width, out);
    }
    Ok(())
}

/// Which numbers of a page are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Picks<'a> {
    All,
    /// Places in the page, ascending.
    Some(&'a [u32]),
}

impl Picks<'_> {
    /// The wanted ones among all values of a page.
    pub(super) fn of<T: Copy>(self, values: Vec<T>) -> Result<Vec<T>, BodiesError> {
        let Self::Some(places) = self else {
            return Ok(values);
        };
        let at = |place: &u32| values.get(*place as usize).copied();
        let picked = places.iter().map(|place| at(place).ok_or(OUT_OF_PAGE));
        picked.collect()
    }
}

const OUT_OF_PAGE: BodiesError = damaged("a page has too few values");

/// Reads the wanted numbers of a page of `count`.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    count: usize,
    picks: Picks<'_>,
    unpacker: &mut Unpacker,
) -> Result<Vec<u64>, BodiesError> {
    if count == 0 {
        return picks.of(Vec::new());
    }
    let mode = cursor.byte()?;
    let is_steps = match mode {
        OFFSETS | OFFSET_PLANES => false,
        STEPS | STEP_PLANES => true,
        _ => return Err(damaged("a page of numbers is of no known kind")),
    };
    let base = cursor.varint()?;
    let step_low = if is_steps {
        unzigzag(cursor.varint()?)
    } else {
        0
    };
    let width = u32::from(cursor.byte()?);
    if width > 64 {
        return Err(damaged("numbers are too wide"));
    }
    let stored = if is_steps { count - 1 } else { count };
    if mode == OFFSETS {
        let bytes = cursor.take(packed_len(stored, width))?;
        let value = |place: usize| base.wrapping_add(packed_at(bytes, width, place));
        return Ok(match picks {
            Picks::All => (0..count).map(value).collect(),
            Picks::Some(places) => places.iter().map(|place| value(*place as usize)).collect(),
        });
    }
    let mut values = if mode == STEPS {
        let bytes = cursor.take(packed_len(stored, width))?;
        (0..stored)
            .map(|place| packed_at(bytes, width, place))
            .collect()
    } else {
        read_planes(cursor, stored, width, unpacker)?
    };
    if is_steps {
        let mut value = base;
        for step in &mut values {
            let next =
                value.wrapping_add(step_low.wrapping_add(step.cast_signed()).cast_unsigned());
            *step = value;
            value = next;
        }
        values.push(value);
    } else {
        for value in &mut values {
            *value = base.wrapping_add(*value);
        }
    }
    picks.of(values)
}

/// Visits the places of a page of `count` that hold the wanted number.
pub(super) fn find(
    cursor: &mut Cursor<'_>,
    count: usize,
    wanted: u64,
    unpacker: &mut Unpacker,
    visit: &mut impl FnMut(usize),
) -> Result<(), BodiesError> {
    let mut page = *cursor;
    if count > 0 && matches!(page.byte()?, OFFSETS | OFFSET_PLANES) {
        let (base, width) = (page.varint()?, u32::from(page.byte()?));
        match wanted.checked_sub(base) {
            Some(offset) if width_of(offset) <= width => {}
            _ => return Ok(()),
        }
    }
    let numbers = read(cursor, count, Picks::All, unpacker)?;
    for (place, number) in numbers.iter().enumerate() {
        if *number == wanted {
            visit(place);
        }
    }
    Ok(())
}

fn read_planes(
    cursor: &mut Cursor<'_>,
    count: usize,
    width: u32,
    unpacker: &mut Unpacker,
) -> Result<Vec<u64>, BodiesError> {
    let mut values = vec![0; count];
    for shift in (0..width).step_by(8) {
        let plane = unpacker.plane(cursor, count)?;
        for (value, byte) in values.iter_mut().zip(plane.iter()) {
            *value |= u64::from(*byte) << shift;
        }
    }
    Ok(values)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use super::*;

    fn check(values: &[u64]) -> u8 {
        let mut out = Vec::new();
        put(values, &mut Packer::new().unwrap(), &mut out).unwrap();
        let mut unpacker = Unpacker::new().unwrap();
        let mut cursor = Cursor::new(&out);
        let back = read(&mut cursor, values.len(), Picks::All, &mut unpacker).unwrap();
        assert_eq!(back, values);
        assert!(cursor.is_at_end());
        let last = u32::try_from(values.len() - 1).unwrap();
        let picks = Picks::Some(&[0, last]);
        let some = read(&mut Cursor::new(&out), values.len(), picks, &mut unpacker).unwrap();
        assert_eq!(some, [values[0], values[values.len() - 1]]);
        for end in 0..out.len() {
            let cut = Cursor::new(&out[..end]);
            assert!(read(&mut { cut }, values.len(), Picks::All, &mut unpacker).is_err());
        }
        out[0]
    }

    #[test]
    fn numbers_of_every_kind_come_back() {
        let noise = |n: u64| u64::from(crc32fast::hash(&n.to_le_bytes()));
        assert_eq!(check(&[5]), OFFSETS);
        assert_eq!(check(&[0, u64::MAX >> 1, u64::MAX]), OFFSETS);
        assert_eq!(check(&[0, u64::MAX >> 1, 0, u64::MAX >> 1]), OFFSETS);
        assert_eq!(
            check(&(0..900).map(|n| noise(n) >> 16).collect::<Vec<_>>()),
            OFFSETS
        );
        assert_eq!(
            check(&(0..900).map(|n| 7 + 1000 * n).collect::<Vec<_>>()),
            STEPS
        );
        assert_eq!(
            check(&(0..900).map(|n| 9_000 - 3 * n).collect::<Vec<_>>()),
            STEPS
        );
        let rare = |n: u64| if n.is_multiple_of(97) { 40_000 } else { n % 3 };
        assert_eq!(
            check(&(0..900).map(rare).collect::<Vec<_>>()),
            OFFSET_PLANES
        );
        let mut sum = 0;
        let climbing = |n: u64| {
            sum += if n.is_multiple_of(50) { 90_000 } else { n % 2 };
            sum
        };
        assert_eq!(
            check(&(0..900).map(climbing).collect::<Vec<_>>()),
            STEP_PLANES
        );
    }
}
