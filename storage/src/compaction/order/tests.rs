use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::interleave::interleave_record_batch;
use bytes::Bytes;
use model::otlp::{replay, testing};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use tempfile::TempDir;

use super::*;
use crate::split::sort;
use crate::testing::{ManualClock, spans, texts};
use crate::{Append, Storage, StorageConfig};

/// Seals each request into a split of its own and merges them all.
fn merged(dir: &TempDir, signal: Signal, appends: Vec<Append>) -> Vec<RecordBatch> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = ManualClock::at(0);
        let config = StorageConfig::in_dir(dir.path());
        let storage = Storage::open(config, Arc::<ManualClock>::clone(&clock)).unwrap();
        for (append, number) in appends.into_iter().zip(1..) {
            clock.set(number * 1_000_000);
            storage.append(append).await.unwrap();
            storage.seal().await.unwrap();
        }
        storage.merge_all().await.unwrap();
        let snapshot = storage.snapshot();
        let read = |source: &crate::Source| {
            let rows: Vec<u32> = (0..source.row_count()).collect();
            source.read(&rows, Columns::All).unwrap()
        };
        snapshot.sources(signal).iter().map(read).collect()
    })
}

/// Whoever merges splits gets the rows as if all of them had been sealed together.
fn check(signal: Signal, appends: Vec<Append>) {
    let dir = TempDir::new().unwrap();
    let batches: Vec<RecordBatch> = appends
        .iter()
        .map(|append| append.batch.clone())
        .filter(|batch| batch.num_rows() > 0)
        .collect();
    let merged = merged(&dir, signal, appends);
    if batches.is_empty() {
        assert!(merged.is_empty());
        return;
    }
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let order = sort::order(signal, &batches).unwrap();
    let expected = interleave_record_batch(&batches, &order).unwrap();
    let [merged] = merged.as_slice() else {
        panic!("one split: {}", merged.len());
    };
    assert_eq!(texts(signal, merged), texts(signal, &expected));
}

fn append(signal: Signal, payload: Vec<u8>) -> Append {
    let batch = replay(signal, &payload).unwrap();
    let payload = Bytes::from(payload);
    Append {
        signal,
        payload,
        batch,
    }
}

/// Spans of few traces at few moments, so that traces are shared and starts tie.
fn shared_traces() -> impl Strategy<Value = Vec<Append>> {
    let start = prop_oneof![0..20_u64, any::<u64>()];
    let span = (1..6_u8, 1..200_u8, start);
    vec(vec(span, 1..12), 1..7).prop_map(|requests| {
        let request = |rows: Vec<(u8, u8, u64)>| {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(trace, span, start)| (trace, span, "name", start, start.saturating_add(5)))
                .collect();
            spans("cart", &rows)
        };
        requests.into_iter().map(request).collect()
    })
}

#[test]
fn rows_of_many_blocks_and_chunks_are_merged_as_if_sealed_together() {
    // Traces begin in one request and go on in the next ones, some of them far from their begin.
    let request = |number: u64| {
        let row = |row: u64| {
            let trace = u8::try_from(row * 7 % 251 + 1).unwrap();
            let span = u8::try_from(row % 250 + 1).unwrap();
            let start = number * 1_000 + row * 31 % 4_001;
            (trace, span, "name", start, start + 5)
        };
        spans("cart", &(0..4_000).map(row).collect::<Vec<_>>())
    };
    check(Signal::Traces, (0..5).map(request).collect());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn spans_of_shared_traces_are_merged_as_if_sealed_together(appends in shared_traces()) {
        check(Signal::Traces, appends);
    }

    #[test]
    fn any_spans_are_merged_as_if_sealed_together(
        payloads in vec(testing::any_traces_payload(), 1..5),
    ) {
        let appends = payloads.into_iter().map(|it| append(Signal::Traces, it)).collect();
        check(Signal::Traces, appends);
    }

    #[test]
    fn any_log_records_are_merged_as_if_sealed_together(
        payloads in vec(testing::any_logs_payload(), 1..5),
    ) {
        let appends = payloads.into_iter().map(|it| append(Signal::Logs, it)).collect();
        check(Signal::Logs, appends);
    }
}
