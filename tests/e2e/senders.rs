//! Who may connect.

use http::StatusCode;
use tests::{HttpClient, PATIENCE, SpandrelProcess, binary, command};
use tokio::time::timeout;

/// What a server that does not start says on its last line.
async fn last_words(flags: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut server = command(&binary());
    server
        .arg("serve")
        .arg("--data-dir")
        .arg(dir.path().join("data"));
    for flag in ["--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"] {
        if !flags.contains(&flag) {
            server.args([flag, "127.0.0.1:0"]);
        }
    }
    let output = timeout(PATIENCE, server.args(flags).output())
        .await
        .unwrap()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    said.lines().last().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_that_others_could_reach_does_not_start_and_names_the_flag() {
    assert_eq!(
        last_words(&["--http-listen", "0.0.0.0:0"]).await,
        "error: --http-listen 0.0.0.0:0 lets other machines read everything, and reading has no login \
         yet; listen on 127.0.0.1 behind a proxy that asks for one, or accept it with \
         --insecure-listen (SPANDREL_INSECURE_LISTEN)"
    );
    for flag in ["--otlp-grpc-listen", "--otlp-http-listen"] {
        assert_eq!(
            last_words(&[flag, "0.0.0.0:0"]).await,
            format!(
                "error: {flag} 0.0.0.0:0 lets other machines send, and none is asked who it is; listen \
                 on 127.0.0.1, or accept it with --insecure-listen (SPANDREL_INSECURE_LISTEN)"
            )
        );
    }
}

#[tokio::test]
async fn names_of_others_are_refused_at_every_http_port_until_they_are_allowed() {
    let evil = [
        ("host", "evil.example"),
        ("content-type", "application/json"),
    ];
    let spandrel = SpandrelProcess::start().await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    for path in ["/", "/api/v1/status", "/jaeger/api/services", "/metrics"] {
        let answer = spandrel.api.get_with(path, &evil).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            answer.text().contains("--allowed-hosts"),
            "{}",
            answer.text()
        );
    }
    let answer = otlp.post("/v1/traces", &evil, "{}").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let log = spandrel.log_tail();
    assert_eq!(
        log.matches("evil.example").count(),
        2,
        "once for each door\n{log}"
    );
    let page = spandrel.api.get("/metrics").await.text();
    let line = "spandrel_access_turned_away_total{door=\"http\",reason=\"host\"} 4";
    assert!(page.lines().any(|it| it == line), "{page}");

    let spandrel = SpandrelProcess::start_with(&["--allowed-hosts", "*.example"]).await;
    let otlp = HttpClient::new(spandrel.otlp_http);
    let answer = spandrel.api.get_with("/api/v1/status", &evil).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = otlp.post("/v1/traces", &evil, "{}").await;
    assert_eq!(answer.status, StatusCode::OK);
}
