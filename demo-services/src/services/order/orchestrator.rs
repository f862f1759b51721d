//! Carries orders through their sagas: every step is one transaction that writes where the saga
//! stands together with the command that goes out, below one INTERNAL span `saga <step>`.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Level, Span, error, event, info, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{
    saga::{Action, Event, Saga, State, Step},
    store::{self, Order, SagaRow},
};
use crate::{
    clock,
    database::{Database, DatabaseError, Statements},
    messaging::{Draft, HandleError, Outbox, Received, inbox, topics},
    proto::{
        AuthorisePayment, BookShipment, CartLine, OrderCommand, OrderEvent, ReserveStock, StepReply,
    },
    telemetry::{continued_span, fail, propagation},
};

/// How long a step may go without an answer.
const STEP_TIMEOUT_MS: i64 = 5_000;
/// How often overdue sagas are looked for.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Orchestrator {
    pub(super) database: Database,
    pub(super) outbox: Outbox,
}

impl Orchestrator {
    /// Writes the order down and sends its first command, all or nothing. The saga hangs below the
    /// current span, whichever process carries it on.
    pub(super) async fn begin(
        &self,
        order: Order,
        lines: Vec<CartLine>,
    ) -> Result<(), DatabaseError> {
        self.database
            .transaction(move |tx| {
                store::insert_order(tx, &order, &lines, clock::unix_ms())?;
                let row = SagaRow {
                    saga: Saga::new(),
                    reason: String::new(),
                    traceparent: propagation::traceparent_of(&Span::current()),
                };
                store::insert_saga(tx, &order.id, &row)?;
                act(tx, &order.id, &row, Action::Run(Step::Reserve))
            })
            .await?;
        self.outbox.ring();
        Ok(())
    }

    /// Takes the answer to a command.
    pub(super) async fn handle(self, received: Received) -> Result<(), HandleError> {
        let reply: StepReply = received.decode()?;
        let message_id = received.message.id;
        let Some(step) = Step::parse(&reply.step) else {
            return Err(HandleError::Kind { kind: reply.step });
        };
        self.database
            .transaction(move |tx| {
                if !inbox::is_new(tx, &message_id)? {
                    info!(
                        shop.order.id = reply.order_id,
                        "This answer was already handled"
                    );
                    return Ok(());
                }
                let event = if reply.succeeded {
                    Event::Succeeded(step)
                } else {
                    Event::Refused(step)
                };
                advance(tx, &reply.order_id, event, &reply.reason)
            })
            .await?;
        self.outbox.ring();
        Ok(())
    }

    /// Looks after sagas whose answer is overdue, until `shutdown`. This is also what carries on the
    /// sagas of an orchestrator that died.
    pub(super) async fn watch(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = sleep(SCAN_INTERVAL) => {}
                () = shutdown.cancelled() => return,
            }
            if let Err(error) = self.drive_overdue().await {
                warn!(%error, "Overdue sagas could not be looked up");
            }
        }
    }

    async fn drive_overdue(&self) -> Result<(), DatabaseError> {
        let orders = self
            .database
            .untraced(|tx| store::overdue(tx, clock::unix_ms()))
            .await?;
        for order_id in orders {
            let id = order_id.clone();
            let row = self
                .database
                .untraced(move |tx| store::saga(tx, &id))
                .await?;
            let Some(row) = row else { continue };
            let parent = propagation::context_from_traceparent(&row.traceparent);
            let span = continued_span("internal", "saga timeout", parent);
            span.set_attribute("shop.order.id", order_id.clone());
            self.database
                .transaction(move |tx| advance(tx, &order_id, Event::TimedOut, "no answer in time"))
                .instrument(span)
                .await?;
            self.outbox.ring();
        }
        Ok(())
    }
}

/// Moves the saga on after `event` and does what follows from it.
fn advance(
    tx: &Statements<'_>,
    order_id: &str,
    event: Event,
    reason: &str,
) -> Result<(), DatabaseError> {
    let Some(mut row) = store::saga(tx, order_id)? else {
        warn!(
            shop.order.id = order_id,
            "There is no order {order_id} to go on with"
        );
        return Ok(());
    };
    let before = row.saga;
    let (after, action) = before.after(event);
    row.saga = after;
    // The first trouble is the reason; what compensation says later is not.
    if row.reason.is_empty() && !reason.is_empty() && after.attempt <= 1 {
        reason.clone_into(&mut row.reason);
    }
    if let (Event::Succeeded(step), Some(_)) = (event, before.step) {
        event!(
            name: "saga.step.completed",
            Level::INFO,
            shop.order.id = order_id,
            shop.saga.step = step.name(),
            shop.saga.state = after.state.name(),
            "Step {step} of order {order_id} is done"
        );
    }
    act(tx, order_id, &row, action)
}

fn act(
    tx: &Statements<'_>,
    order_id: &str,
    row: &SagaRow,
    action: Action,
) -> Result<(), DatabaseError> {
    if action == Action::Ignore {
        info!(shop.order.id = order_id, "This answer is no longer awaited");
        return Ok(());
    }
    let name = match action {
        Action::Run(step) => step.name(),
        Action::Confirm => "confirm",
        Action::Reject => "reject",
        Action::Park | Action::Ignore => "park",
    };
    let span = step_span(order_id, row, name);
    span.in_scope(|| match action {
        Action::Run(step) => run_step(tx, order_id, row, step, &span),
        Action::Confirm => finish(tx, order_id, &row.confirmed(), &span),
        Action::Reject => finish(tx, order_id, row, &span),
        Action::Park | Action::Ignore => park(tx, order_id, row, &span),
    })
}

/// Steps stand side by side below the span that placed the order; what set off the step, the
/// process span of the last answer, is linked.
fn step_span(order_id: &str, row: &SagaRow, name: &str) -> Span {
    let saga = propagation::context_from_traceparent(&row.traceparent);
    let caused_by = propagation::span_context_of(&Span::current().context());
    let span = continued_span("internal", &format!("saga {name}"), saga.clone());
    if caused_by.span_id() != propagation::span_context_of(&saga).span_id() {
        span.add_link(caused_by);
    }
    span.set_attribute("shop.order.id", order_id.to_owned());
    span.set_attribute("shop.saga.id", order_id.to_owned());
    span.set_attribute("shop.saga.step", name.to_owned());
    span.set_attribute("shop.saga.state", row.saga.state.name());
    span.set_attribute("shop.saga.attempt", i64::from(row.saga.attempt.max(1)));
    span
}

fn run_step(
    tx: &Statements<'_>,
    order_id: &str,
    row: &SagaRow,
    step: Step,
    span: &Span,
) -> Result<(), DatabaseError> {
    if let Some(undone) = step.undoes() {
        span.set_attribute("shop.saga.compensation", true);
        if let Some(traceparent) = store::step_traceparent(tx, order_id, undone)? {
            let undone_in = propagation::context_from_traceparent(&traceparent);
            span.add_link(propagation::span_context_of(&undone_in));
        }
        info!(
            shop.order.id = order_id,
            shop.saga.step = step.name(),
            shop.saga.reason = row.reason,
            "Compensating order {order_id} with {step}, because {}",
            row.reason
        );
    } else {
        info!(
            shop.order.id = order_id,
            shop.saga.step = step.name(),
            shop.saga.attempt = row.saga.attempt,
            "Asking for step {step} of order {order_id}"
        );
    }
    store::update_saga(tx, order_id, row, Some(clock::unix_ms() + STEP_TIMEOUT_MS))?;
    store::remember_step(tx, order_id, step, &propagation::traceparent_of(span))?;
    command(tx, order_id, step)?.put(tx)
}

/// The command that asks for `step`.
fn command(tx: &Statements<'_>, order_id: &str, step: Step) -> Result<Draft, DatabaseError> {
    use topics::{INVENTORY_COMMANDS, PAYMENT_COMMANDS, SHIPPING_COMMANDS};
    let id = order_id.to_owned();
    let plain = |topic, kind| {
        let command = OrderCommand {
            order_id: order_id.to_owned(),
        };
        Ok(Draft::new(topic, kind, order_id, &command))
    };
    match step {
        Step::Reserve => {
            let lines = store::command_lines(store::lines(tx, order_id)?);
            let command = ReserveStock {
                order_id: id,
                lines,
            };
            Ok(Draft::new(
                INVENTORY_COMMANDS,
                "inventory.reserve",
                order_id,
                &command,
            ))
        }
        Step::Authorise => {
            let order = placed(tx, order_id)?;
            let command = AuthorisePayment {
                order_id: id,
                amount_cents: order.total_cents,
                card_token: order.card_token,
            };
            Ok(Draft::new(
                PAYMENT_COMMANDS,
                "payment.authorise",
                order_id,
                &command,
            ))
        }
        Step::Book => {
            let order = placed(tx, order_id)?;
            let customer = known(store::customer(tx, &order.customer_id)?)?;
            let items = store::lines(tx, order_id)?
                .iter()
                .map(|line| line.quantity)
                .sum();
            let command = BookShipment {
                order_id: id,
                recipient: customer.name,
                city: customer.city,
                items,
            };
            Ok(Draft::new(
                SHIPPING_COMMANDS,
                "shipping.book",
                order_id,
                &command,
            ))
        }
        Step::Capture => plain(PAYMENT_COMMANDS, "payment.capture"),
        Step::Cancel => plain(SHIPPING_COMMANDS, "shipping.cancel"),
        Step::Void => plain(PAYMENT_COMMANDS, "payment.void"),
        Step::Release => plain(INVENTORY_COMMANDS, "inventory.release"),
    }
}

/// The end, good or bad: tells everybody who subscribed.
fn finish(
    tx: &Statements<'_>,
    order_id: &str,
    row: &SagaRow,
    span: &Span,
) -> Result<(), DatabaseError> {
    store::update_saga(tx, order_id, row, None)?;
    let (topic, kind) = if row.saga.state == State::Confirmed {
        span.set_attribute("shop.saga.outcome", "confirmed");
        info!(
            shop.order.id = order_id,
            shop.saga.outcome = "confirmed",
            "Order {order_id} is confirmed"
        );
        (topics::ORDER_CONFIRMED, "order.confirmed")
    } else {
        let outcome = rejected_outcome(tx, order_id)?;
        // A business reason is not a failure: the saga did what it is for.
        span.set_attribute("shop.saga.outcome", outcome);
        span.set_attribute("shop.saga.reason", row.reason.clone());
        info!(
            shop.order.id = order_id,
            shop.saga.outcome = outcome,
            shop.saga.reason = row.reason,
            "Order {order_id} is rejected: {}",
            row.reason
        );
        (topics::ORDER_REJECTED, "order.rejected")
    };
    let order = placed(tx, order_id)?;
    let customer = known(store::customer(tx, &order.customer_id)?)?;
    let event = OrderEvent {
        order_id: order.id,
        session_id: order.session_id,
        customer_name: customer.name,
        customer_email: customer.email,
        total_cents: order.total_cents,
        reason: row.reason.clone(),
    };
    Draft::new(topic, kind, order_id, &event).put(tx)
}

/// Whether anything had to be undone on the way to the rejection.
fn rejected_outcome(tx: &Statements<'_>, order_id: &str) -> Result<&'static str, DatabaseError> {
    let released = store::step_traceparent(tx, order_id, Step::Release)?;
    Ok(if released.is_some() {
        "compensated"
    } else {
        "rejected"
    })
}

fn park(
    tx: &Statements<'_>,
    order_id: &str,
    row: &SagaRow,
    span: &Span,
) -> Result<(), DatabaseError> {
    store::update_saga(tx, order_id, row, None)?;
    span.set_attribute("shop.saga.outcome", "stuck");
    fail(span, "saga_stuck", row.reason.clone());
    error!(
        "exception.type" = "saga_stuck",
        "exception.message" = row.reason,
        shop.order.id = order_id,
        "Order {order_id} is stuck and needs a person: {}",
        row.reason
    );
    Ok(())
}

fn placed(tx: &Statements<'_>, order_id: &str) -> Result<Order, DatabaseError> {
    known(store::order(tx, order_id)?)
}

/// A row that another row refers to; without it the transaction fails like a broken foreign key.
fn known<T>(row: Option<T>) -> Result<T, DatabaseError> {
    Ok(row.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
}

#[cfg(test)]
mod tests;
