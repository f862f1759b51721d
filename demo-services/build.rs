//! Compiles the shop's protocol buffers with a compiler written in Rust, so that no `protoc` is needed.

const FILES: [&str; 7] = [
    "bus.proto",
    "cart.proto",
    "catalog.proto",
    "health.proto",
    "inventory.proto",
    "messages.proto",
    "order.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
