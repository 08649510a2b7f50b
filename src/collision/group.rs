//! Sets of things that meet: runs of equal keys, and unions of them.

/// The runs of equal keys among `items`, each with what carries it, in order of keys.
pub(super) fn runs<K: Ord, V: Ord>(mut items: Vec<(K, V)>) -> Vec<(K, Vec<V>)> {
    items.sort();
    let mut out: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in items {
        match out.last_mut() {
            Some((last, values)) if *last == key => values.push(value),
            _ => out.push((key, vec![value])),
        }
    }
    out
}

/// Who is among `owners`, each once, rising.
pub(super) fn distinct(owners: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let mut owners: Vec<usize> = owners.into_iter().collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

/// Disjoint sets of indices.
pub(super) struct Union(Vec<usize>);

impl Union {
    /// `len` sets of one each.
    pub(super) fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    /// The representative of the set that holds `index`: its smallest member.
    pub(super) fn root(&mut self, index: usize) -> usize {
        let mut root = index;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut next = index;
        while self.0[next] != root {
            next = std::mem::replace(&mut self.0[next], root);
        }
        root
    }

    /// Makes one set of two.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}
