//! The browser story of `ui/web/e2e`, against the real server and a real order.

use std::path::Path;

use tests::{ShopProcess, SpandrelProcess, command};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_found_read_by_keyboard_and_its_logs_seen_in_an_accessible_page() {
    let spandrel = SpandrelProcess::start().await;
    let shop = ShopProcess::start(&spandrel).await;
    shop.order("tok_visa_4242", "CONFIRMED").await;

    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/web");
    assert!(
        web.join("node_modules").exists(),
        "the front end's packages are not installed; run `cargo xtask test`, which installs them"
    );
    let story = command(Path::new("node"))
        .current_dir(web)
        .args([
            "e2e/story.mjs",
            "--base-url",
            &format!("http://{}", spandrel.http),
        ])
        .output()
        .await
        .unwrap();
    assert!(
        story.status.success(),
        "the browser story failed\n{}{}",
        String::from_utf8_lossy(&story.stdout),
        String::from_utf8_lossy(&story.stderr)
    );
}
