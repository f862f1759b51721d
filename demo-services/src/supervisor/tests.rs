use std::{path::Path, process::Command, time::Duration};

use tokio::time::{interval, timeout};

use super::*;

/// Behaves like a service: says where it is (where it was told to be, or an address made of its pid),
/// then lives until its standard input is closed.
const SERVICE: &str = r#"
case "$5" in
    *:0) echo "ready 127.0.0.1:$((10000 + $$ % 50000))" ;;
    *) echo "ready $5" ;;
esac
exec cat"#;

fn shop(script: &str) -> SupervisorConfig {
    SupervisorConfig {
        gateway_listen: SocketAddr::from(([127, 0, 0, 1], 18_080)),
        otlp: "http://127.0.0.1:4317".to_owned(),
        tls: ExporterTls::default(),
        data: None,
        catalog_replicas: 2,
        program: Some((
            "/bin/sh".into(),
            vec!["-c".into(), script.into(), "shop".into()],
        )),
    }
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

async fn until(condition: impl Fn() -> bool + Send + Sync) {
    let wait = async {
        let mut tick = interval(Duration::from_millis(20));
        while !condition() {
            tick.tick().await;
        }
    };
    timeout(Duration::from_secs(20), wait)
        .await
        .expect("the condition to come true in 20 s");
}

#[tokio::test]
async fn every_service_runs_with_a_database_of_its_own() {
    let shop = Supervisor::start(shop(SERVICE)).await.unwrap();

    let children = shop.children();
    let names: Vec<_> = children.iter().map(|child| child.service.name()).collect();
    assert_eq!(names[..3], ["bus", "catalog", "catalog"]);
    assert_eq!(names.last(), Some(&"gateway"));
    assert!(
        Service::ALL
            .iter()
            .all(|service| names.contains(&service.name()))
    );
    let databases: std::collections::HashSet<_> = children.iter().map(|c| &c.database).collect();
    assert_eq!(databases.len(), 10);
    assert_eq!(shop.gateway_url(), "http://127.0.0.1:18080");
    shop.shutdown().await;
}

#[tokio::test]
async fn a_closed_shop_leaves_neither_processes_nor_files_behind() {
    let shop = Supervisor::start(shop(SERVICE)).await.unwrap();
    let children = shop.children();
    let data = children[0].database.parent().unwrap().to_owned();
    assert!(data.exists() && children.iter().all(|child| lives(child.pid)));

    shop.shutdown().await;

    assert!(!data.exists() && !children.iter().any(|child| lives(child.pid)));
}

#[tokio::test]
async fn a_crashed_service_comes_back_at_the_same_address() {
    let shop = Supervisor::start(shop(SERVICE)).await.unwrap();
    let before = shop.children()[3].clone();

    Command::new("kill")
        .args(["-9", &before.pid.to_string()])
        .status()
        .unwrap();
    until(|| shop.children()[3].restarts == 1).await;

    let after = shop.children()[3].clone();
    assert_eq!(
        (after.service, after.address),
        (before.service, before.address)
    );
    assert_ne!(after.pid, before.pid);
    shop.shutdown().await;
    assert!(!lives(after.pid));
}

#[tokio::test]
async fn a_service_that_does_not_start_is_named_with_its_last_words() {
    let started = Supervisor::start(shop("echo 'cannot open the file' >&2; exit 3")).await;

    let error = started.err().expect("the shop not to start").to_string();
    assert!(
        error.contains("did not become ready: cannot open the file"),
        "{error}"
    );
}
