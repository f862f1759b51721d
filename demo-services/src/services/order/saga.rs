//! The state machine of one order. Pure: takes what is known and what happened, answers what to do.
//!
//! ```text
//! PENDING -reserve-> RESERVED -authorise-> AUTHORISED -book-> BOOKED -capture-> CAPTURED -> CONFIRMED
//!    |                  |                       |                |
//!    refused            v  refused              v  refused       capture is the pivot: from here on
//!    |             COMPENSATING: cancel, void, release           only forward, in the end STUCK
//!    v                  |
//! REJECTED <------------+
//! ```

use std::fmt;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Reserved,
    Authorised,
    Booked,
    Captured,
    Confirmed,
    Compensating,
    Rejected,
    Stuck,
}

impl State {
    const ALL: [Self; 9] = [
        Self::Pending,
        Self::Reserved,
        Self::Authorised,
        Self::Booked,
        Self::Captured,
        Self::Confirmed,
        Self::Compensating,
        Self::Rejected,
        Self::Stuck,
    ];

    /// As the database, the API and the telemetry write it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Reserved => "RESERVED",
            Self::Authorised => "AUTHORISED",
            Self::Booked => "BOOKED",
            Self::Captured => "CAPTURED",
            Self::Confirmed => "CONFIRMED",
            Self::Compensating => "COMPENSATING",
            Self::Rejected => "REJECTED",
            Self::Stuck => "STUCK",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Something that another service is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Reserve,
    Authorise,
    Book,
    Capture,
    /// Undoes [`Step::Book`].
    Cancel,
    /// Undoes [`Step::Authorise`].
    Void,
    /// Undoes [`Step::Reserve`].
    Release,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Reserve,
        Self::Authorise,
        Self::Book,
        Self::Capture,
        Self::Cancel,
        Self::Void,
        Self::Release,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Authorise => "authorise",
            Self::Book => "book",
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Void => "void",
            Self::Release => "release",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// The step that this one undoes; `None` for a step forward.
    pub(super) const fn undoes(self) -> Option<Self> {
        match self {
            Self::Cancel => Some(Self::Book),
            Self::Void => Some(Self::Authorise),
            Self::Release => Some(Self::Reserve),
            Self::Reserve | Self::Authorise | Self::Book | Self::Capture => None,
        }
    }

    /// Whether the saga may still turn round when this step fails.
    const fn is_before_pivot(self) -> bool {
        matches!(self, Self::Reserve | Self::Authorise | Self::Book)
    }

    /// How often the step is tried before the saga gives it up.
    const fn attempts_max(self) -> u32 {
        if self.is_before_pivot() { 3 } else { 5 }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happened to the step that the saga waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Succeeded(Step),
    Refused(Step),
    /// No answer in time.
    TimedOut,
}

/// What is known about a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Saga {
    pub(super) state: State,
    /// The step whose answer is awaited; `None` at the end.
    pub(super) step: Option<Step>,
    /// Which attempt at that step this is, counted from 1.
    pub(super) attempt: u32,
}

/// What to do next. Park ends the saga as it is; confirming turns CAPTURED into CONFIRMED, by the same
/// transaction that tells everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Run(Step),
    Confirm,
    Reject,
    /// Leave it to a person: neither forward nor back is possible.
    Park,
    /// The event is about a step that is no longer awaited.
    Ignore,
}

impl Saga {
    /// A new order: its first step is to reserve.
    pub(super) const fn new() -> Self {
        Self {
            state: State::Pending,
            step: Some(Step::Reserve),
            attempt: 1,
        }
    }

    const fn awaiting(state: State, step: Step) -> (Self, Action) {
        (
            Self {
                state,
                step: Some(step),
                attempt: 1,
            },
            Action::Run(step),
        )
    }

    const fn ended(state: State, action: Action) -> (Self, Action) {
        (
            Self {
                state,
                step: None,
                attempt: 0,
            },
            action,
        )
    }

    /// The saga after `event`, and what to do about it.
    pub(super) fn after(self, event: Event) -> (Self, Action) {
        match (event, self.step) {
            (Event::Succeeded(step), Some(awaited)) if step == awaited => Self::succeeded(step),
            (Event::Refused(step), Some(awaited)) if step == awaited => self.refused(step),
            (Event::TimedOut, Some(awaited)) => self.timed_out(awaited),
            _ => (self, Action::Ignore),
        }
    }

    const fn succeeded(step: Step) -> (Self, Action) {
        match step {
            Step::Reserve => Self::awaiting(State::Reserved, Step::Authorise),
            Step::Authorise => Self::awaiting(State::Authorised, Step::Book),
            Step::Book => Self::awaiting(State::Booked, Step::Capture),
            Step::Capture => Self::ended(State::Captured, Action::Confirm),
            Step::Cancel => Self::awaiting(State::Compensating, Step::Void),
            Step::Void => Self::awaiting(State::Compensating, Step::Release),
            Step::Release => Self::ended(State::Rejected, Action::Reject),
        }
    }

    /// A refused step did nothing, so that only those before it are undone.
    fn refused(self, step: Step) -> (Self, Action) {
        match step {
            Step::Reserve => Self::ended(State::Rejected, Action::Reject),
            Step::Authorise => Self::awaiting(State::Compensating, Step::Release),
            Step::Book => Self::awaiting(State::Compensating, Step::Void),
            Step::Capture | Step::Cancel | Step::Void | Step::Release => self.timed_out(step),
        }
    }

    /// A step without an answer may have been done, so that it is undone too.
    fn timed_out(self, step: Step) -> (Self, Action) {
        if self.attempt < step.attempts_max() {
            return (
                Self {
                    attempt: self.attempt + 1,
                    ..self
                },
                Action::Run(step),
            );
        }
        match step {
            Step::Reserve => Self::awaiting(State::Compensating, Step::Release),
            Step::Authorise => Self::awaiting(State::Compensating, Step::Void),
            Step::Book => Self::awaiting(State::Compensating, Step::Cancel),
            Step::Capture | Step::Cancel | Step::Void | Step::Release => {
                Self::ended(State::Stuck, Action::Park)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays events against a new saga; answers the states on the way and the last action.
    fn play(events: &[Event]) -> (Vec<State>, Action) {
        let mut saga = Saga::new();
        let mut states = vec![saga.state];
        let mut last = Action::Run(Step::Reserve);
        for event in events {
            let (next, action) = saga.after(*event);
            (saga, last) = (next, action);
            if states.last() != Some(&saga.state) {
                states.push(saga.state);
            }
        }
        (states, last)
    }

    fn ok(steps: &[Step]) -> Vec<Event> {
        steps.iter().map(|step| Event::Succeeded(*step)).collect()
    }

    #[test]
    fn a_good_order_goes_straight_to_its_confirmation() {
        let (states, last) = play(&ok(&[
            Step::Reserve,
            Step::Authorise,
            Step::Book,
            Step::Capture,
        ]));

        use State::{Authorised, Booked, Captured, Pending, Reserved};
        assert_eq!(states, [Pending, Reserved, Authorised, Booked, Captured]);
        assert_eq!(last, Action::Confirm);
    }

    #[test]
    fn short_stock_is_rejected_with_nothing_to_undo() {
        let (states, last) = play(&[Event::Refused(Step::Reserve)]);

        assert_eq!(
            (states, last),
            (vec![State::Pending, State::Rejected], Action::Reject)
        );
    }

    #[test]
    fn a_declined_card_releases_the_stock_and_voids_nothing() {
        let (saga, _) = Saga::new().after(Event::Succeeded(Step::Reserve));

        let (saga, action) = saga.after(Event::Refused(Step::Authorise));
        assert_eq!(
            (saga.state, action),
            (State::Compensating, Action::Run(Step::Release))
        );

        let (saga, action) = saga.after(Event::Succeeded(Step::Release));
        assert_eq!((saga.state, action), (State::Rejected, Action::Reject));
    }

    #[test]
    fn a_refused_shipment_undoes_in_reverse_order() {
        let mut events = ok(&[Step::Reserve, Step::Authorise]);
        events.push(Event::Refused(Step::Book));
        assert_eq!(play(&events).1, Action::Run(Step::Void));

        events.push(Event::Succeeded(Step::Void));
        assert_eq!(play(&events).1, Action::Run(Step::Release));

        events.push(Event::Succeeded(Step::Release));
        assert_eq!(play(&events).1, Action::Reject);
    }

    #[test]
    fn a_step_without_answers_is_tried_three_times_and_then_undone_as_well() {
        let mut events = ok(&[Step::Reserve, Step::Authorise]);
        for _ in 0..2 {
            events.push(Event::TimedOut);
            assert_eq!(play(&events).1, Action::Run(Step::Book));
        }

        events.push(Event::TimedOut);
        assert_eq!(play(&events).1, Action::Run(Step::Cancel));
    }

    #[test]
    fn capture_is_never_undone() {
        let mut events = ok(&[Step::Reserve, Step::Authorise, Step::Book]);
        for _ in 0..4 {
            events.push(Event::TimedOut);
            assert_eq!(play(&events).1, Action::Run(Step::Capture));
        }

        events.push(Event::Refused(Step::Capture));
        let (states, last) = play(&events);
        assert_eq!((states.last(), last), (Some(&State::Stuck), Action::Park));
    }

    #[test]
    fn answers_that_are_no_longer_awaited_change_nothing() {
        let (saga, _) = Saga::new().after(Event::Succeeded(Step::Reserve));

        assert_eq!(
            saga.after(Event::Succeeded(Step::Reserve)),
            (saga, Action::Ignore)
        );
        assert_eq!(
            saga.after(Event::Refused(Step::Book)),
            (saga, Action::Ignore)
        );
    }

    #[test]
    fn an_ended_saga_stays_as_it_is() {
        let (ended, _) = Saga::new().after(Event::Refused(Step::Reserve));

        for event in [
            Event::TimedOut,
            Event::Succeeded(Step::Reserve),
            Event::Refused(Step::Book),
        ] {
            assert_eq!(ended.after(event), (ended, Action::Ignore));
        }
    }

    #[test]
    fn every_name_is_read_back() {
        assert!(
            State::ALL
                .into_iter()
                .all(|state| State::parse(state.name()) == Some(state))
        );
        assert!(
            Step::ALL
                .into_iter()
                .all(|step| Step::parse(step.name()) == Some(step))
        );
    }
}
