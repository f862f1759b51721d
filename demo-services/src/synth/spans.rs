//! Encodes planned spans (T-std: 10 to 12 attributes, exceptions, links) as OTLP.

use super::{
    names::Names,
    plan::{self, Plan},
    wire,
};

const OTLP_ATTRIBUTE: u32 = 9;
const OTLP_EVENT: u32 = 11;
const OTLP_LINK: u32 = 13;
/// The trace is sampled.
const FLAGS: u32 = 1;

const EXCEPTIONS: [(&str, &str); 4] = [
    (
        "com.example.shop.TimeoutException",
        "no answer from upstream within the deadline of request",
    ),
    (
        "com.example.shop.StockException",
        "the reserved quantity is not on hand for line",
    ),
    (
        "com.example.shop.LockException",
        "could not obtain the row lock, holder is session",
    ),
    (
        "com.example.shop.FormatException",
        "unexpected token in the payload at offset",
    ),
];

/// Encodes spans; keeps its buffers.
#[derive(Default)]
pub(super) struct SpanEncoder {
    span: Vec<u8>,
    part: Vec<u8>,
    text: Vec<u8>,
    url: Vec<u8>,
}

impl SpanEncoder {
    /// Appends the span at a place of the plan to `out`, as a field of `ScopeSpans`; returns its
    /// HTTP status code.
    pub(super) fn encode(
        &mut self,
        names: &Names,
        seed: u64,
        plan: &mut Plan,
        place: usize,
        out: &mut Vec<u8>,
    ) -> u64 {
        let id = plan.span_id(place);
        let parent = plan.spans[place].parent.map(|parent| plan.span_id(parent));
        let planned = &plan.spans[place];
        let operation = &names.operations[planned.service][planned.operation];
        let span = &mut self.span;
        span.clear();
        wire::bytes(span, 1, &plan.trace_id.to_be_bytes());
        wire::bytes(span, 2, &id.to_be_bytes());
        if let Some(parent) = parent {
            wire::bytes(span, 4, &parent.to_be_bytes());
        }
        wire::bytes(span, 5, operation.name.as_bytes());
        // Internal 1, server 2, client 3.
        let kind = if planned.is_server {
            2
        } else {
            1 + 2 * u64::from(planned.has_query)
        };
        wire::number(span, 6, kind);
        wire::fixed64(span, 7, planned.start);
        wire::fixed64(span, 8, planned.start + planned.duration);
        let status_code = self.attributes(names, plan, place);
        if plan.spans[place].is_error {
            self.failure(plan, place);
        }
        if plan.span_dice.one_in(100) {
            self.link(seed, plan);
        }
        wire::fixed32(&mut self.span, 16, FLAGS);
        wire::bytes(out, 2, &self.span);
        status_code
    }

    /// The URL of the span that was encoded last.
    pub(super) fn last_url(&self) -> &[u8] {
        &self.url
    }

    /// Appends the attributes; returns the HTTP status code.
    fn attributes(&mut self, names: &Names, plan: &mut Plan, place: usize) -> u64 {
        let planned = &plan.spans[place];
        let operation = &names.operations[planned.service][planned.operation];
        let dice = &mut plan.span_dice;
        let (span, text) = (&mut self.span, &mut self.text);
        let status_code = match (planned.is_error, dice.below(20)) {
            (true, 0..10) => 500,
            (true, _) => 503,
            (false, 0) => 404,
            (false, 1..3) => 201,
            (false, _) => 200,
        };
        let mut put = |key: &str, value: &[u8]| {
            wire::text_attribute(span, OTLP_ATTRIBUTE, key, value);
        };
        put("http.request.method", operation.method.as_bytes());
        put("http.route", operation.route.as_bytes());
        put(
            "user_agent.original",
            names.user_agents[plan.user_agent].as_bytes(),
        );
        text.clear();
        client_address(text, plan.client);
        put("client.address", text);
        text.clear();
        user_id(text, plan.user);
        put("user.id", text);
        text.clear();
        wire::hex(text, plan.session, 32);
        put("session.id", text);
        let url = &mut self.url;
        url.clear();
        url.extend_from_slice(operation.url_start.as_bytes());
        wire::hex(url, u128::from(dice.bits()), 16);
        url.extend_from_slice(b"?page=");
        wire::decimal(url, u64::from(dice.below(20)));
        put("url.full", url);
        if planned.has_query {
            text.clear();
            text.extend_from_slice(operation.query.0.as_bytes());
            wire::decimal(text, u64::from(dice.below(100_000)));
            text.extend_from_slice(operation.query.1.as_bytes());
            put("db.system.name", b"postgresql");
            put("db.query.text", text);
        }
        let port = u64::from(32_768 + dice.below(28_232));
        let thread = u64::from(1 + dice.below(64));
        wire::int_attribute(
            span,
            OTLP_ATTRIBUTE,
            "http.response.status_code",
            status_code,
        );
        wire::int_attribute(span, OTLP_ATTRIBUTE, "client.port", port);
        wire::int_attribute(span, OTLP_ATTRIBUTE, "thread.id", thread);
        status_code
    }

    /// Appends an exception with its stack and the status.
    fn failure(&mut self, plan: &mut Plan, place: usize) {
        let dice = &mut plan.span_dice;
        let (class, message) = EXCEPTIONS[dice.index(EXCEPTIONS.len())];
        let (event, text) = (&mut self.part, &mut self.text);
        event.clear();
        let planned = &plan.spans[place];
        wire::fixed64(event, 1, planned.start + planned.duration);
        wire::bytes(event, 2, b"exception");
        wire::text_attribute(event, 3, "exception.type", class.as_bytes());
        text.clear();
        text.extend_from_slice(message.as_bytes());
        text.push(b' ');
        wire::decimal(text, u64::from(dice.below(1_000_000)));
        wire::text_attribute(event, 3, "exception.message", text);
        let message_len = text.len();
        text.splice(0..0, class.bytes().chain(*b": "));
        stack(text, dice);
        wire::text_attribute(event, 3, "exception.stacktrace", text);
        wire::bytes(&mut self.span, OTLP_EVENT, event);

        event.clear();
        let described = class.len() + 2..class.len() + 2 + message_len;
        wire::bytes(event, 2, text.get(described).unwrap_or_default());
        wire::number(event, 3, 2);
        wire::bytes(&mut self.span, 15, event);
    }

    /// Appends a link to the root of an earlier trace (of the trace itself in the first one).
    fn link(&mut self, seed: u64, plan: &mut Plan) {
        let back = u64::from(1 + plan.span_dice.below(1_000));
        let trace_id = plan::trace_id(seed, plan.index.saturating_sub(back));
        let link = &mut self.part;
        link.clear();
        wire::bytes(link, 1, &trace_id.to_be_bytes());
        wire::bytes(link, 2, &plan::span_id(trace_id, 0).to_be_bytes());
        wire::bytes(&mut self.span, OTLP_LINK, link);
    }
}

fn stack(text: &mut Vec<u8>, dice: &mut super::dice::Dice) {
    const FRAMES: [&str; 8] = [
        "com.example.shop.http.Dispatcher.dispatch(Dispatcher.java:",
        "com.example.shop.http.Filters.next(Filters.java:",
        "com.example.shop.store.Connection.await(Connection.java:",
        "com.example.shop.store.Rows.fetch(Rows.java:",
        "com.example.shop.pool.Worker.run(Worker.java:",
        "com.example.shop.rpc.Channel.call(Channel.java:",
        "com.example.shop.rpc.Deadline.check(Deadline.java:",
        "com.example.shop.Main.loop(Main.java:",
    ];
    for _ in 0..4 + dice.below(8) {
        text.extend_from_slice(b"\n\tat ");
        text.extend_from_slice(dice.pick(&FRAMES).as_bytes());
        wire::decimal(text, u64::from(20 + dice.below(400)));
        text.push(b')');
    }
}

/// Appends the address of a client as text.
pub(super) fn client_address(out: &mut Vec<u8>, client: u32) {
    out.extend_from_slice(b"10.");
    wire::decimal(out, u64::from(client >> 16 & 255));
    out.push(b'.');
    wire::decimal(out, u64::from(client >> 8 & 255));
    out.push(b'.');
    wire::decimal(out, u64::from(client & 255));
}

/// Appends the id of a user as text.
pub(super) fn user_id(out: &mut Vec<u8>, user: u16) {
    out.extend_from_slice(b"user-");
    wire::padded(out, u64::from(user), 5);
}
