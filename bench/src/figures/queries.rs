//! How long questions take and what CPU they cost, one at a time on a warm server; each answer is held
//! against the truth.

use std::time::Instant;

use anyhow::Result;

use super::Figures;
use crate::{
    connection::Connection,
    process::tree,
    queries::{
        Ask,
        check::{Verdict, check},
        classes::Class,
    },
    stats::Quantiles,
    systems::server::Server,
};

/// Questions that are asked before the clock starts.
const WARM_UP: usize = 20;
/// Complaints that are shown for a class.
const COMPLAINTS_MAX: usize = 2;

/// What became of the questions of a class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) millis: Vec<f64>,
    pub(crate) cpu_millis: f64,
    pub(crate) right: usize,
    pub(crate) not_newest: usize,
    pub(crate) wrong: usize,
    pub(crate) not_available: usize,
    pub(crate) complaints: Vec<String>,
}

/// Asks all questions of a class, one after the other.
pub(crate) async fn ask(server: &Server, class: &Class) -> Result<Asked> {
    let mut connection = server.connect();
    let mut asked = Asked::default();
    for question in class.asks.iter().take(WARM_UP) {
        let mut unused = Asked::default();
        ask_one(server, &mut connection, question, &mut unused).await;
        if unused.not_available > 0 {
            asked.not_available = class.asks.len();
            return Ok(asked);
        }
    }
    let before = tree::cpu_seconds(server.pid())?;
    for question in &class.asks {
        ask_one(server, &mut connection, question, &mut asked).await;
    }
    let used = tree::cpu_seconds(server.pid())? - before;
    asked.cpu_millis = used * 1e3 / class.asks.len().max(1) as f64;
    Ok(asked)
}

async fn ask_one(server: &Server, connection: &mut Connection, ask: &Ask, asked: &mut Asked) {
    let Some(path) = server.system().question(ask) else {
        asked.not_available += 1;
        return;
    };
    let began = Instant::now();
    let response = connection.get(&path).await;
    let millis = began.elapsed().as_secs_f64() * 1e3;
    let answer = response.and_then(|response| {
        let status = response.status.as_u16();
        server.system().answer(ask, status, &response.body)
    });
    let verdict = match answer {
        Ok(answer) => check(ask, &answer),
        Err(error) => Verdict::Wrong(format!("{error:#}")),
    };
    match verdict {
        Verdict::NotAvailable => {
            asked.not_available += 1;
            return;
        }
        Verdict::Right => asked.right += 1,
        Verdict::NotNewest => asked.not_newest += 1,
        Verdict::Wrong(reason) => {
            asked.wrong += 1;
            if asked.complaints.len() < COMPLAINTS_MAX {
                let reason: String = reason.chars().take(200).collect();
                asked.complaints.push(format!("{reason} ({path})"));
            }
        }
    }
    asked.millis.push(millis);
}

/// Asks all classes of a server that has nothing else to do.
pub(crate) async fn measure(server: &Server, classes: &[Class]) -> Result<Figures> {
    let mut figures = Figures::default();
    for class in classes {
        let asked = ask(server, class).await?;
        let name = format!("{} {}", class.label, class.question);
        if add(&name, &asked, &mut figures) {
            figures.add(format!("{name}, CPU each"), "CPU-ms", asked.cpu_millis);
        }
    }
    Ok(figures)
}

/// Asks all classes of a server that takes records at the same time; `when` is put behind their
/// names. What a question costs cannot be told then.
pub(crate) async fn measure_busy(
    server: &Server,
    classes: &[Class],
    when: &str,
) -> Result<Figures> {
    let mut figures = Figures::default();
    for class in classes {
        let asked = ask(server, class).await?;
        let name = format!("{} {}{when}", class.label, class.question);
        add(&name, &asked, &mut figures);
    }
    Ok(figures)
}

/// Whether there was anything to add.
fn add(name: &str, asked: &Asked, figures: &mut Figures) -> bool {
    let Some(latency) = Quantiles::of(&asked.millis) else {
        figures.remark(format!("{name}: not available"));
        return false;
    };
    figures.add(format!("{name}, p50"), "ms", latency.p50);
    figures.add(format!("{name}, p90"), "ms", latency.p90);
    figures.add(format!("{name}, p99"), "ms", latency.p99);
    figures.add(format!("{name}, max"), "ms", latency.max);
    let total = asked.right + asked.wrong + asked.not_newest;
    let failed = asked.wrong + asked.not_newest;
    figures.add(
        format!("{name}, failed answers"),
        "%",
        failed as f64 * 100.0 / total.max(1) as f64,
    );
    if failed > 0 {
        figures.remark(format!(
            "{name}: of {total} answers {} are wrong or short, {} fit and leave out newer ones{}",
            asked.wrong,
            asked.not_newest,
            asked
                .complaints
                .iter()
                .map(|one| format!("; {one}"))
                .collect::<String>()
        ));
    }
    true
}
