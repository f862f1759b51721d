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
    for command in ["serve", "demo", "export", "import", "token", "shop"] {
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
        let variable = format!("[env: SPANDREL_{}", name.replace('-', "_").to_uppercase());
        // The values of secrets are not shown.
        let is_there = ["=", "]"]
            .iter()
            .any(|end| help.contains(&format!("{variable}{end}")));
        assert!(is_there, "--{name} has no {variable}");
    }
}

#[test]
fn a_setting_that_cannot_work_names_its_flag() {
    let output = spandrel(&["serve", "--seal-bytes", "1GiB", "--hot-bytes-max", "1MiB"]);
    assert!(!output.status.success());
    let message = std::str::from_utf8(&output.stderr).unwrap();
    assert!(message.contains("--hot-bytes-max"), "{message}");
}

#[test]
fn a_new_token_is_the_only_line_of_the_standard_output_and_its_hash_goes_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokens");
    let make = |name: &str| {
        let output = spandrel(&[
            "token",
            "new",
            name,
            "--ingest-token-file",
            file.to_str().unwrap(),
        ]);
        assert!(output.status.success());
        stdout(&output).trim_end().to_owned()
    };

    let tokens = [make("shop"), make("edge")];

    let lines = std::fs::read_to_string(&file).unwrap();
    let names: Vec<&str> = lines
        .lines()
        .map(|line| line.split(":sha256:").next().unwrap())
        .collect();
    assert_eq!(names, ["shop", "edge"]);
    for token in tokens {
        assert_eq!(token.len(), "spdr_".len() + 64);
        assert!(!lines.contains(&token));
    }
}

#[test]
fn what_is_given_as_a_token_is_not_shown_by_help_or_errors() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spandrel"));
        command.env("SPANDREL_INGEST_TOKEN", "hunter2");
        let output = command.args(arguments).output().unwrap();
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap())
    };
    for arguments in [
        &["serve", "--help"][..],
        &["serve"],
        &["serve", "--ingest-token", "hunter2"],
        &["serve", "--ingest-token"],
    ] {
        let said = run(arguments).concat();
        assert!(said.contains("--ingest-token"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
