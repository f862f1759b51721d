//! One order of the bundled shop, followed across its services.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::{ShopProcess, SpandrelProcess, TraceView, until};

/// Who calls or messages whom when an order is placed; every process exports in its own time.
type Edges = BTreeSet<(&'static str, &'static str)>;

/// The trace of this order, once the span `last` and all `edges` of it have arrived, and no parent is
/// missing any more.
async fn whole_trace(
    spandrel: &SpandrelProcess,
    order: &Value,
    last: &str,
    edges: &Edges,
) -> (String, TraceView) {
    let order_id = order["order_id"].as_str().unwrap();
    let query = format!("service:gateway shop.order.id:{order_id} name:\"POST /api/orders\"");
    until("the trace of the order", || async {
        let traces = spandrel.search(&query).await;
        let [found] = &traces[..] else {
            return Err(format!("{} traces", traces.len()));
        };
        let trace_id = found["trace_id"].as_str().unwrap().to_owned();
        let trace = spandrel.trace(&trace_id).await;
        let is_whole = trace.names().contains(&last)
            && trace.edges().is_superset(edges)
            && trace.orphans().is_empty();
        if is_whole {
            Ok((trace_id, trace))
        } else {
            Err(format!("{:?} with {:?}", trace.names(), trace.edges()))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_order_is_one_trace_across_all_services_with_its_logs() {
    let spandrel = SpandrelProcess::start().await;
    let shop = ShopProcess::start(&spandrel).await;
    let edges = Edges::from([
        ("gateway", "order"),
        ("order", "cart"),
        ("order", "bus"),
        ("order", "inventory"),
        ("inventory", "bus"),
        ("inventory", "order"),
        ("order", "payment"),
        ("payment", "bus"),
        ("payment", "order"),
        ("order", "shipping"),
        ("shipping", "bus"),
        ("shipping", "order"),
    ]);

    let order = shop.order("tok_visa_4242", "CONFIRMED").await;
    let (trace_id, trace) = whole_trace(&spandrel, &order, "send order.confirmed", &edges).await;

    assert_eq!(trace.edges(), edges);
    let dependencies = spandrel.api.get_json("/jaeger/api/dependencies").await;
    for (parent, child) in &edges {
        let is_this = |it: &&Value| it["parent"] == *parent && it["child"] == *child;
        let found = dependencies["data"]
            .as_array()
            .unwrap()
            .iter()
            .find(is_this);
        assert!(
            found.is_some(),
            "{parent} -> {child} is not among {dependencies}"
        );
    }
    let steps = [
        "saga reserve",
        "saga authorise",
        "saga book",
        "saga capture",
        "saga confirm",
    ];
    assert_eq!(trace.names_with("saga "), steps);
    let root = trace.span("POST /api/orders");
    assert_eq!((root.service.as_str(), root.kind), ("gateway", 2));
    assert_eq!(
        trace.span("saga confirm").attribute("shop.saga.outcome"),
        "confirmed"
    );

    let order_id = order["order_id"].as_str().unwrap();
    let confirmed = format!("Order {order_id} is confirmed");
    let record = until("the log record of the confirmation", || async {
        let logs = spandrel.logs(&format!("trace_id={trace_id}")).await;
        assert!(
            logs.iter()
                .all(|record| record["trace_id"] == trace_id.as_str())
        );
        let record = logs
            .iter()
            .find(|record| record["body"] == confirmed.as_str());
        record.cloned().ok_or_else(|| format!("{logs:?}"))
    })
    .await;
    assert_eq!(record["service"], "order");
    assert_eq!(record["span_id"], trace.span("saga confirm").span_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_is_compensated_and_the_trace_shows_how() {
    let spandrel = SpandrelProcess::start().await;
    let shop = ShopProcess::start(&spandrel).await;

    let edges = Edges::from([
        ("gateway", "order"),
        ("order", "cart"),
        ("order", "bus"),
        ("order", "inventory"),
        ("inventory", "bus"),
        ("inventory", "order"),
        ("order", "payment"),
        ("payment", "bus"),
        ("payment", "order"),
    ]);

    let order = shop.order("tok_declined_0002", "REJECTED").await;
    let (_, trace) = whole_trace(&spandrel, &order, "send order.rejected", &edges).await;

    // Nothing was booked, so that shipping has no part in it.
    assert_eq!(trace.edges(), edges);

    assert_eq!(order["reason"], "card declined");
    let steps = [
        "saga reserve",
        "saga authorise",
        "saga release",
        "saga reject",
    ];
    assert_eq!(trace.names_with("saga "), steps);
    let release = trace.span("saga release");
    assert_eq!(
        release.attributes["shop.saga.compensation"]["boolValue"],
        true
    );
    let undone = &trace.span("saga reserve").span_id;
    assert!(
        release.linked_span_ids.contains(undone),
        "{:?}",
        release.linked_span_ids
    );
    let reject = trace.span("saga reject");
    assert_eq!(reject.attribute("shop.saga.outcome"), "compensated");
    assert_eq!(reject.attribute("shop.saga.reason"), "card declined");
}
