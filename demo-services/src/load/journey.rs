//! What one visitor is going to do. Pure: depends on the seed and the visitor's number alone, so
//! that journey 17 is the same in every run, whenever it happens.

use std::time::Duration;

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const CUSTOMERS: u32 = 100;
const CATEGORIES: [&str; 8] = [
    "lamps", "kitchen", "desk", "garden", "bath", "toys", "music", "travel",
];
const SEARCHES: [&str; 8] = [
    "oak",
    "copper",
    "lamp",
    "brass bookend",
    "slate",
    "music",
    "walnut",
    "unicorn",
];
const GOOD_CARDS: [&str; 3] = ["tok_visa_4242", "tok_mastercard_4444", "tok_amex_0005"];
const BAD_CARDS: [&str; 2] = ["tok_declined_0002", "tok_funds_9995"];

/// Why somebody comes, with the share of all visitors in percent.
const KINDS: [(Kind, u32); 5] = [
    (Kind::Browse, 40),
    (Kind::Search, 20),
    (Kind::AbandonCart, 12),
    (Kind::Checkout, 22),
    (Kind::DeclinedCard, 6),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Browse,
    Search,
    AbandonCart,
    Checkout,
    DeclinedCard,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Search => "search",
            Self::AbandonCart => "abandon cart",
            Self::Checkout => "checkout",
            Self::DeclinedCard => "declined card",
        }
    }
}

/// One thing to do. Products are numbered by popularity, most wanted first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Home,
    List {
        category: &'static str,
    },
    Search {
        words: &'static str,
    },
    Look {
        product: usize,
    },
    /// Follows an old link to a product that is no longer sold.
    DeadLink,
    Add {
        product: usize,
        quantity: u32,
    },
    Cart,
    Order {
        card_token: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Journey {
    pub(super) kind: Kind,
    pub(super) session: String,
    pub(super) customer: String,
    /// Each after a pause for thought.
    pub(super) steps: Vec<(Duration, Action)>,
}

/// The journey of visitor `number` in a shop of `products` products.
pub(super) fn plan(seed: u64, number: u64, products: usize) -> Journey {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // A stream of its own for each visitor; 0 belongs to the arrivals.
    rng.set_stream(number);
    let kind = kind(&mut rng);
    let actions = actions(kind, &mut rng, products.max(1));
    let first = Duration::ZERO;
    let pauses = (1..actions.len()).map(|_| Duration::from_millis(rng.random_range(150..900)));
    let pauses: Vec<Duration> = std::iter::once(first).chain(pauses).collect();
    Journey {
        kind,
        session: format!("session-{seed}-{number}"),
        customer: format!("customer-{:03}", rng.random_range(1..=CUSTOMERS)),
        steps: pauses.into_iter().zip(actions).collect(),
    }
}

fn kind(rng: &mut ChaCha8Rng) -> Kind {
    let mut ticket = rng.random_range(0..100_u32);
    for (kind, percent) in KINDS {
        if ticket < percent {
            return kind;
        }
        ticket -= percent;
    }
    Kind::Browse
}

fn actions(kind: Kind, rng: &mut ChaCha8Rng, products: usize) -> Vec<Action> {
    let category = *CATEGORIES.choose(rng).unwrap_or(&"");
    let mut actions = vec![Action::Home, Action::List { category }];
    match kind {
        Kind::Browse => {
            for _ in 0..rng.random_range(1..=3) {
                actions.push(Action::Look {
                    product: popular(rng, products),
                });
            }
            if rng.random_ratio(1, 10) {
                actions.push(Action::DeadLink);
            }
        }
        Kind::Search => {
            let words = *SEARCHES.choose(rng).unwrap_or(&"");
            actions = vec![Action::Home, Action::Search { words }];
            actions.push(Action::Look {
                product: popular(rng, products),
            });
        }
        Kind::AbandonCart => {
            fill_cart(&mut actions, rng, products);
            actions.push(Action::Cart);
        }
        Kind::Checkout | Kind::DeclinedCard => {
            fill_cart(&mut actions, rng, products);
            actions.push(Action::Cart);
            let cards = if kind == Kind::Checkout {
                &GOOD_CARDS[..]
            } else {
                &BAD_CARDS[..]
            };
            actions.push(Action::Order {
                card_token: cards.choose(rng).unwrap_or(&""),
            });
        }
    }
    actions
}

fn fill_cart(actions: &mut Vec<Action>, rng: &mut ChaCha8Rng, products: usize) {
    for _ in 0..rng.random_range(1..=3) {
        let product = popular(rng, products);
        actions.push(Action::Look { product });
        actions.push(Action::Add {
            product,
            quantity: rng.random_range(1..=3),
        });
    }
}

/// A product by Zipf's law: the tenth is wanted a tenth as often as the first.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a few hundred products, and the result is below their number"
)]
fn popular(rng: &mut ChaCha8Rng, products: usize) -> usize {
    let uniform: f64 = rng.random();
    let rank = ((products + 1) as f64).powf(uniform) as usize;
    rank.clamp(1, products) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_journey_depends_on_seed_and_number_alone() {
        let journeys = || {
            (1..=200)
                .map(|number| plan(7, number, 200))
                .collect::<Vec<_>>()
        };

        let (first, mut backwards) = (journeys(), (1..=200).rev().collect::<Vec<u64>>());
        let mut second: Vec<_> = backwards
            .drain(..)
            .map(|number| plan(7, number, 200))
            .collect();
        second.reverse();
        assert_eq!(first, second);
        assert_ne!(plan(7, 1, 200), plan(8, 1, 200));
    }

    #[test]
    fn visitors_come_for_all_reasons_in_their_shares() {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for number in 1..=10_000 {
            *counts.entry(plan(1, number, 200).kind.name()).or_default() += 1;
        }

        for (kind, percent) in KINDS {
            let count = counts[kind.name()];
            assert!(
                count.abs_diff(percent * 100) < 150,
                "{}: {count}",
                kind.name()
            );
        }
        assert_eq!(KINDS.iter().map(|(_, percent)| percent).sum::<u32>(), 100);
    }

    #[test]
    fn who_orders_has_put_something_in_the_cart_before() {
        for number in 1..=1_000 {
            let journey = plan(1, number, 200);
            let position =
                |wanted: fn(&Action) -> bool| journey.steps.iter().position(|(_, a)| wanted(a));
            let added = position(|action| matches!(action, Action::Add { .. }));
            let ordered = position(|action| matches!(action, Action::Order { .. }));
            assert!(
                ordered.is_none() || added < ordered && added.is_some(),
                "{journey:?}"
            );
        }
    }

    #[test]
    fn products_are_wanted_by_zipfs_law() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0_u32; 200];
        for _ in 0..100_000 {
            counts[popular(&mut rng, 200)] += 1;
        }

        assert!(counts[0] > 5 * counts[9], "{} {}", counts[0], counts[9]);
        assert!(counts.iter().all(|count| *count > 0));
    }
}
