//! The memory budget: what is set is what the status page says, and all that follows from it.

use serde_json::{Value, json};
use tests::SpandrelProcess;

#[tokio::test]
async fn the_status_says_what_follows_from_the_memory_budget_and_what_is_in_use() {
    let spandrel = SpandrelProcess::start_with(&["--memory", "256MiB"]).await;

    let page = spandrel.api.get_json("/api/v1/status").await;
    let memory = &page["memory"];

    assert_eq!(memory["budget_bytes"], 256 << 20);
    assert_eq!(memory["budget_source"], "setting");
    assert_eq!(memory["in_flight_bytes_max"], 64 << 20);
    assert_eq!(memory["request_bytes_max"], 16 << 20);
    assert_eq!(memory["hot_bytes_max"], 32 << 20);
    assert_eq!(memory["seal_bytes"], 16 << 20);
    assert_eq!(memory["query_bytes_max"], 64 << 20);
    assert_eq!(memory["query_bytes"], 0);
    let in_use = |name: &str| memory[name].as_u64();
    assert_eq!(
        (in_use("in_flight_bytes"), in_use("hot_bytes")),
        (Some(0), Some(0))
    );
    assert_eq!(memory["is_short"], json!(false));
    let held = in_use("held_bytes");
    assert!(Some(1 << 20) < held && held < Some(256 << 20), "{memory}");
}

#[tokio::test]
async fn without_a_setting_the_memory_budget_is_a_share_of_what_there_is() {
    let spandrel = SpandrelProcess::start().await;

    let page = spandrel.api.get_json("/api/v1/status").await;

    let source = page["memory"]["budget_source"].as_str();
    let known = ["machine", "control_group", "minimum"];
    assert!(source.is_some_and(|it| known.contains(&it)), "{page}");
    assert_ne!(page["memory"]["budget_bytes"], Value::from(0));
}
