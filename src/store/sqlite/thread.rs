//! The one thread that touches the file.

use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::file::File;
use super::trouble::Trouble;
use crate::limits::SQLITE_CALLS_MAX;
use crate::store::StoreError;

type Call = Box<dyn FnOnce(&mut File) + Send>;

/// The thread, and the way to it.
pub(super) struct Thread {
    calls: Option<mpsc::Sender<Call>>,
    handle: Option<JoinHandle<()>>,
    place: String,
}

impl Thread {
    /// Starts the thread with what `open` opens.
    pub(super) async fn start<T: Send + 'static>(
        place: String,
        open: impl FnOnce(&str) -> Result<(File, T), Trouble> + Send + 'static,
    ) -> Result<(Thread, T), StoreError> {
        let (calls, mut waiting) = mpsc::channel::<Call>(SQLITE_CALLS_MAX);
        let (tell, told) = oneshot::channel();
        let its_place = place.clone();
        let handle = std::thread::Builder::new().name("sqlite".to_owned()).spawn(move || {
            let mut file = match open(&its_place) {
                Ok((file, what)) => {
                    let _ = tell.send(Ok(what));
                    file
                }
                Err(trouble) => {
                    let _ = tell.send(Err(trouble.at(&its_place)));
                    return;
                }
            };
            while let Some(call) = waiting.blocking_recv() {
                call(&mut file);
            }
        });
        let away = |error| StoreError::Away {
            place: place.clone(),
            what: format!("no thread can be started that writes the file: {error}"),
        };
        let handle = handle.map_err(away)?;
        let thread = Thread { calls: Some(calls), handle: Some(handle), place };
        let what = told.await.map_err(|_| thread.gone())??;
        Ok((thread, what))
    }

    /// Runs a call on the thread and waits for what it brings.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut File) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let place = self.place.clone();
        let call: Call = Box::new(move |file| {
            let _ = tell.send(work(file).map_err(|trouble| trouble.at(&place)));
        });
        let Some(calls) = &self.calls else { return Err(self.gone()) };
        calls.send(call).await.map_err(|_| self.gone())?;
        told.await.map_err(|_| self.gone())?
    }

    /// The store's place.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The thread ended by a panic: what it did is not known, and nothing more is done with it (P7).
    fn gone(&self) -> StoreError {
        StoreError::Unfit {
            place: self.place.clone(),
            what: "the thread that writes the file has died".to_owned(),
            mend: "start again; this is a fault of chainfill, please report it".to_owned(),
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // The file must be closed when the store is gone, or the next one finds it locked.
        self.calls.take();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_on_the_thread_ends_the_run_loudly_and_never_hangs_it() {
        // F-P7: the call that panicked, and each one after it, are told so; the run ends with exit 8.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chainfill.db");
        let open = move |place: &str| Ok((File::open(&path, place, crate::store::Mode::Write)?, ()));
        let (thread, ()) = Thread::start("here".to_owned(), open).await.unwrap();
        assert_eq!(thread.call(|_| Ok(7)).await.unwrap(), 7);
        for _ in 0..2 {
            let error = thread.call::<()>(|_| panic!("a fault of ours")).await.unwrap_err();
            assert!(matches!(&error, StoreError::Unfit { what, .. } if what.contains("has died")), "{error}");
        }
    }
}
