//! `docker-compose.yml` fits the compose specification, and the binary knows every flag and variable in it.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tests::{binary, command, python};

const COMPOSE_FILE: &str = "../docker-compose.yml";

async fn run_python(arguments: &[&str]) -> Output {
    let mut command = command(&python());
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments);
    command.output().await.unwrap()
}

async fn compose() -> Value {
    let output = run_python(&["python/yaml_to_json.py", COMPOSE_FILE]).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap())
        .collect()
}

/// What `--help` says of the subcommand that a command line begins with.
async fn help_of(arguments: &[&str]) -> String {
    let words = match arguments {
        ["shop", subcommand, ..] => vec!["shop", subcommand],
        [subcommand, ..] => vec![*subcommand],
        [] => panic!("a container without a command"),
    };
    let output = command(&binary())
        .args(&words)
        .arg("--help")
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{words:?} is not a command");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_compose_file_fits_the_specification() {
    let schema = "vendor.compose-spec";
    let arguments = [
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        schema,
        COMPOSE_FILE,
    ];
    let output = run_python(&arguments).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[tokio::test]
async fn every_flag_and_variable_of_the_compose_file_exists_in_the_binary() {
    let compose = compose().await;
    let services = compose["services"].as_object().unwrap();
    let mut checked = 0;
    for (name, service) in services {
        let arguments = texts(&service["command"]);
        let help = help_of(&arguments).await;
        for flag in arguments.iter().filter(|it| it.starts_with("--")) {
            assert!(
                help.contains(&format!("{flag} <")),
                "{name}: {flag} is not in\n{help}"
            );
            checked += 1;
        }
        let variables = service["environment"].as_object().into_iter().flatten();
        for (variable, _) in variables.filter(|(variable, _)| variable.starts_with("SPANDREL_")) {
            let mention = format!("[env: {variable}=");
            assert!(
                help.contains(&mention),
                "{name}: {variable} is not in\n{help}"
            );
            checked += 1;
        }
    }
    assert!(
        checked > 40,
        "only {checked} flags and variables were found"
    );
}

#[tokio::test]
async fn every_service_of_the_shop_has_a_container_and_a_volume_of_its_own() {
    let compose = compose().await;
    let services = compose["services"].as_object().unwrap();
    let mut volumes: Vec<&str> = Vec::new();
    let mut shop: Vec<&str> = Vec::new();
    for service in services.values() {
        if let ["shop", "run", name, ..] = texts(&service["command"])[..] {
            shop.push(name);
            volumes.extend(texts(&service["volumes"]));
        }
    }
    shop.sort_unstable();
    let expected = [
        "bus",
        "cart",
        "catalog",
        "catalog",
        "gateway",
        "inventory",
        "notification",
        "order",
        "payment",
        "shipping",
    ];
    assert_eq!(shop, expected);
    volumes.sort_unstable();
    let count = volumes.len();
    volumes.dedup();
    assert_eq!((count, volumes.len()), (10, 10), "{volumes:?}");
    assert!(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../Dockerfile")
            .exists()
    );
}
