pub const WORDS: &[&str] = &["x"];
pub fn run(_: &[u8]) {}
pub fn seeds() -> Vec<Vec<u8>> {
    vec![b"x".to_vec()]
}
