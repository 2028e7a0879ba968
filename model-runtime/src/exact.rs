//! The exact runtime's C ABI: the CPU worker's own wasm, asked without a browser.
//!
//! A host puts a [`Call`] as a frame ([`crate::wire`]) into memory from [`delea_alloc`], gives it to
//! [`delea_call`], and reads a frame with an [`Answer`] whose length stands in the 4 bytes before it;
//! [`delea_free`] takes it back. One job at a time; no clock, no store, no randomness, no import of the
//! module is called, so a host may fill them all with functions that trap.

use std::{
    cell::RefCell,
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::{
    RUNTIME_VERSION, RuntimeError,
    call::{Answer, Call},
    engine::{Device, Trainer, answer},
    message::Progress,
};

thread_local! {
    static TRAINER: RefCell<Option<Trainer>> = const { RefCell::new(None) };
}

/// Answers one call.
pub fn call(call: Call) -> Answer {
    let mut trainer = TRAINER.take();
    match ready(respond(call, &mut trainer)) {
        Ok(answer) => {
            TRAINER.set(trainer);
            answer
        }
        Err(error) => Answer::Failed { error },
    }
}

async fn respond(call: Call, trainer: &mut Option<Trainer>) -> Result<Answer, RuntimeError> {
    match call {
        Call::Version => Ok(Answer::Version { version: RUNTIME_VERSION }),
        Call::Begin { job, checkpoint } => {
            let begun = Trainer::new(*job, checkpoint.as_deref(), Device::flex()).await?;
            let mut progress = Progress { step: begun.step(), ..Progress::default() };
            progress.evaluations.push(begun.base_evaluation());
            *trainer = Some(begun);
            Ok(Answer::Advanced { progress, files: None })
        }
        Call::Advance { steps } => {
            let running = trainer.as_mut().ok_or_else(no_job)?;
            if running.is_done() {
                let result = running.finish().await?;
                *trainer = None;
                return Ok(Answer::Trained(Box::new(result)));
            }
            let mut progress = Progress::default();
            let mut files = None;
            for _ in 0..steps.max(1) {
                running.advance().await?;
                if running.is_evaluation_due() {
                    progress.evaluations.push(running.evaluate().await?);
                }
                files = running.take_files();
                if files.is_some() || running.is_done() {
                    break;
                }
            }
            progress.step = running.step();
            progress.losses = running.losses().await?;
            progress.leaves = running.new_leaves();
            Ok(Answer::Advanced { progress, files })
        }
        Call::Checkpoint => {
            let running = trainer.as_ref().ok_or_else(no_job)?;
            Ok(Answer::Checkpoint { checkpoint: running.checkpoint().await?.into() })
        }
        Call::End => {
            *trainer = None;
            Ok(Answer::Ended)
        }
        Call::Ask { request } => {
            Ok(Answer::Told { event: answer(request, &Device::flex()).await? })
        }
    }
}

fn no_job() -> RuntimeError {
    RuntimeError::Protocol { reason: "no training was begun".into() }
}

/// The CPU tier computes at once: its futures are never pending.
fn ready<T>(future: impl Future<Output = Result<T, RuntimeError>>) -> Result<T, RuntimeError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => {
            Err(RuntimeError::Device { reason: "the exact tier waited for something".into() })
        }
    }
}

#[cfg(target_family = "wasm")]
mod abi {
    use super::{Answer, call};
    use crate::wire;

    /// Memory for a frame of `length` bytes, to be given to [`delea_call`].
    #[unsafe(no_mangle)]
    pub extern "C" fn delea_alloc(length: u32) -> *mut u8 {
        Box::into_raw(vec![0u8; length as usize].into_boxed_slice()).cast()
    }

    /// Answers the call in a frame, which it takes back; the answer's length stands in the 4 bytes before
    /// it, little-endian.
    ///
    /// # Safety
    /// `frame` came from [`delea_alloc`] with this `length`, and was not given back since.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn delea_call(frame: *mut u8, length: u32) -> *mut u8 {
        // SAFETY: the caller's promise.
        let frame = unsafe { take(frame, length) };
        let answer = match wire::from_frame(&frame) {
            Ok(asked) => {
                drop(frame);
                call(asked)
            }
            Err(error) => Answer::Failed { error },
        };
        // What cannot be written is too long; an error never is.
        let bytes = wire::to_frame(&answer)
            .or_else(|error| wire::to_frame(&Answer::Failed { error }))
            .unwrap_or_default();
        let mut out = (bytes.len() as u32).to_le_bytes().to_vec();
        out.extend_from_slice(&bytes);
        let start: *mut u8 = Box::into_raw(out.into_boxed_slice()).cast();
        // SAFETY: there are 4 bytes at least.
        unsafe { start.add(4) }
    }

    /// Takes an answer back.
    ///
    /// # Safety
    /// `answer` came from [`delea_call`], `length` stands before it, and it was not given back since.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn delea_free(answer: *mut u8, length: u32) {
        // SAFETY: the allocation begins 4 bytes earlier.
        drop(unsafe { take(answer.sub(4), length + 4) });
    }

    /// # Safety
    /// `start` and `length` are those of a boxed slice that nobody else owns.
    unsafe fn take(start: *mut u8, length: u32) -> Box<[u8]> {
        let slice = std::ptr::slice_from_raw_parts_mut(start, length as usize);
        // SAFETY: the caller's promise.
        unsafe { Box::from_raw(slice) }
    }
}

/// The exact tier asks no host for randomness. Burn names its parameters by random identifiers, on which
/// no result depends; they come from a generator that is the same in every instance.
#[cfg(getrandom_backend = "custom")]
mod entropy {
    use std::cell::RefCell;

    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{RngCore, SeedableRng},
    };

    thread_local! {
        static NAMES: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::from_seed([0; 32]));
    }

    #[unsafe(no_mangle)]
    unsafe extern "Rust" fn __getrandom_v03_custom(
        start: *mut u8,
        length: usize,
    ) -> Result<(), getrandom04::Error> {
        // SAFETY: getrandom hands over its caller's buffer, which may be uninitialised until here.
        let buffer = unsafe {
            start.write_bytes(0, length);
            std::slice::from_raw_parts_mut(start, length)
        };
        NAMES.with_borrow_mut(|names| names.fill_bytes(buffer));
        Ok(())
    }
}
