//! Waits for something that happens in another process: the only place that polls.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before a story fails. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Asks again and again until the answer is `Ok`, and returns it.
///
/// # Panics
/// When there is no such answer within [`PATIENCE`]; the last `Err` says what was there instead.
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let problem = match ask().await {
            Ok(answer) => return answer,
            Err(problem) => problem,
        };
        if Instant::now() >= deadline {
            panic!("waited {PATIENCE:?} in vain for {what}; the last answer was: {problem}");
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Asks again and again, a moment apart, for as long as there is an answer.
pub async fn while_there_is_an_answer<F>(mut ask: impl FnMut() -> F)
where
    F: Future<Output = Option<()>>,
{
    while ask().await.is_some() {
        sleep(POLL_INTERVAL).await;
    }
}
