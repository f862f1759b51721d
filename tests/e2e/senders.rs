//! Who may connect.

use std::path::Path;

use http::StatusCode;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use serde_json::json;
use tests::{
    HttpClient, Order, PATIENCE, SpandrelProcess, TraceView, binary, command, export_spans,
    get_encrypted, run_python_order,
};
use tokio::time::timeout;

use crate::export::spandrel;
use crate::python_sdk::assert_is_stored;

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
                "error: {flag} 0.0.0.0:0 lets other machines send, and none is asked who it is; give \
                 --ingest-token-file or --tls-client-ca, listen \
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

/// Makes a token by the command line, and adds it to the file.
async fn new_token(name: &str, file: &Path) -> String {
    let file = file.to_str().unwrap();
    let made = spandrel(&["token", "new", name, "--ingest-token-file", file]).await;
    String::from_utf8(made.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[tokio::test]
async fn an_sdk_sends_with_a_token_in_its_headers_and_nothing_shows_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    let token = new_token("python", &file).await;
    let flags = ["--ingest-token-file", file.to_str().unwrap()];
    let spandrel = SpandrelProcess::start_with(&flags).await;
    let headers = format!("authorization=Bearer%20{token}");

    for (protocol, address) in [("grpc", spandrel.otlp_grpc), ("http", spandrel.otlp_http)] {
        let endpoint = format!("http://{address}");
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()),
        ];
        let order = Order::from_json(&run_python_order(protocol, &settings).await);
        assert_is_stored(&spandrel, &order).await;
    }

    let stranger = HttpClient::new(spandrel.otlp_http);
    let json = [("content-type", "application/json")];
    let answer = stranger.post("/v1/traces", &json, "{}").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let status = spandrel.api.get_json("/api/v1/status/ingest").await;
    let senders = status["senders"].as_array().unwrap();
    let mut names: Vec<_> = senders.iter().map(|it| it["token_name"].as_str()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names, [None, Some("python")]);
    for path in ["/metrics", "/api/v1/status", "/api/v1/status/ingest"] {
        let text = spandrel.api.get(path).await.text();
        assert!(!text.contains(&token), "{path}");
    }
    let page = spandrel.api.get("/metrics").await.text();
    let line = "spandrel_access_turned_away_total{door=\"otlp_http\",reason=\"token\"} 1";
    assert!(page.lines().any(|it| it == line), "{page}");
    assert!(!spandrel.log_tail().contains(&token));
}

#[tokio::test]
async fn an_import_shows_a_token_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    let token = new_token("import", &file).await;
    let flags = ["--ingest-token-file", file.to_str().unwrap()];
    let server = SpandrelProcess::start_with(&flags).await;
    let spans = dir.path().join("spans.json");
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    std::fs::write(&spans, export_spans("shop", trace_id, &["pay"])).unwrap();
    let endpoint = format!("http://{}", server.otlp_http);
    let import = async |more: &[&str]| {
        let fixed = ["import", "--endpoint", &endpoint, spans.to_str().unwrap()];
        spandrel(&[&fixed, more].concat()).await
    };

    let refused = import(&[]).await;
    assert!(
        refused.stderr.contains("401 Unauthorized"),
        "{}",
        refused.stderr
    );
    let taken = import(&["--token", &token]).await;

    assert_eq!(taken.code, Some(0), "{}", taken.stderr);
    let trace = server.trace(trace_id).await;
    assert_eq!(trace.names(), ["pay"]);
}

/// Writes an authority, and certificates with keys of a server and a client, into the directory.
fn write_certificates(dir: &Path) {
    let write = |name: &str, pem: String| std::fs::write(dir.join(name), pem).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Certificates whose names are equal look as if they vouched for themselves.
    let name = DnType::CommonName;
    params.distinguished_name.push(name, "authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    write("ca.pem", authority.pem());
    for (name, usage) in [
        ("server", ExtendedKeyUsagePurpose::ServerAuth),
        ("client", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

#[tokio::test]
async fn an_sdk_with_a_certificate_sends_encrypted_over_both_transports() {
    let dir = tempfile::tempdir().unwrap();
    write_certificates(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (ca, certificate, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    let flags = [
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ];
    let spandrel = SpandrelProcess::start_encrypted(&flags).await;
    let (client, client_key) = (path("client.pem"), path("client.key"));

    for (protocol, address) in [("grpc", spandrel.otlp_grpc), ("http", spandrel.otlp_http)] {
        let endpoint = format!("https://localhost:{}", address.port());
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", &ca),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &client),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &client_key),
        ];
        let order = Order::from_json(&run_python_order(protocol, &settings).await);

        let url = format!("https://{}/api/v1/traces/{}", spandrel.http, order.trace_id);
        let trace = TraceView::from_json(&get_encrypted(&url, Path::new(&ca)).await);
        assert_eq!(trace.names(), ["POST /checkout", "charge card"]);
    }
}

#[tokio::test]
async fn files_are_imported_and_exported_over_tls_with_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    write_certificates(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (ca, client, client_key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let (certificate, key) = (path("server.pem"), path("server.key"));
    let (server_flags, server_key) = (["--tls-cert", &certificate], ["--tls-key", &key]);
    let flags = [&server_flags[..], &server_key, &["--tls-client-ca", &ca]].concat();
    let server = SpandrelProcess::start_encrypted(&flags).await;
    let receiver = format!("https://localhost:{}", server.otlp_http.port());
    let api = format!("https://localhost:{}", server.http.port());
    let file = path("spans.json");
    std::fs::write(
        &file,
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
            "name": "reserve stock",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000001"
        }]}]}]})
        .to_string(),
    )
    .unwrap();
    let shown = ["--tls-cert", &client, "--tls-key", &client_key];
    let import = ["import", "--endpoint", &receiver, "--retry-for", "0s"];

    let stranger = spandrel(&[&import[..], &["--tls-ca", &ca, &file]].concat()).await;
    assert_ne!(stranger.code, Some(0), "it shows no certificate");
    let doubting = spandrel(&[&import[..], &shown, &[&file]].concat()).await;
    assert!(
        doubting.stderr.contains("encryption"),
        "{}",
        doubting.stderr
    );
    let known = spandrel(&[&import[..], &shown, &["--tls-ca", &ca, &file]].concat()).await;
    assert_eq!(known.code, Some(0), "{}", known.stderr);

    let grpc = format!("https://localhost:{}", server.otlp_grpc.port());
    let synth = [
        "shop", "synth", "--signal", "logs", "--count", "10", "--otlp", &grpc,
    ];
    let made = spandrel(&[&synth[..], &shown, &["--tls-ca", &ca]].concat()).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);

    for (signal, count, text) in [("traces", 1, "reserve stock"), ("logs", 10, "body")] {
        let out = path(signal);
        let flag = format!("--{signal}");
        let export = [
            "export", &flag, "--format", "jsonl", "--server", &api, "--out", &out,
        ];
        let exported = spandrel(&[&export[..], &["--tls-ca", &ca]].concat()).await;
        assert_eq!(exported.code, Some(0), "{}", exported.stderr);
        let lines = std::fs::read_to_string(&out).unwrap();
        assert_eq!(lines.lines().count(), count);
        assert!(lines.contains(text), "{lines}");
    }
}
