//! Markdown tables.

/// A table; every row has as many cells as the head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: Vec<String>) -> Self {
        Self {
            head,
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells are empty, what is too much is cut off.
    pub(crate) fn row(&mut self, mut cells: Vec<String>) {
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// The table with its columns aligned, the first one to the left.
    pub(crate) fn render(&self) -> String {
        let escaped = |cell: &String| cell.replace('|', "\\|");
        let lines: Vec<Vec<String>> = std::iter::once(&self.head)
            .chain(&self.rows)
            .map(|row| row.iter().map(escaped).collect())
            .collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
                .max(3)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            out.push('|');
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let cell = if column == 0 {
                    format!(" {cell:<width$} |")
                } else {
                    format!(" {cell:>width$} |")
                };
                out.push_str(&cell);
            }
            out.push('\n');
            if number == 0 {
                out.push('|');
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width - 1);
                    let rule = if column == 0 {
                        format!(" {dashes}- |")
                    } else {
                        format!(" {dashes}: |")
                    };
                    out.push_str(&rule);
                }
                out.push('\n');
            }
        }
        out
    }
}

/// A number with three digits that matter.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 9_999.5 {
        grouped(value.round())
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if value == 0.0 {
        "0".to_owned()
    } else if size >= 0.0995 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// A whole number with commas between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    let mut out = String::from(sign);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(vec!["figure".to_owned(), "a".to_owned()]);
        table.row(vec!["x|y".to_owned(), "12.5".to_owned()]);
        table.row(vec!["longer name".to_owned()]);

        let expected = "\
| figure      |    a |
| ----------- | ---: |
| x\\|y        | 12.5 |
| longer name |      |
";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn numbers_keep_three_digits_that_matter() {
        let shown = [0.0, 0.004, 0.25, 2.345, 42.42, 512.3, 9_999.4, 1_234_567.8].map(number);
        let expected = [
            "0",
            "0.004",
            "0.25",
            "2.35",
            "42.4",
            "512",
            "9999",
            "1,234,568",
        ];
        assert_eq!(shown, expected);
    }
}
