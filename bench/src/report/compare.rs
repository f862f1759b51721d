//! The systems side by side: the median over the rounds, and how many times Spandrel's figure a peer's
//! is, taken within each round, with the smallest and the largest ratio.

use std::collections::BTreeMap;

use super::table::{Table, number};
use crate::{
    campaign::Run,
    stats::{Spread, median},
};

/// The system that the others are compared with.
const BASE: &str = "spandrel";

/// One table of all runs, which are of one signal.
pub(crate) fn table(runs: &[&Run]) -> Table {
    let mut systems: Vec<&str> = Vec::new();
    let mut rows: Vec<(&str, &str)> = Vec::new();
    let mut values: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for run in runs {
        if !systems.contains(&run.system) {
            systems.push(run.system);
        }
        for figure in &run.figures.all {
            let row = (figure.name.as_str(), figure.unit);
            if !rows.contains(&row) {
                rows.push(row);
            }
            let of_figure = values.entry((run.system, figure.name.as_str()));
            of_figure.or_default().push(figure.value);
        }
    }
    let has_base = systems.contains(&BASE);
    let mut head = vec!["figure".to_owned(), "unit".to_owned()];
    for system in &systems {
        head.push((*system).to_owned());
        if has_base && *system != BASE {
            head.push(format!("÷ {BASE}"));
        }
    }
    let mut table = Table::new(head);
    for (name, unit) in rows {
        let of = |system| values.get(&(system, name)).map_or(&[][..], Vec::as_slice);
        let mut cells = vec![name.to_owned(), unit.to_owned()];
        for system in &systems {
            let own = of(system);
            cells.push(median(own).map_or_else(|| "–".to_owned(), number));
            if has_base && *system != BASE {
                // Shares are not set in proportion to each other.
                let is_share = unit == "%";
                let base = if is_share { &[] } else { of(BASE) };
                cells.push(ratio(own, base));
            }
        }
        table.row(cells);
    }
    table
}

/// Ratios within rounds. A round in which one of the two has no figure has no ratio.
fn ratio(own: &[f64], base: &[f64]) -> String {
    if own.len() != base.len() {
        return String::new();
    }
    let pairs: Vec<(f64, f64)> = own.iter().copied().zip(base.iter().copied()).collect();
    match Spread::of_ratios(&pairs) {
        None => String::new(),
        Some(spread) if pairs.len() == 1 => number(spread.median),
        Some(Spread { median, min, max }) => {
            format!("{} [{}–{}]", number(median), number(min), number(max))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figures::Figures, workload::Signal};

    fn run(system: &'static str, value: f64) -> Run {
        let mut figures = Figures::default();
        figures.add("CPU", "CPU-s", value);
        Run {
            system,
            signal: Signal::Traces,
            size: 1,
            figures,
        }
    }

    #[test]
    fn medians_stand_beside_ratios_within_rounds() {
        let runs = [
            run("spandrel", 10.0),
            run("jaeger", 100.0),
            run("spandrel", 20.0),
            run("jaeger", 60.0),
        ];
        let expected = "\
| figure |  unit | spandrel | jaeger |       ÷ spandrel |
| ------ | ----: | -------: | -----: | ---------------: |
| CPU    | CPU-s |     15.0 |   80.0 | 6.50 [3.00–10.0] |
";
        assert_eq!(table(&runs.iter().collect::<Vec<_>>()).render(), expected);
    }

    #[test]
    fn what_a_system_lacks_is_a_dash_without_a_ratio() {
        let mut other = run("jaeger", 5.0);
        other.figures.all.clear();
        let rendered = table(&[&run("spandrel", 1.0), &other]).render();
        assert!(
            rendered.contains("| CPU    | CPU-s |     1.00 |      – |            |"),
            "{rendered}"
        );
    }
}
