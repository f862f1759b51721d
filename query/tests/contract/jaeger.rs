//! Jaeger's dialect.

use crate::shop::{self, BROWSE, ORDER, ORPHAN};
use crate::store::{Answer, Store};

fn check(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    insta::assert_snapshot!(name, answer.body);
}

#[tokio::test]
async fn v1_lists_services_and_operations() {
    let store = shop::store().await;
    check("v1_services", &store.get("/jaeger/api/services").await);
    check(
        "v1_service_operations",
        &store.get("/jaeger/api/services/gateway/operations").await,
    );
    check(
        "v1_operations",
        &store
            .get("/jaeger/api/operations?service=gateway&spanKind=server")
            .await,
    );
}

#[tokio::test]
async fn v1_answers_a_trace_by_long_id_or_base64() {
    let store = shop::store().await;
    check(
        "v1_trace",
        &store.get(&format!("/jaeger/api/traces/{ORDER}")).await,
    );
    check(
        "v1_trace",
        &store
            .get("/jaeger/api/traces/CvdlGRbNQ92ESOshHIAxnA==")
            .await,
    );
    let short = store
        .get("/jaeger/api/traces/b01?prettyPrint=true")
        .await
        .json();
    assert_eq!(short["data"][0]["traceID"], BROWSE);
    check(
        "v1_trace_linked",
        &store.get(&format!("/jaeger/api/traces/{ORPHAN}")).await,
    );
}

#[tokio::test]
async fn v1_never_answers_an_unknown_trace_with_success() {
    let store = Store::new();
    let answer = store.get(&format!("/jaeger/api/traces/{ORDER}")).await;
    assert_eq!(
        (answer.status, answer.body),
        (
            404,
            format!(
                r#"{{"data":null,"total":0,"limit":0,"offset":0,"errors":[{{"code":404,"msg":"trace not found","traceID":"{ORDER}"}}]}}"#
            )
        )
    );
    let answer = store.get("/jaeger/api/traces/xyz").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (
            400,
            r#"{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":"parameter traceID: \"xyz\" is not a trace id"}]}"#
        )
    );
}

#[tokio::test]
async fn v1_searches_as_grafana_and_jaeger_ui_ask() {
    let store = shop::store().await;
    let of = async |query: &str| {
        let answer = store.get(&format!("/jaeger/api/traces?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let json = answer.json();
        let traces = json["data"].as_array().unwrap();
        traces
            .iter()
            .map(|trace| trace["traceID"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("service=gateway").await, [BROWSE, ORDER]);
    assert_eq!(
        of("service=gateway&operation=GET+%2F&limit=20&lookback=1h").await,
        [BROWSE]
    );
    assert_eq!(
        of("service=cart&tags=%7B%22error%22%3A%22true%22%7D").await,
        [ORDER]
    );
    assert_eq!(of("service=cart&tag=error:false").await, [BROWSE]);
    assert_eq!(
        of("tag=http.route:%2Fcheckout&minDuration=900ms&maxDuration=1s").await,
        [ORDER]
    );
    assert_eq!(
        of("service=gateway&start=1700000002000000&end=1700000002000000").await,
        [BROWSE]
    );
    assert_eq!(
        of(&format!("traceID={ORPHAN}&traceID={BROWSE}&traceID=ff")).await,
        [ORPHAN, BROWSE]
    );
    assert_eq!(of("service=nobody").await, Vec::<String>::new());
}

#[tokio::test]
async fn v1_counts_calls_and_messages_between_services() {
    let store = shop::store().await;
    shop::send_order_again(&store).await;
    let now = "/jaeger/api/dependencies?endTs=1700000100000&lookback=3600000";
    check("v1_dependencies", &store.get(now).await);
    let before = "/jaeger/api/dependencies?endTs=1600000000000&lookback=3600000";
    check("v1_dependencies_none", &store.get(before).await);
}

const V3_RANGE: &str =
    "query.startTimeMin=2023-11-14T22:13:20Z&query.startTimeMax=2023-11-14T23:13:30+01:00";

#[tokio::test]
async fn v3_lists_services_and_operations() {
    let store = shop::store().await;
    check("v3_services", &store.get("/jaeger/api/v3/services").await);
    check(
        "v3_operations",
        &store.get("/jaeger/api/v3/operations?service=gateway").await,
    );
}

#[tokio::test]
async fn v3_answers_traces_as_otlp_json() {
    let store = shop::store().await;
    check(
        "v3_trace",
        &store.get(&format!("/jaeger/api/v3/traces/{BROWSE}")).await,
    );
    let search = format!("/jaeger/api/v3/traces?{V3_RANGE}&query.serviceName=notification");
    check("v3_search", &store.get(&search).await);
    let summaries = format!("/jaeger/api/v3/trace-summaries?{V3_RANGE}&query.searchDepth=2");
    check("v3_summaries", &store.get(&summaries).await);
}

#[tokio::test]
async fn v3_errors_have_their_own_envelope() {
    let store = Store::new();
    for (path, status, body) in [
        (
            format!("/jaeger/api/v3/traces/{ORDER}"),
            404,
            format!(
                r#"{{"error":{{"httpCode":404,"message":"no span of trace {ORDER} is stored"}}}}"#
            ),
        ),
        (
            format!("/jaeger/api/v3/traces?{V3_RANGE}"),
            404,
            r#"{"error":{"httpCode":404,"message":"no trace matches"}}"#.to_owned(),
        ),
        (
            "/jaeger/api/v3/trace-summaries".to_owned(),
            400,
            r#"{"error":{"httpCode":400,"message":"query.startTimeMin is required"}}"#.to_owned(),
        ),
    ] {
        let answer = store.get(&path).await;
        assert_eq!((answer.status, answer.body), (status, body), "{path}");
    }
}
