//! What a kill takes away from what was acknowledged.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Figures;
use crate::{
    queries::{
        Ask,
        check::{Verdict, check},
    },
    systems::server::Server,
    workload::{Signal, Workload},
};

/// Some systems show records only a while after they are ready: they are asked again as long as more
/// turn up, with this pause.
const PAUSE: Duration = Duration::from_secs(5);
const PASSES_MAX: usize = 12;
/// So many passes with nothing new are the end.
const PASSES_WITHOUT_NEWS_MAX: usize = 2;

/// Asks a server that was killed and started again for traces (or the logs of traces) that it had
/// acknowledged.
pub(super) async fn count(
    server: &Server,
    workload: &Workload,
    asks_max: usize,
    figures: &mut Figures,
) -> Result<()> {
    let asks = asks(workload, asks_max);
    let (mut complete, mut without_news) = (0, 0);
    for pass in 0..PASSES_MAX {
        if pass > 0 {
            sleep(PAUSE).await;
        }
        let now = complete_answers(server, &asks).await?;
        without_news = if now > complete { 0 } else { without_news + 1 };
        complete = complete.max(now);
        if complete == asks.len() || without_news > PASSES_WITHOUT_NEWS_MAX {
            break;
        }
    }
    figures.add(
        format!("complete after kill -9, of {}", asks.len()),
        "",
        complete as f64,
    );
    Ok(())
}

fn asks(workload: &Workload, max: usize) -> Vec<Ask> {
    let queries = &workload.truth.queries;
    let trace = |id: &str, spans| Ask::Trace {
        id: id.to_owned(),
        spans,
    };
    let logs = |id: &str, count| Ask::LogsOfTrace {
        id: id.to_owned(),
        count,
    };
    let all: Vec<Ask> = match workload.signal {
        Signal::Traces => (queries.traces.iter())
            .map(|one| trace(&one.value, one.count))
            .collect(),
        Signal::Logs => (queries.logs_of_traces.iter())
            .map(|one| logs(&one.value, one.count))
            .collect(),
    };
    all.into_iter().take(max).collect()
}

async fn complete_answers(server: &Server, asks: &[Ask]) -> Result<usize> {
    let mut connection = server.connect();
    let mut complete = 0;
    for ask in asks {
        // An error, such as for a trace that is not there, is an answer that is not complete.
        if let Ok(Some(answer)) = server.ask(&mut connection, ask).await {
            complete += usize::from(check(ask, &answer) == Verdict::Right);
        }
    }
    Ok(complete)
}
