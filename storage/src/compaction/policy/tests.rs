use model::TimeRange;

use super::*;

const MINUTE: u64 = 60_000_000_000;
const DAY: u64 = 24 * 60 * MINUTE;
const AGE_DAYS: u64 = 7;
/// About what a row takes on disk.
const ROW_BYTES: u64 = 50;

fn settings() -> Settings {
    Settings {
        rows_max: 4_000_000,
        retention_age: Duration::from_nanos(AGE_DAYS * DAY),
    }
}

fn split(signal: Signal, row_count: u64, sealed: u64) -> PublishedSplit {
    PublishedSplit {
        id: SplitId::new(UnixNanos(sealed)),
        signal,
        row_count: u32::try_from(row_count).unwrap(),
        time_range: TimeRange {
            start: UnixNanos(sealed),
            end: UnixNanos(sealed + 1),
        },
        size_bytes: row_count * ROW_BYTES,
        sealed: UnixNanos(sealed),
    }
}

fn splits(sizes: &[u64]) -> Vec<PublishedSplit> {
    let sealed = (0..).map(|number| 100 * DAY + number * MINUTE);
    sizes
        .iter()
        .zip(sealed)
        .map(|(rows, sealed)| split(Signal::Traces, *rows, sealed))
        .collect()
}

/// The rows of the inputs of each planned merge.
fn planned(splits: &[PublishedSplit], now: u64) -> Vec<Vec<u64>> {
    let rows_of = |id: &SplitId| {
        let split = splits.iter().find(|split| split.id == *id).unwrap();
        u64::from(split.row_count)
    };
    plan(splits, UnixNanos(now), &settings())
        .iter()
        .map(|merge| merge.inputs.iter().map(rows_of).collect())
        .collect()
}

#[test]
fn sixteen_splits_of_similar_size_become_one_and_fifteen_wait() {
    let now = 100 * DAY + 60 * MINUTE;
    assert_eq!(planned(&splits(&[2_000; 15]), now), Vec::<Vec<u64>>::new());
    assert_eq!(planned(&splits(&[2_000; 16]), now), [vec![2_000; 16]]);
    let mut sizes = vec![2_000; 15];
    sizes.push(40_000);
    assert_eq!(planned(&splits(&sizes), now), Vec::<Vec<u64>>::new());
}

#[test]
fn large_splits_stay_until_there_are_too_many_and_then_the_oldest_become_as_few_as_it_takes() {
    let now = 100 * DAY + 600 * MINUTE;
    let large = |count| splits(&vec![500_000; count]);
    assert_eq!(planned(&large(256), now), Vec::<Vec<u64>>::new());
    assert_eq!(planned(&large(257), now), [vec![500_000; 7]]);
    let many = large(257);
    let merges = plan(&many, UnixNanos(now), &settings());
    let oldest: Vec<SplitId> = many[..7].iter().map(|split| split.id.clone()).collect();
    assert_eq!(merges[0].inputs, oldest);
    assert_eq!(
        planned(&large(263), now),
        [vec![500_000; 7], vec![500_000; 7]]
    );
    let when_over = now + DAY;
    assert_eq!(planned(&large(256), when_over), Vec::<Vec<u64>>::new());
    assert_eq!(planned(&large(257), when_over), [vec![500_000; 8]]);
}

#[test]
fn large_splits_of_each_signal_are_counted_by_themselves() {
    let now = 100 * DAY + 600 * MINUTE;
    let mut both = splits(&[500_000; 500]);
    for split in both.iter_mut().step_by(2) {
        split.signal = Signal::Logs;
    }
    assert_eq!(planned(&both, now), Vec::<Vec<u64>>::new());
}

#[test]
fn splits_that_fill_one_do_not_wait_for_more() {
    let now = 100 * DAY + 600 * MINUTE;
    let mut unequal = vec![1_900_000, 1_500_000, 1_800_000];
    unequal.extend([130_000; 254]);
    assert_eq!(
        planned(&splits(&unequal), now),
        [vec![1_900_000, 1_500_000]]
    );
}

#[test]
fn splits_of_more_than_half_the_largest_size_are_left_alone_by_rows_or_by_bytes() {
    let now = 100 * DAY + 60 * MINUTE;
    assert_eq!(
        planned(&splits(&[2_000_001; 4]), now),
        Vec::<Vec<u64>>::new()
    );
    let mut heavy = splits(&[1_000; 16]);
    for split in &mut heavy {
        split.size_bytes = BYTES_MAX / 2 + 1;
    }
    assert_eq!(planned(&heavy, now), Vec::<Vec<u64>>::new());
}

#[test]
fn signals_and_windows_are_not_mixed() {
    let now = 100 * DAY + 60 * MINUTE;
    let mut mixed = splits(&[2_000; 16]);
    mixed[3].signal = Signal::Logs;
    assert_eq!(planned(&mixed, now), Vec::<Vec<u64>>::new());
    let mut mixed = splits(&[2_000; 16]);
    mixed[0].sealed = UnixNanos(99 * DAY);
    assert_eq!(planned(&mixed, now), Vec::<Vec<u64>>::new());
}

#[test]
fn what_is_left_in_a_window_is_merged_when_it_is_over_without_what_is_much_larger() {
    let some = splits(&[1_900_000, 2_000, 100_000, 40_000, 80_000]);
    let soon = 100 * DAY + 60 * MINUTE;
    let later = soon + DAY;
    assert_eq!(planned(&some, soon), Vec::<Vec<u64>>::new());
    assert_eq!(
        planned(&some, later),
        [vec![2_000, 100_000, 40_000, 80_000]]
    );
    assert_eq!(
        planned(&splits(&[90_000, 3_000]), later),
        Vec::<Vec<u64>>::new()
    );
}

#[test]
fn splits_that_retention_will_delete_soon_are_not_merged() {
    let old = splits(&[2_000; 16]);
    let last = old[0].sealed.0 + (AGE_DAYS - 1) * DAY;
    assert_eq!(planned(&old, last), [vec![2_000; 16]]);
    assert_eq!(planned(&old, last + DAY / 4), Vec::<Vec<u64>>::new());
}

#[test]
fn extreme_ages_and_sizes_are_planned_without_overflow() {
    let mut extreme = splits(&[1, 1, u64::from(u32::MAX)]);
    extreme[0].sealed = UnixNanos(u64::MAX);
    extreme[1].sealed = UnixNanos(0);
    extreme[2].size_bytes = u64::MAX;
    for age in [Duration::from_nanos(1), Duration::MAX] {
        let settings = Settings {
            rows_max: 1,
            retention_age: age,
        };
        for now in [0, u64::MAX] {
            assert_eq!(plan(&extreme, UnixNanos(now), &settings), []);
        }
    }
}

/// What a stream of seals costs over two weeks.
#[derive(Debug, Default)]
struct Cost {
    sealed_rows: u64,
    rewritten_rows: u64,
    /// Rewrites of the row that was rewritten most.
    rewrites_max: u32,
    /// Splits that a search has to look into, at the worst moment.
    splits_max: usize,
    /// Of those, the ones that are left alone.
    mature_max: usize,
    /// How long a row stayed at most, beyond its age.
    kept_over_age_nanos: u64,
}

/// A split with how often its rows were rewritten at most, and when its first row was sealed.
#[derive(Debug, Clone)]
struct Simulated {
    split: PublishedSplit,
    rewrites: u32,
    first_sealed: u64,
}

fn simulate(seal_every: u64, rows_of_seal: impl Fn(u64) -> u64) -> Cost {
    let mut cost = Cost::default();
    let mut live: Vec<Simulated> = Vec::new();
    for number in 0..(2 * AGE_DAYS * DAY / seal_every) {
        let now = 100 * DAY + number * seal_every;
        let is_expired = |it: &Simulated| it.split.sealed.0 + AGE_DAYS * DAY <= now;
        for expired in live.iter().filter(|it| is_expired(it)) {
            let kept = now - expired.first_sealed;
            let over = kept.saturating_sub(AGE_DAYS * DAY);
            cost.kept_over_age_nanos = cost.kept_over_age_nanos.max(over);
        }
        live.retain(|it| !is_expired(it));
        let rows = rows_of_seal(number);
        cost.sealed_rows += rows;
        live.push(Simulated {
            split: split(Signal::Traces, rows, now),
            rewrites: 0,
            first_sealed: now,
        });
        compact(&mut live, now, &mut cost);
        let mature = live
            .iter()
            .filter(|it| weight(&it.split, &settings()) > MATURE)
            .count();
        cost.mature_max = cost.mature_max.max(mature);
        cost.splits_max = cost.splits_max.max(live.len());
    }
    cost
}

/// Does what is planned until nothing is.
fn compact(live: &mut Vec<Simulated>, now: u64, cost: &mut Cost) {
    loop {
        let published: Vec<PublishedSplit> = live.iter().map(|it| it.split.clone()).collect();
        let merges = plan(&published, UnixNanos(now), &settings());
        if merges.is_empty() {
            return;
        }
        for merge in merges {
            let (inputs, rest): (Vec<_>, Vec<_>) = std::mem::take(live)
                .into_iter()
                .partition(|it| merge.inputs.contains(&it.split.id));
            *live = rest;
            assert_eq!(inputs.len(), merge.inputs.len(), "a split is in one merge");
            assert!((2..=INPUTS_MAX).contains(&inputs.len()));
            assert!(merge.row_count <= settings().rows_max && merge.size_bytes <= BYTES_MAX);
            let sealed = inputs.iter().map(|it| it.split.sealed.0).max().unwrap();
            let rewrites = inputs.iter().map(|it| it.rewrites).max().unwrap() + 1;
            cost.rewritten_rows += merge.row_count;
            cost.rewrites_max = cost.rewrites_max.max(rewrites);
            live.push(Simulated {
                split: split(Signal::Traces, merge.row_count, sealed),
                rewrites,
                first_sealed: inputs.iter().map(|it| it.first_sealed).min().unwrap(),
            });
        }
    }
}

fn check(name: &str, cost: &Cost, splits_max: usize) {
    assert!(
        cost.rewritten_rows <= 2 * cost.sealed_rows && cost.rewrites_max <= 4,
        "{name}: {cost:?}"
    );
    assert!(
        cost.splits_max - cost.mature_max <= splits_max,
        "{name}: {cost:?}"
    );
    assert!(
        cost.kept_over_age_nanos <= AGE_DAYS * DAY / WINDOWS + MINUTE * 10,
        "{name}: {cost:?}"
    );
}

#[test]
fn large_seals_are_rewritten_once_when_there_are_many() {
    let cost = simulate(10 * MINUTE, |_| 500_000);
    check("large", &cost, LARGE_KEPT + 8);
    assert!(cost.rewritten_rows <= cost.sealed_rows, "{cost:?}");
    assert_eq!(cost.rewrites_max, 1);
}

#[test]
fn small_seals_are_rewritten_twice_and_few_splits_stay() {
    let cost = simulate(5 * MINUTE, |_| 2_000);
    check("small", &cost, 40);
    assert_eq!(cost.rewrites_max, 2);
}

#[test]
fn any_steady_or_mixed_stream_costs_at_most_two_rewrites_and_leaves_few_splits() {
    for rows in [
        1, 20, 500, 5_000, 14_000, 20_000, 50_000, 100_000, 300_000, 1_500_000,
    ] {
        let cost = simulate(5 * MINUTE, |_| rows);
        check(&format!("{rows} rows"), &cost, LARGE_KEPT + 40);
    }
    // Quiet nights, busy days, and now and then a seal of the full size.
    let cost = simulate(5 * MINUTE, |number| match number % 288 {
        hour if hour % 100 == 99 => 500_000,
        hour if hour < 96 => 300 + number % 7 * 100,
        _ => 2_000 + number % 13 * 9_000,
    });
    check("mixed", &cost, LARGE_KEPT + 40);
    // Alternately large and small.
    let cost = simulate(
        5 * MINUTE,
        |number| if number % 2 == 0 { 500_000 } else { 2_000 },
    );
    check("alternating", &cost, LARGE_KEPT + 40);
}
