//! Documents as portions of OTLP protobuf, ready to be sent.

mod shape;

use std::ops::ControlFlow;
use std::path::Path;

use bytes::Bytes;
use model::otlp::{self, Encoding};
use model::{Signal, Span, dialect};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::Format;
use super::input::{Document, Documents, STDIN};
use super::report::{Place, Report};
use shape::Shape;

/// A portion is sent when it has reached this size.
const PORTION_BYTES: usize = 1 << 20;
/// Spans of other formats that are encoded together.
const SPANS_TOGETHER: usize = 200;

/// Records of one signal on their way to the server.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) signal: Signal,
    /// An OTLP export request in protobuf.
    pub(super) payload: Bytes,
    pub(super) record_count: u64,
    /// Where the first of them was read.
    pub(super) place: Place,
}

/// Reads files and hands portions on.
pub(super) struct Decoder {
    format: Option<Format>,
    portions: mpsc::Sender<Portion>,
    traces: Filling,
    logs: Filling,
    /// Spans of other formats that are not encoded yet.
    spans: Vec<Span>,
    report: Report,
}

/// A portion that is not full yet. Protobuf requests one after another are one request.
#[derive(Default)]
struct Filling {
    payload: Vec<u8>,
    record_count: u64,
    place: Option<Place>,
}

impl Decoder {
    pub(super) fn new(format: Option<Format>, portions: mpsc::Sender<Portion>) -> Self {
        Self {
            format,
            portions,
            traces: Filling::default(),
            logs: Filling::default(),
            spans: Vec::new(),
            report: Report::default(),
        }
    }

    /// Reads a file; breaks when nobody takes portions any more.
    pub(super) fn read(&mut self, path: &Path) -> ControlFlow<()> {
        let name = if path == Path::new(STDIN) {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let mut documents = match Documents::open(path) {
            Ok(documents) => documents,
            Err(error) => {
                self.report.fail(format!("{name}: {error:#}"));
                return ControlFlow::Continue(());
            }
        };
        loop {
            match documents.next() {
                Ok(Some(document)) => self.read_document(&name, &document)?,
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => {
                    self.report.fail(format!("{name}: {error:#}"));
                    return ControlFlow::Continue(());
                }
            }
        }
    }

    /// Hands on what is left; returns what happened.
    pub(super) fn finish(mut self) -> Report {
        if self.encode_spans().is_continue() && self.hand_on(Signal::Traces).is_continue() {
            // Whoever takes portions tells why when it stops.
            let (ControlFlow::Continue(()) | ControlFlow::Break(())) = self.hand_on(Signal::Logs);
        }
        self.report
    }

    /// A document may be several of JSON, one after another.
    fn read_document(&mut self, name: &str, document: &Document) -> ControlFlow<()> {
        // JSON that breaks off does so in its last line, not in an empty one after it.
        let text = document.text.trim_end();
        let place_at = |offset: usize| Place::new(name, document, offset);
        for value in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
            match value {
                Ok(value) => {
                    let offset = value.get().as_ptr() as usize - text.as_ptr() as usize;
                    self.read_value(value.get(), &|within| place_at(offset + within))?;
                }
                Err(error) => {
                    let line = document.line + error.line().saturating_sub(1);
                    let problem = error.to_string();
                    let problem = problem.split(" at line ").next().unwrap_or_default();
                    let column = error.column();
                    self.report
                        .fail(format!("{name}:{line}:{column}: not JSON: {problem}"));
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn read_value(&mut self, text: &str, place: &dyn Fn(usize) -> Place) -> ControlFlow<()> {
        let shape = match Shape::of(text, self.format) {
            Ok(shape) => shape,
            Err(problem) => {
                self.report.fail(format!("{}: {problem}", place(0)));
                return ControlFlow::Continue(());
            }
        };
        match shape {
            Shape::Otlp {
                text,
                signals,
                has_others,
            } => {
                if has_others {
                    let reason = "neither traces nor logs, which is all that is kept";
                    self.report.skip(reason.to_owned(), 1, &|| place(0));
                }
                for signal in signals {
                    self.read_otlp(signal, text, place)?;
                }
                ControlFlow::Continue(())
            }
            Shape::Jaeger => self.read_dialect(text, place, dialect::jaeger::visit_spans),
            Shape::Zipkin => self.read_dialect(text, place, dialect::zipkin::visit_spans),
        }
    }

    fn read_otlp(
        &mut self,
        signal: Signal,
        text: &str,
        place: &dyn Fn(usize) -> Place,
    ) -> ControlFlow<()> {
        let body = Bytes::copy_from_slice(text.as_bytes());
        let accepted = match otlp::decode(signal, Encoding::Json, body) {
            Ok(accepted) => accepted,
            Err(error) => {
                self.report.fail(format!("{}: {error}", place(0)));
                return ControlFlow::Continue(());
            }
        };
        if let Some(rejected) = accepted.rejected {
            self.report
                .skip(rejected.reason, rejected.count, &|| place(0));
        }
        let record_count = accepted.batch.num_rows() as u64;
        self.add(signal, &accepted.payload, record_count, place)
    }

    fn read_dialect(
        &mut self,
        text: &str,
        place: &dyn Fn(usize) -> Place,
        visit_spans: fn(&str, &mut dialect::Visit<'_>) -> Result<(), serde_json::Error>,
    ) -> ControlFlow<()> {
        self.traces.place.get_or_insert_with(|| place(0));
        let mut flow = ControlFlow::Continue(());
        let read = visit_spans(text, &mut |span| match span {
            Ok(_) if flow.is_break() => {}
            Ok(span) => {
                self.spans.push(span);
                if self.spans.len() >= SPANS_TOGETHER {
                    flow = self.encode_spans();
                    self.traces.place.get_or_insert_with(|| place(0));
                }
            }
            Err(skipped) => {
                let reason = skipped.reason.into_owned();
                self.report.skip(reason, 1, &|| place(skipped.offset));
            }
        });
        if let Err(error) = read {
            self.report.fail(format!("{}: {error}", place(0)));
        }
        flow
    }

    fn encode_spans(&mut self) -> ControlFlow<()> {
        let spans = std::mem::take(&mut self.spans);
        self.traces.payload.extend(otlp::encode_spans(&spans));
        self.traces.record_count += spans.len() as u64;
        self.hand_on_full(Signal::Traces)
    }

    fn add(
        &mut self,
        signal: Signal,
        payload: &[u8],
        record_count: u64,
        place: &dyn Fn(usize) -> Place,
    ) -> ControlFlow<()> {
        let filling = self.filling(signal);
        filling.payload.extend_from_slice(payload);
        filling.record_count += record_count;
        filling.place.get_or_insert_with(|| place(0));
        self.hand_on_full(signal)
    }

    fn filling(&mut self, signal: Signal) -> &mut Filling {
        match signal {
            Signal::Traces => &mut self.traces,
            Signal::Logs => &mut self.logs,
        }
    }

    fn hand_on_full(&mut self, signal: Signal) -> ControlFlow<()> {
        if self.filling(signal).payload.len() < PORTION_BYTES {
            return ControlFlow::Continue(());
        }
        self.hand_on(signal)
    }

    fn hand_on(&mut self, signal: Signal) -> ControlFlow<()> {
        let filled = std::mem::take(self.filling(signal));
        let Some(place) = filled.place.filter(|_| filled.record_count > 0) else {
            return ControlFlow::Continue(());
        };
        let portion = Portion {
            signal,
            payload: filled.payload.into(),
            record_count: filled.record_count,
            place,
        };
        match self.portions.blocking_send(portion) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
