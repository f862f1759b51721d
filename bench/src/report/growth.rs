//! One system at several sizes, with the slope of each figure: 0 does not grow with the data, 1 grows in
//! proportion.

use std::collections::BTreeSet;

use super::table::{Table, number};
use crate::{campaign::Run, stats::log_log_slope};

/// One table of all runs, which are of one signal and one system.
pub(crate) fn table(runs: &[&Run]) -> Table {
    let sizes: BTreeSet<u64> = runs.iter().map(|run| run.size).collect();
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for figure in runs.iter().flat_map(|run| &run.figures.all) {
        let row = (figure.name.as_str(), figure.unit);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let mut head = vec!["figure".to_owned(), "unit".to_owned()];
    head.extend(sizes.iter().map(|size| format!("{} M", *size as f64 / 1e6)));
    head.push("slope".to_owned());
    let mut table = Table::new(head);
    for (name, unit) in rows {
        let value = |size: u64| {
            let run = runs.iter().find(|run| run.size == size)?;
            let figure = run.figures.all.iter().find(|figure| figure.name == name)?;
            Some(figure.value)
        };
        let mut cells = vec![name.to_owned(), unit.to_owned()];
        let mut points = Vec::new();
        for &size in &sizes {
            cells.push(value(size).map_or_else(|| "–".to_owned(), number));
            points.extend(value(size).map(|value| (size as f64, value)));
        }
        cells.push(log_log_slope(&points).map_or_else(String::new, |slope| format!("{slope:+.2}")));
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figures::Figures, workload::Signal};

    #[test]
    fn each_figure_has_its_slope() {
        let run = |size, flat, growing| {
            let mut figures = Figures::default();
            figures.add("flat", "ms", flat);
            figures.add("growing", "B", growing);
            Run {
                system: "spandrel",
                signal: Signal::Traces,
                size,
                figures,
            }
        };
        let runs = [run(1_000_000, 2.0, 5.0), run(10_000_000, 2.0, 50.0)];
        let expected = "\
| figure  | unit |  1 M | 10 M | slope |
| ------- | ---: | ---: | ---: | ----: |
| flat    |   ms | 2.00 | 2.00 | +0.00 |
| growing |    B | 5.00 | 50.0 | +1.00 |
";
        assert_eq!(table(&runs.iter().collect::<Vec<_>>()).render(), expected);
    }
}
