//! One order of a shop: three traces and a few log records.

use model::Signal;

use crate::store::Store;

pub(crate) const ORDER: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const BROWSE: &str = "00000000000000000000000000000b01";
pub(crate) const ORPHAN: &str = "00000000000000000000000000000c02";

/// The order: gateway -> cart (failed), gateway -> bus, and a notification that is linked to the message.
const ORDER_SPANS: &str = r#"{"resourceSpans":[
  {"resource":{"attributes":[
      {"key":"service.name","value":{"stringValue":"gateway"}},
      {"key":"host.name","value":{"stringValue":"a1"}}]},
   "scopeSpans":[{"scope":{"name":"http","version":"1.0"},"spans":[
    {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000a1","name":"POST /checkout","kind":2,
     "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000900000000","flags":257,
     "attributes":[{"key":"http.route","value":{"stringValue":"/checkout"}},{"key":"http.response.status_code","value":{"intValue":"500"}}],
     "status":{"code":2,"message":"cart failed"}},
    {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000a2","parentSpanId":"00000000000000a1","name":"publish order","kind":4,
     "startTimeUnixNano":"1700000000500000000","endTimeUnixNano":"1700000000510000000"}]}]},
  {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
   "scopeSpans":[{"scope":{},"spans":[
    {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000b1","parentSpanId":"00000000000000a1","name":"reserve","kind":2,"flags":769,
     "startTimeUnixNano":"1700000000100000000","endTimeUnixNano":"1700000000400000000",
     "attributes":[{"key":"retry","value":{"boolValue":true}},{"key":"load","value":{"doubleValue":0.5}},{"key":"raw","value":{"bytesValue":"AAH/"}},
       {"key":"ids","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"9007199254740993"}]}}},{"key":"big","value":{"intValue":"9007199254740993"}}],
     "events":[{"timeUnixNano":"1700000000200000000","name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"OutOfStock"}}]}],
     "status":{"code":2}}]}]},
  {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"notification"}}]},
   "scopeSpans":[{"scope":{},"spans":[
    {"traceId":"00000000000000000000000000000c02","spanId":"00000000000000c1","parentSpanId":"00000000000000c0","name":"send mail","kind":5,
     "startTimeUnixNano":"1700000001000000000","endTimeUnixNano":"1700000001050000000",
     "links":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000a2"}],
     "status":{"code":1}}]}]}]}"#;

/// Somebody looks around; the cart's span comes with its own request.
const BROWSE_GATEWAY: &str = r#"{"resourceSpans":[
  {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},
   "scopeSpans":[{"scope":{"name":"http","version":"1.0"},"spans":[
    {"traceId":"00000000000000000000000000000b01","spanId":"00000000000000d1","name":"GET /","kind":2,
     "startTimeUnixNano":"1700000002000000000","endTimeUnixNano":"1700000002020000000"}]}]}]}"#;
const BROWSE_CART: &str = r#"{"resourceSpans":[
  {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
   "scopeSpans":[{"scope":{},"spans":[
    {"traceId":"00000000000000000000000000000b01","spanId":"00000000000000d2","parentSpanId":"00000000000000d1","name":"count items","kind":2,
     "startTimeUnixNano":"1700000002005000000","endTimeUnixNano":"1700000002010000000"}]}]}]}"#;

const LOGS: &str = r#"{"resourceLogs":[
  {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
   "scopeLogs":[{"scope":{"name":"app","version":"2"},"logRecords":[
    {"timeUnixNano":"1700000000150000000","observedTimeUnixNano":"1700000000150000001","severityNumber":9,"severityText":"INFO",
     "body":{"stringValue":"reserving 3 items"},"attributes":[{"key":"item.count","value":{"intValue":"3"}}],
     "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000b1","flags":1},
    {"timeUnixNano":"1700000000250000000","severityNumber":17,"severityText":"ERROR",
     "body":{"stringValue":"out of stock: socks"},"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00000000000000b1"},
    {"observedTimeUnixNano":"1700000003000000000","severityNumber":13,"eventName":"cart.full",
     "body":{"kvlistValue":{"values":[{"key":"size","value":{"intValue":"99"}}]}},"droppedAttributesCount":2}]}]},
  {"resource":{},"scopeLogs":[{"logRecords":[
    {"timeUnixNano":"1700000000050000000","body":{"stringValue":"hello \"world\""}},
    {"timeUnixNano":"1700000000050000000"}]}]}]}"#;

/// Everything above, in several requests.
pub(crate) async fn fill(store: &Store) {
    store.append(Signal::Traces, ORDER_SPANS).await;
    store.append(Signal::Traces, BROWSE_GATEWAY).await;
    store.append(Signal::Traces, BROWSE_CART).await;
    store.append(Signal::Logs, LOGS).await;
}

/// A store with everything in memory.
pub(crate) async fn store() -> Store {
    let store = Store::new();
    fill(&store).await;
    store
}

/// Sends the order a second time, as a client does that missed the answer.
pub(crate) async fn send_order_again(store: &Store) {
    store.append(Signal::Traces, ORDER_SPANS).await;
}
