//! `spandrel demo`: everything in one command, and nothing of it left behind.

use std::path::Path;
use std::process::{Output, Stdio};

use tests::{binary, command};

const FREE_PORTS: [&str; 8] = [
    "--otlp-grpc-listen",
    "127.0.0.1:0",
    "--otlp-http-listen",
    "127.0.0.1:0",
    "--http-listen",
    "127.0.0.1:0",
    "--gateway-listen",
    "127.0.0.1:0",
];

async fn demo(temporary: &Path, flags: &[&str]) -> Output {
    let mut command = command(&binary());
    command
        .env("TMPDIR", temporary)
        .arg("demo")
        .args(FREE_PORTS)
        .args(flags);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number before `word` in the line that begins with `label`.
fn number(output: &str, label: &str, word: &str) -> u64 {
    let line = output.lines().find_map(|line| line.strip_prefix(label));
    let line = line.unwrap_or_else(|| panic!("no line begins with {label:?} in\n{output}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    let position = words
        .iter()
        .position(|it| it.trim_matches([',', ';']) == word);
    let position = position.unwrap_or_else(|| panic!("no {word:?} in {line:?}"));
    words[position - 1]
        .parse()
        .unwrap_or_else(|error| panic!("{error} in {line:?}"))
}

#[tokio::test]
async fn a_demo_with_an_end_places_orders_sums_up_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(temporary.path(), &["--for", "5s", "--rate", "10/s"]).await;
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert_eq!(stderr, "");

    for service in [
        "bus",
        "cart",
        "catalog",
        "gateway",
        "inventory",
        "notification",
        "order",
    ] {
        assert!(
            stdout.lines().any(|line| line.starts_with(service)),
            "{service} in\n{stdout}"
        );
    }
    assert!(number(&stdout, "stored:", "spans") > 500, "{stdout}");
    assert!(number(&stdout, "stored:", "log") > 100, "{stdout}");
    assert!(number(&stdout, "orders:", "confirmed") > 0, "{stdout}");
    assert!(
        !stdout.contains("unfinished") && !stdout.contains("UNEXPECTED"),
        "{stdout}"
    );
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_busy_port_is_named_with_how_to_change_it() {
    let temporary = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = command(&binary());
    command
        .env("TMPDIR", temporary.path())
        .args(["demo", "--http-listen", &address]);
    command.args([
        "--otlp-grpc-listen",
        "127.0.0.1:0",
        "--otlp-http-listen",
        "127.0.0.1:0",
    ]);
    let output = command.output().await.unwrap();
    assert!(!output.status.success());
    let message = text(&output.stderr);
    let expected = format!(
        "error: cannot listen on {address}; choose another address with --http-listen or \
         SPANDREL_HTTP_LISTEN"
    );
    assert!(message.starts_with(&expected), "{message}");
}
