//! The same batches make the same of every store.
