//! The terms of every row of a column: the elements of an array of texts, or the lexemes of a text with the number of
//! their occurrences. Each name is stored once, as in a compressed sparse row: 8 bytes per term of a row.

/// The terms of each row. An empty row stands for null, since neither says anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    starts: Vec<usize>,
    codes: Vec<u32>,
    counts: Vec<u32>,
    names: Vec<String>,
}

/// The terms of one row, whose names are looked up in a list that rows may share.
#[derive(Clone, Copy, Debug)]
pub struct TermCounts<'a> {
    codes: &'a [u32],
    counts: &'a [u32],
    names: &'a [String],
}

impl<'a> TermCounts<'a> {
    /// Term n is `names[codes[n]]` and occurs `counts[n]` times; codes without a name are ignored.
    pub fn new(codes: &'a [u32], counts: &'a [u32], names: &'a [String]) -> Self {
        Self { codes, counts, names }
    }

    /// The terms that occur, and how often.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, u32)> {
        let terms = self.codes.iter().zip(self.counts).filter(|(_, count)| **count > 0);
        terms.filter_map(move |(&code, &count)| Some((self.names.get(code as usize)?.as_str(), count)))
    }
}

impl PartialEq for TermCounts<'_> {
    /// Two rows are equal if they list the same terms, however these are numbered.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { starts: vec![0], codes: Vec::new(), counts: Vec::new(), names: Vec::new() }
    }
}

impl Terms {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of terms in all rows.
    pub fn entries(&self) -> usize {
        self.codes.len()
    }

    /// The names of the terms, sorted once the column is complete.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The terms of a row; `None` if it has none, or there is no such row.
    pub fn row(&self, row: usize) -> Option<TermCounts<'_>> {
        let range = *self.starts.get(row)?..*self.starts.get(row + 1)?;
        let (codes, counts) = (self.codes.get(range.clone())?, self.counts.get(range)?);
        (!codes.is_empty()).then_some(TermCounts { codes, counts, names: &self.names })
    }

    /// Appends a row of (code, count), in any order, with codes that may occur repeatedly.
    pub(super) fn push(&mut self, mut row: Vec<(u32, u32)>) {
        row.sort_unstable();
        let first = self.codes.len();
        for (code, count) in row {
            match self.codes[first..].last() {
                Some(&last) if last == code => {
                    if let Some(sum) = self.counts.last_mut() {
                        *sum = sum.saturating_add(count);
                    }
                }
                _ => {
                    self.codes.push(code);
                    self.counts.push(count);
                }
            }
        }
        self.starts.push(self.codes.len());
    }

    /// The same rows with other codes: code c becomes `numbers[c]`, whose name is in `names`.
    pub(super) fn renumbered(self, numbers: &[u32], names: Vec<String>) -> Self {
        let mut renumbered = Self { names, ..Self::default() };
        for row in self.starts.windows(2) {
            let terms = (row[0]..row[1]).filter_map(|at| {
                numbers.get(self.codes[at] as usize).map(|&number| (number, self.counts[at]))
            });
            renumbered.push(terms.collect());
        }
        renumbered
    }

    /// Terms whose row i is row `rows[i]` of these, or empty.
    pub(super) fn scatter(&self, rows: &[Option<u32>]) -> Self {
        let mut picked = Self { names: self.names.clone(), ..Self::default() };
        for row in rows {
            if let Some(terms) = row.and_then(|row| self.row(row as usize)) {
                picked.codes.extend_from_slice(terms.codes);
                picked.counts.extend_from_slice(terms.counts);
            }
            picked.starts.push(picked.codes.len());
        }
        picked
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        let names = self.names.iter().map(|name| name.capacity() + 24).sum::<usize>();
        self.starts.capacity() * 8 + self.codes.capacity() * 4 + self.counts.capacity() * 4 + names
    }
}
