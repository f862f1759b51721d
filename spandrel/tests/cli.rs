//! The binary answers for itself. Its being an integration test also makes `cargo test` build the binary
//! before any end-to-end story runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot run its binary has failed"
)]

use std::process::{Command, Output};

fn spandrel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spandrel"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn help_names_every_command() {
    let output = spandrel(&["--help"]);
    assert!(output.status.success());
    for command in ["serve", "demo", "export", "import", "shop"] {
        assert!(
            stdout(&output).contains(&format!("  {command} ")),
            "{}",
            stdout(&output)
        );
    }
}

#[test]
fn version_is_one_line() {
    let output = spandrel(&["--version"]);
    assert_eq!(
        stdout(&output),
        concat!("spandrel ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn every_flag_of_the_server_has_an_environment_twin() {
    let output = spandrel(&["serve", "--help"]);
    let help = stdout(&output);
    let flags: Vec<&str> = help
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_prefix("--"))
        .collect();
    assert!(flags.len() > 15, "{help}");
    for flag in flags {
        let name = flag.split([' ', '=']).next().unwrap();
        let variable = format!("SPANDREL_{}=", name.replace('-', "_").to_uppercase());
        assert!(help.contains(&variable), "--{name} has no {variable}");
    }
}

#[test]
fn a_setting_that_cannot_work_names_its_flag() {
    let output = spandrel(&["serve", "--seal-bytes", "1GiB", "--hot-bytes-max", "1MiB"]);
    assert!(!output.status.success());
    let message = std::str::from_utf8(&output.stderr).unwrap();
    assert!(message.contains("--hot-bytes-max"), "{message}");
}
