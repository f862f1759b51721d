//! The shop's messages and gRPC services, generated from `proto/*.proto`.
#![expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::clone_on_ref_ptr,
    clippy::too_many_lines,
    unreachable_pub,
    unused_qualifications,
    reason = "generated code"
)]

tonic::include_proto!("shop");
