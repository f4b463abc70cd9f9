//! From one seed and a name to a seed of its own: what the vendor makes up depends on nothing else.

/// A seed that differs for each name, and is the same on every machine and in every version.
pub(crate) fn mixed(seed: u64, name: &str) -> u64 {
    // FNV-1a, then a finalizer: neighbouring names must not give neighbouring numbers.
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::mixed;

    #[test]
    fn names_and_seeds_part() {
        assert_ne!(mixed(1, "BTC-1JAN24-40000-C"), mixed(1, "BTC-1JAN24-40000-P"));
        assert_ne!(mixed(1, "BTC"), mixed(2, "BTC"));
        assert_eq!(mixed(1, "BTC"), mixed(1, "BTC"));
    }
}
