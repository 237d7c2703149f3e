//! One sort for all lists: each element type that the standard library sorts adds 5 to 9 KB to the filter, which every
//! worker of every proxy loads.
//!
//! Must not go here: what comes before what.

use std::cmp::Ordering;

/// Sorts stably. The places are sorted and then the items put there: more steps for an item, the same order of growth.
pub fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    if items.is_sorted_by(|a, b| compare(a, b).is_le()) {
        return;
    }
    let places = places(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    let mut from: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(places.into_iter().filter_map(|at| from.get_mut(at)?.take()));
}

pub fn sort<T: Ord>(items: &mut Vec<T>) {
    sort_by(items, T::cmp);
}

fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn stable_and_complete() {
        let mut items: Vec<(u32, usize)> =
            (0..1000).map(|at| ((at as u32).wrapping_mul(2_654_435_761) >> 28, at)).collect();
        let mut expected = items.clone();
        expected.sort();
        sort_by(&mut items, |a, b| a.0.cmp(&b.0));
        assert_eq!(items, expected);
        let mut words = vec!["b", "", "a", "b"];
        sort(&mut words);
        assert_eq!(words, ["", "a", "b", "b"]);
    }
}
