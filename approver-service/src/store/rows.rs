//! Many rows in few statements: the text of their places, and pieces of few sizes, so that a statement of each size is
//! prepared once.
//!
//! Must not go here: what the rows are.

/// How many rows one statement has.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// All of `rows`, in order.
pub(super) fn pieces<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut left = rows;
    std::iter::from_fn(move || {
        let (piece, rest) = SIZES.iter().find_map(|size| left.split_at_checked(*size))?;
        left = rest;
        Some(piece)
    })
}

/// `($1, $2), ($3, $4)`: numbers alone go into the text.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_of_it_in_order() {
        for many in 0..200 {
            let rows: Vec<_> = (0..many).collect();
            assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
            assert!(pieces(&rows).all(|piece| SIZES.contains(&piece.len())));
        }
    }

    #[test]
    fn places_are_counted_through() {
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
