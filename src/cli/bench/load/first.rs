//! How long a service that is being started takes to its first right answer.

use std::time::{Duration, Instant};

use super::client::Target;
use super::question::Examiner;
use super::{LoadError, Plan};

/// Much shorter than what is measured.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Asks the plan's first question again and again until it is answered as it
/// should be; `None` if that takes longer than `limit`.
pub(in super::super) async fn first_answer(
    plan: &Plan,
    limit: Duration,
) -> Result<Option<Instant>, LoadError> {
    let target = Target::of(plan)?;
    let mut examiner = Examiner::new(plan.asking, &plan.path, &plan.authorization);
    let mut request = Vec::new();
    examiner.write(plan.first, &mut request);
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        // Not there yet is what is waited for.
        if let Ok(mut connection) = target.connect().await
            && let Ok(answer) = connection.ask(&request).await
            && examiner
                .judge(plan.first, answer.status, answer.body)
                .is_ok()
        {
            return Ok(Some(Instant::now()));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(None)
}
