# One image for the server and for every service of the shop: the same binary, other arguments.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package spandrel

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --create-home spandrel && mkdir /data && chown spandrel /data
COPY --from=build /src/target/release/spandrel /usr/local/bin/spandrel
USER spandrel
VOLUME /data
# OTLP over gRPC, OTLP over HTTP, user interface and query APIs.
EXPOSE 4317 4318 4319
# It has to listen on the network of the container; what of that others reach is decided by what is published.
ENTRYPOINT ["spandrel"]
CMD ["serve", "--data-dir", "/data", "--otlp-grpc-listen", "0.0.0.0:4317", "--otlp-http-listen", "0.0.0.0:4318", "--http-listen", "0.0.0.0:4319", "--insecure-listen"]
