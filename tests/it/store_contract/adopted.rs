//! A table that an older script filled (B14, B5).
