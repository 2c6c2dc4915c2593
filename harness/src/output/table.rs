//! A table that turns into a list where the terminal is too narrow for it.

use super::prose::wrap;

/// How wide the gap between two columns is.
const GAP: usize = 2;

/// The least width to which the last column of text is squeezed.
const WRAPPED_MIN: usize = 24;

/// Rows under a heading. Text columns stand left, number columns right. Where a terminal is too narrow, optional
/// columns go first, the last of them before the others; then the text of the last column is broken into lines;
/// and what still does not fit becomes a list.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug)]
struct Column {
    title: String,
    numbers: bool,
    optional: bool,
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
            optional: false,
        });
        self
    }

    /// Adds a column of numbers.
    #[must_use]
    pub fn number(mut self, title: &str) -> Self {
        self.columns.push(Column {
            title: title.to_owned(),
            numbers: true,
            optional: false,
        });
        self
    }

    /// Lets the column added last be left out where there is no room for it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.optional = true;
        }
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
            return self.render_rows(&widths);
        }
        if let Some(at) = self.columns.iter().rposition(|column| column.optional) {
            return self.without(at).render(width);
        }
        match self.columns.last() {
            Some(last) if !last.numbers && total - widths[widths.len() - 1] + WRAPPED_MIN <= width => {
                let room = width - (total - widths[widths.len() - 1]);
                self.with_last_wrapped(room)
                    .render_rows(&[&widths[..widths.len() - 1], &[room]].concat())
            }
            _ => self.render_list(),
        }
    }

    fn without(&self, at: usize) -> Self {
        let mut narrower = self.clone();
        narrower.columns.remove(at);
        for row in &mut narrower.rows {
            row.remove(at);
        }
        narrower
    }

    /// The table with the cells of the last column broken into lines, which become rows of their own.
    fn with_last_wrapped(&self, room: usize) -> Self {
        let mut wrapped = Self {
            columns: self.columns.clone(),
            rows: Vec::new(),
        };
        for row in &self.rows {
            let Some((last, rest)) = row.split_last() else {
                continue;
            };
            for (number, line) in wrap(last, room).lines().enumerate() {
                let blank = || rest.iter().map(|_| String::new()).collect();
                let mut cells: Vec<String> = if number == 0 { rest.to_vec() } else { blank() };
                cells.push(line.to_owned());
                wrapped.rows.push(cells);
            }
        }
        wrapped
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
    fn optional_columns_go_first() {
        let mut table = Table::new().text("mode").number("p99").optional().number("reads");
        table.row(vec!["log".into(), "1.5".into(), "7".into()]);
        assert_eq!(
            table.render(16),
            "mode  p99  reads\n────  ───  ─────\nlog   1.5      7\n"
        );
        assert_eq!(table.render(15), "mode  reads\n────  ─────\nlog       7\n");
    }

    #[test]
    fn long_text_in_the_last_column_is_broken_into_lines() {
        let mut table = Table::new().text("name").text("about");
        table.row(vec![
            "kill".into(),
            "processes are killed by SIGKILL, and started again".into(),
        ]);
        let expected = "name  about\n────  ────────────────────────\nkill  processes are killed by\n      SIGKILL, and started\n      again\n";
        assert_eq!(table.render(30), expected);
    }

    #[test]
    fn a_narrow_terminal_gets_a_list() {
        assert_eq!(
            table().render(10),
            "log\n  reads: 7\n\x1b[1mlease\x1b[0m\n  reads: 1234\n"
        );
    }
}
