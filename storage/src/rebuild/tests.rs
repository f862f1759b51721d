//! Promises about what is taken from the splits when there is no catalog to tell.

use model::{TimeRange, UnixNanos};

use super::*;

fn found(signal: Signal, ranges: &[(u64, u64)]) -> Found {
    let runs = ranges.iter().map(|&(after, to)| WalRange { after, to });
    Found {
        published: PublishedSplit {
            id: SplitId::new(UnixNanos(1)),
            signal,
            row_count: 1,
            time_range: TimeRange::ALL,
            size_bytes: 1,
            sealed: UnixNanos(1),
        },
        wal: range::union(runs),
    }
}

fn spans(ranges: &[(u64, u64)]) -> Found {
    found(Signal::Traces, ranges)
}

/// Published and set aside, when the splits at these positions are damaged; and which were read.
fn chosen(splits: &[Found], damaged: &[usize]) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let mut verified = Vec::new();
    let mut verify = |split: &Found| {
        let index = splits
            .iter()
            .position(|it| it.published.id == split.published.id)
            .unwrap();
        verified.push(index);
        if damaged.contains(&index) {
            let (split_id, file) = ("x".to_owned(), "rows.parquet".to_owned());
            return Err(ReadError::Damaged { split_id, file });
        }
        Ok(())
    };
    let mut choice = choose(splits, &mut verify);
    choice.published.sort_unstable();
    let set_aside = choice.set_aside.iter().map(|(index, _)| *index).collect();
    (choice.published, set_aside, verified)
}

#[test]
fn splits_that_share_nothing_are_all_taken_without_being_read() {
    let splits = [
        spans(&[(0, 5)]),
        spans(&[(5, 9)]),
        found(Signal::Logs, &[(0, 9)]),
    ];
    assert_eq!(chosen(&splits, &[]), (vec![0, 1, 2], vec![], vec![]));
}

#[test]
fn a_merged_split_is_taken_for_its_inputs_and_they_for_it_when_it_is_damaged() {
    let splits = [
        spans(&[(0, 5)]),
        spans(&[(7, 9)]),
        spans(&[(0, 5), (7, 9)]),
        spans(&[(5, 7)]),
    ];
    assert_eq!(chosen(&splits, &[]), (vec![2, 3], vec![], vec![2]));
    assert_eq!(chosen(&splits, &[2]), (vec![0, 1, 3], vec![2], vec![2]));
}

#[test]
fn merges_of_merges_leave_nothing_of_what_went_into_them() {
    let splits = [
        spans(&[(0, 5)]),
        spans(&[(0, 9)]),
        spans(&[(0, 12)]),
        spans(&[(5, 9)]),
    ];
    assert_eq!(chosen(&splits, &[]), (vec![2], vec![], vec![2]));
    assert_eq!(chosen(&splits, &[2]), (vec![1], vec![2], vec![2, 1]));
    let all = (vec![0, 3], vec![2, 1], vec![2, 1]);
    assert_eq!(chosen(&splits, &[1, 2]), all);
}

#[test]
fn a_split_that_was_written_twice_is_taken_once() {
    // The first time it could neither be published nor removed.
    let splits = [spans(&[(4, 5)]), spans(&[(4, 6)])];
    assert_eq!(chosen(&splits, &[]), (vec![1], vec![], vec![1]));
    let equal = [spans(&[(4, 5)]), spans(&[(4, 5)])];
    let (published, set_aside, _) = chosen(&equal, &[]);
    assert_eq!((published.len(), set_aside.len()), (1, 0));
}

#[test]
fn what_shares_only_some_of_its_rows_is_kept_aside_and_not_counted_twice() {
    let splits = [spans(&[(0, 5)]), spans(&[(3, 9)]), spans(&[(0, 3)])];
    assert_eq!(chosen(&splits, &[]), (vec![1, 2], vec![0], vec![1]));
}
