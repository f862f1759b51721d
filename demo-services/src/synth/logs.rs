//! Encodes the log records of planned spans (L-std) as OTLP.

use super::{
    names::Names,
    plan::Plan,
    styles::STYLES,
    templates::{Scene, Templates},
    wire,
};

const OTLP_ATTRIBUTE: u32 = 6;
/// Records arrive at the collector of the made-up system within this time.
const OBSERVED_DELAY_MAX_NANOS: u32 = 50_000_000;

/// What is worth knowing about the record that was encoded last.
pub(super) struct Encoded {
    /// Place of its template.
    pub(super) template: usize,
    pub(super) has_context: bool,
    /// Unix nanoseconds.
    pub(super) time: u64,
}

/// Encodes log records; keeps its buffers.
#[derive(Default)]
pub(super) struct LogEncoder {
    record: Vec<u8>,
    body: Vec<u8>,
    text: Vec<u8>,
}

impl LogEncoder {
    /// Appends one record written during the span at a place of the plan to `out`, as a field of
    /// `ScopeLogs`.
    pub(super) fn encode(
        &mut self,
        names: &Names,
        templates: &Templates,
        plan: &mut Plan,
        place: usize,
        out: &mut Vec<u8>,
    ) -> Encoded {
        let planned = &plan.spans[place];
        let time = planned.start + planned.duration * u64::from(plan.log_dice.below(1_000)) / 1_000;
        let scene = Scene {
            names,
            service: planned.service,
            operation: planned.operation,
            time,
        };
        let has_context = plan.log_dice.one_in(2);
        let number = templates.draw(&mut plan.log_dice, scene.service);
        let template = &templates.all[number];
        self.body.clear();
        template.fill(&scene, plan, &mut self.body);

        let dice = &mut plan.log_dice;
        let record = &mut self.record;
        record.clear();
        let (severity, severity_text) = template.severity.otlp();
        let delay = u64::from(1_000 + dice.below(OBSERVED_DELAY_MAX_NANOS));
        wire::fixed64(record, 1, time);
        wire::number(record, 2, severity);
        wire::bytes(record, 3, severity_text.as_bytes());
        wire::any_text(record, 5, &self.body);
        let logger = STYLES[template.style].logger;
        wire::text_attribute(record, OTLP_ATTRIBUTE, "logger.name", logger.as_bytes());
        self.text.clear();
        self.text.extend_from_slice(b"worker-");
        wire::decimal(&mut self.text, u64::from(dice.below(32)));
        wire::text_attribute(record, OTLP_ATTRIBUTE, "thread.name", &self.text);
        let line = u64::from(10 + dice.below(500));
        wire::int_attribute(record, OTLP_ATTRIBUTE, "code.line.number", line);
        if has_context {
            wire::fixed32(record, 8, 1);
            wire::bytes(record, 9, &plan.trace_id.to_be_bytes());
            wire::bytes(record, 10, &plan.span_id(place).to_be_bytes());
        }
        wire::fixed64(record, 11, time + delay);
        wire::bytes(out, 2, record);
        Encoded {
            template: number,
            has_context,
            time,
        }
    }

    /// The body of the record that was encoded last.
    pub(super) fn last_body(&self) -> &[u8] {
        &self.body
    }
}
