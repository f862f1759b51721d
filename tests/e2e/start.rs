//! Starting a server where another one runs already.

use tests::{PATIENCE, SpandrelProcess, binary, command};
use tokio::time::timeout;

#[tokio::test]
async fn two_servers_never_share_a_data_directory() {
    let spandrel = SpandrelProcess::start().await;
    let data_dir = spandrel.data_dir();
    let mut second = command(&binary());
    second.arg("serve").arg("--data-dir").arg(&data_dir);
    for flag in ["--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"] {
        second.args([flag, "127.0.0.1:0"]);
    }

    let output = timeout(PATIENCE, second.output()).await.unwrap().unwrap();

    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&format!(
            "{} is in use by another server",
            data_dir.display()
        )),
        "{said}"
    );
    spandrel.api.get_json("/api/v1/status").await;
}
