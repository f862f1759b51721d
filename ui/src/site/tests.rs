use super::*;
use crate::router;
use axum::Router;
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

async fn send(
    router: &Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (http::response::Parts, Bytes) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    (parts, body.collect().await.unwrap().to_bytes())
}

async fn get(path: &str, headers: &[(&str, &str)]) -> (http::response::Parts, Bytes) {
    send(&router(), "GET", path, headers).await
}

fn header<'a>(parts: &'a http::response::Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).map(|value| value.to_str().unwrap())
}

fn embedded_files() -> Vec<String> {
    Dist::iter()
        .map(|path| path.to_string())
        .filter(|path| !path.starts_with('.'))
        .collect()
}

#[tokio::test]
async fn every_embedded_file_is_served_as_it_is_with_type_and_etag() {
    let router = router();
    let expected_types = [
        (".html", "text/html; charset=utf-8"),
        (".js", "text/javascript; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".svg", "image/svg+xml"),
        (".txt", "text/plain; charset=utf-8"),
    ];
    for path in embedded_files() {
        let content = Dist::get(&path).unwrap().data;
        let (parts, body) = send(&router, "GET", &format!("/{path}"), &[]).await;
        let expected_type = expected_types
            .iter()
            .find(|(end, _)| path.ends_with(end))
            .unwrap()
            .1;
        let digest: String = Sha256::digest(&content)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();

        assert_eq!(parts.status, StatusCode::OK, "{path}");
        assert_eq!(body, content.as_ref(), "{path}");
        assert_eq!(
            header(&parts, "content-type"),
            Some(expected_type),
            "{path}"
        );
        assert_eq!(
            header(&parts, "etag"),
            Some(format!("\"{digest}\"").as_str()),
            "{path}"
        );
        assert_eq!(header(&parts, "content-encoding"), None, "{path}");
        assert_eq!(header(&parts, "cache-control"), Some("no-cache"), "{path}");
        assert_eq!(
            header(&parts, "x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            header(&parts, "referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_embedded_file_comes_as_gzip_to_those_who_take_it() {
    let router = router();
    for path in embedded_files() {
        let content = Dist::get(&path).unwrap().data;
        let (parts, body) = send(
            &router,
            "GET",
            &format!("/{path}"),
            &[("accept-encoding", "br, gzip")],
        )
        .await;
        let mut plain = Vec::new();
        let mut decoder = flate2::write::GzDecoder::new(&mut plain);
        decoder.write_all(&body).unwrap();
        decoder.finish().unwrap();

        assert_eq!(header(&parts, "content-encoding"), Some("gzip"), "{path}");
        assert_eq!(header(&parts, "vary"), Some("accept-encoding"), "{path}");
        assert_eq!(
            header(&parts, "content-length"),
            Some(body.len().to_string().as_str()),
            "{path}"
        );
        assert!(
            header(&parts, "etag").unwrap().ends_with("-gzip\""),
            "{path}"
        );
        assert_eq!(plain, content.as_ref(), "{path}");
    }
}

#[tokio::test]
async fn gzip_that_is_refused_is_not_sent() {
    for refusal in ["identity", "gzip;q=0", "*;q=0", "br"] {
        let (parts, _) = get("/assets/app.js", &[("accept-encoding", refusal)]).await;
        assert_eq!(header(&parts, "content-encoding"), None, "{refusal}");
    }
}

#[tokio::test]
async fn known_etag_gives_304_without_a_body() {
    let (first, _) = get("/assets/app.js", &[]).await;
    let etag = header(&first, "etag").unwrap();
    for condition in [
        etag.to_owned(),
        format!("\"other\", W/{etag}"),
        "*".to_owned(),
    ] {
        let (parts, body) = get("/assets/app.js", &[("if-none-match", &condition)]).await;
        assert_eq!(parts.status, StatusCode::NOT_MODIFIED, "{condition}");
        assert_eq!(header(&parts, "etag"), Some(etag));
        assert_eq!(body, Bytes::new());
    }
    let (parts, _) = get("/assets/app.js", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(parts.status, StatusCode::OK);
}

#[tokio::test]
async fn paths_of_pages_give_the_page_to_browsers() {
    let page = Dist::get(INDEX).unwrap().data;
    for path in [
        "/",
        "/traces",
        "/trace/0af7651916cd43dd8448eb211c80319c",
        "/logs",
        "/connect",
        "/apiary",
        "/v1x",
    ] {
        let (parts, body) = get(path, &[HTML]).await;
        assert_eq!(parts.status, StatusCode::OK, "{path}");
        assert_eq!(body, page.as_ref(), "{path}");
    }
    let (parts, body) = get("/", &[("accept", "*/*")]).await;
    assert_eq!(
        (parts.status, body),
        (StatusCode::OK, Bytes::copy_from_slice(&page))
    );
}

#[tokio::test]
async fn unknown_paths_of_apis_and_assets_are_404_even_for_browsers() {
    for path in [
        "/api/v1/nothing",
        "/api",
        "/v1/traces",
        "/assets/gone.js",
        "/jaeger/api/nothing",
        "/tempo/x",
        "/loki/x",
        "/zipkin/x",
        "/healthz/x",
        "/readyz",
        "/metrics",
    ] {
        let (parts, _) = get(path, &[HTML]).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_for_those_who_do_not_ask_for_html() {
    for accept in [
        "*/*",
        "application/json",
        "text/html;q=0",
        "image/avif,image/*",
    ] {
        let (parts, _) = get("/favicon.ico", &[("accept", accept)]).await;
        assert_eq!(parts.status, StatusCode::NOT_FOUND, "{accept}");
    }
}

#[tokio::test]
async fn files_of_the_build_are_not_served() {
    let (parts, _) = get("/.source-hash", &[]).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_other_methods_are_refused() {
    let router = router();
    let (get, body) = send(&router, "GET", "/assets/app.js", &[]).await;
    let (head, nothing) = send(&router, "HEAD", "/assets/app.js", &[]).await;
    assert_eq!(nothing, Bytes::new());
    assert_eq!(head.headers, get.headers);
    assert_eq!(
        header(&head, "content-length"),
        Some(body.len().to_string().as_str())
    );

    let (refused, _) = send(&router, "POST", "/traces", &[HTML]).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&refused, "allow"), Some("GET, HEAD"));
    let (unknown, _) = send(&router, "POST", "/api/v1/nothing", &[]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn policy_allows_this_server_and_the_one_inline_script_by_its_hash() {
    let (parts, body) = get("/", &[HTML]).await;
    let page = std::str::from_utf8(&body).unwrap();
    let (script, _) = page
        .split_once("<script>")
        .unwrap()
        .1
        .split_once("</script>")
        .unwrap();
    let hash = STANDARD.encode(Sha256::digest(script));

    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("<style").count(), 0);
    assert_eq!(
        header(&parts, "content-security-policy").unwrap(),
        format!(
            "default-src 'self'; script-src 'self' 'sha256-{hash}'; object-src 'none'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'self'"
        )
    );
}

#[tokio::test]
async fn page_asks_for_nothing_from_elsewhere() {
    for path in embedded_files()
        .iter()
        .filter(|path| path.ends_with(".html") || path.ends_with(".css"))
    {
        let content = Dist::get(path).unwrap().data;
        let text = std::str::from_utf8(&content).unwrap();
        assert!(
            !text.contains("http://") && !text.contains("https://") && !text.contains("//fonts"),
            "{path}"
        );
    }
}
