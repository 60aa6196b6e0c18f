//! The order of keys: recorded from go-yaml (VALS §6.2), and an order in the strict sense.

use proptest::prelude::*;

use super::*;

#[test]
fn keys_stand_in_gos_order() {
    let sorted = [
        "", "-x", ".x", "_", "0", "1", "1a", "1-", "01", "2", "9", "10", "A", "B", "a", "a-b", "a.b", "a_b", "a1",
        "a1b", "a1-b", "a01", "a2", "a10", "aB", "ab", "b",
    ];
    let mut shuffled = sorted;
    shuffled.reverse();
    shuffled.sort_by(|left, right| natural(left, right));
    assert_eq!(shuffled, sorted);
}

proptest! {
    #[test]
    fn it_is_an_order(mut keys in prop::collection::vec("[aB0-2_.é-]{0,6}", 3)) {
        keys.sort_by(|left, right| natural(left, right));
        prop_assert!(natural(&keys[0], &keys[1]).is_le());
        prop_assert!(natural(&keys[1], &keys[2]).is_le());
        prop_assert!(natural(&keys[0], &keys[2]).is_le());
        prop_assert_eq!(natural(&keys[0], &keys[2]), natural(&keys[2], &keys[0]).reverse());
        prop_assert_eq!(natural(&keys[0], &keys[1]).is_eq(), keys[0] == keys[1]);
    }
}
