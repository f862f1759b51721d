//! The scripts of this repository. `cargo xtask` without arguments lists them.
#![expect(clippy::print_stdout, reason = "a script talks to the terminal")]

mod fuzz;
mod install;
mod layers;
mod run;
mod sizes;

use anyhow::{Result, bail};
use run::{Step, is_installed};

const HELP: &str = "\
cargo xtask <command>

  check    what CI runs: formatting, lints, layers, file sizes, documentation, and `test`
  test     every test: Rust, front end, browser; installs what they need where it may
  quick    formatting, lints and unit tests
  layers   who may depend on whom
  ui       builds the web bundle into ui/dist
  e2e      builds the binary and runs the end-to-end stories; words after it filter them by name
  demo     runs the demo: server, shop and load
  bench    builds Spandrel and the benchmark and runs it; words after it go to it (bench -- --quick)
  attacks  hostile input against the release binary, beside an honest sender (attacks [SECONDS [WORD]])
  overload many times the load that the release binary can take (overload [SECONDS])
  fuzz     runs the fuzz targets, or those named; needs a nightly compiler and cargo-fuzz
           (fuzz [TARGET...] [--minutes N])";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check(),
        ["test"] => test(),
        ["quick"] => quick(),
        ["layers"] => layers::check(),
        ["ui"] => ui(),
        ["e2e", filter @ ..] => e2e(filter),
        ["demo", rest @ ..] => demo(rest),
        ["bench", "--", rest @ ..] | ["bench", rest @ ..] => bench(rest),
        ["attacks", rest @ ..] => against_release("attacks", rest),
        ["overload", rest @ ..] => overload(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        [] | ["help" | "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => bail!("unknown command: {}\n\n{HELP}", words.join(" ")),
    }
}

fn check() -> Result<()> {
    formatting_and_lints()?;
    layers::check()?;
    sizes::check()?;
    Step::cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ])
    .env(
        "RUSTDOCFLAGS",
        "-D warnings -A rustdoc::private_intra_doc_links",
    )
    .run()?;
    if is_installed("cargo-deny") {
        Step::cargo(&["deny", "check"]).run()?;
    }
    test()?;
    // The committed bundle must be the one its source makes: `test` has just rebuilt it.
    Step::new("git", &["diff", "--exit-code", "--stat", "--", "ui/dist"]).run()
}

fn formatting_and_lints() -> Result<()> {
    Step::cargo(&["fmt", "--all", "--check"]).run()?;
    Step::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ])
    .run()
}

fn quick() -> Result<()> {
    formatting_and_lints()?;
    Step::cargo(&["test", "--workspace", "--lib"]).run()
}

fn test() -> Result<()> {
    install::chromium()?;
    install::strace()?;
    install::python_packages()?;
    install::javascript_clients()?;
    install::front_end_packages()?;
    ui()?;
    npm(&["run", "typecheck"])?;
    npm(&["test"])?;
    Step::cargo(&["test", "--workspace", "--all-features"]).run()
}

fn ui() -> Result<()> {
    install::front_end_packages()?;
    npm(&["run", "build"])
}

fn e2e(filter: &[&str]) -> Result<()> {
    Step::cargo(&["build", "--package", "spandrel"]).run()?;
    let mut arguments = vec!["test", "--package", "tests"];
    if !filter.is_empty() {
        arguments.push("--");
        arguments.extend(filter);
    }
    Step::cargo(&arguments).run()
}

fn demo(rest: &[&str]) -> Result<()> {
    let mut arguments = vec!["run", "--release", "--package", "spandrel", "--", "demo"];
    arguments.extend(rest);
    Step::cargo(&arguments).run()
}

fn bench(rest: &[&str]) -> Result<()> {
    Step::cargo(&[
        "build",
        "--release",
        "--package",
        "spandrel",
        "--package",
        "bench",
    ])
    .run()?;
    let program = run::root().join("target/release/bench");
    Step::new(&program.to_string_lossy(), rest).run()
}

fn overload(rest: &[&str]) -> Result<()> {
    install::python_packages()?;
    against_release("overload", rest)
}

/// Builds the release binary and a program of the package `bench`, and runs that one on it.
fn against_release(program: &str, rest: &[&str]) -> Result<()> {
    let build = [
        "build",
        "--release",
        "--package",
        "spandrel",
        "--package",
        "bench",
    ];
    Step::cargo(&build).run()?;
    let release = run::root().join("target/release");
    let binary = release.join("spandrel").display().to_string();
    let arguments: Vec<&str> = [binary.as_str()]
        .into_iter()
        .chain(rest.iter().copied())
        .collect();
    Step::new(&release.join(program).display().to_string(), &arguments).run()
}

fn npm(arguments: &[&str]) -> Result<()> {
    Step::new("npm", arguments).within("ui/web").run()
}
