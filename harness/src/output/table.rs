//! A table that turns into a list where the terminal is too narrow for it.

/// How wide the gap between two columns is.
const GAP: usize = 2;

/// Rows under a heading. Text columns stand left, number columns right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Column {
    title: String,
    numbers: bool,
}

impl Table {
    /// A table without columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of text.
    #[must_use]
    pub fn text(mut self, title: &str) -> Self {
        self.columns.push(Column {
            title: title.to_owned(),
            numbers: false,
        });
        self
    }

    /// Adds a column of numbers.
    #[must_use]
    pub fn number(mut self, title: &str) -> Self {
        self.columns.push(Column {
            title: title.to_owned(),
            numbers: true,
        });
        self
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has not one cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    /// The table for a terminal of `width` columns.
    #[must_use]
    pub fn render(&self, width: usize) -> String {
        let widths: Vec<usize> = (0..self.columns.len()).map(|at| self.column_width(at)).collect();
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if total <= width {
            self.render_rows(&widths)
        } else {
            self.render_list()
        }
    }

    fn column_width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| visible_width(&row[at]));
        cells
            .chain([visible_width(&self.columns[at].title)])
            .max()
            .unwrap_or(0)
    }

    fn render_rows(&self, widths: &[usize]) -> String {
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.clone()).collect();
        let rule = widths.iter().map(|width| "─".repeat(*width)).collect();
        let rows = [&titles, &rule].into_iter().chain(&self.rows);
        rows.map(|row| self.render_row(row, widths)).collect()
    }

    fn render_row(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row
            .iter()
            .zip(widths)
            .zip(&self.columns)
            .map(|((cell, width), column)| {
                let padding = " ".repeat(width - visible_width(cell));
                if column.numbers {
                    format!("{padding}{cell}")
                } else {
                    format!("{cell}{padding}")
                }
            });
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        format!("{}\n", line.trim_end())
    }

    /// Each row as a paragraph: its first cell, then a line for each of the others.
    fn render_list(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            for (at, (column, cell)) in self.columns.iter().zip(row).enumerate() {
                if at == 0 {
                    text.push_str(cell);
                } else {
                    text.push_str(&format!("  {}: {cell}", column.title));
                }
                text.push('\n');
            }
        }
        text
    }
}

/// How many columns a text takes, its colour codes left out.
fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut in_code = false;
    for c in text.chars() {
        match (in_code, c) {
            (false, '\x1b') => in_code = true,
            (false, _) => width += 1,
            (true, 'm') => in_code = false,
            (true, _) => {}
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new().text("read mode").number("reads");
        table.row(vec!["log".into(), "7".into()]);
        table.row(vec!["\x1b[1mlease\x1b[0m".into(), "1234".into()]);
        table
    }

    #[test]
    fn a_table_aligns_its_columns_and_ignores_colours() {
        let expected =
            "read mode  reads\n─────────  ─────\nlog            7\n\x1b[1mlease\x1b[0m       1234\n";
        assert_eq!(table().render(80), expected);
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        assert_eq!(
            table().render(10),
            "log\n  reads: 7\n\x1b[1mlease\x1b[0m\n  reads: 1234\n"
        );
    }
}
