//! What is there already, without waiting for it?

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::unconstrained;

/// What a future comes to now. The budget of the task does not count: it could make look silent what is not.
pub fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(unconstrained(future)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
