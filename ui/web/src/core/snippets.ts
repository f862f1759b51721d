// Exporter settings to copy, filled with the addresses this server listens on.

export interface Endpoints {
  /** `host:port` */
  readonly grpc: string;
  readonly http: string;
  /** Whether both speak TLS. */
  readonly isEncrypted: boolean;
}

export interface Snippet {
  readonly id: string;
  readonly title: string;
  /** What to run or add first, if anything. */
  readonly install: string | null;
  readonly code: string;
}

/**
 * The address as a client would write it: a wildcard host becomes the host the page was opened on.
 */
export function reachable(address: string, pageHost: string): string {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const port = address.slice(colon + 1);
  const wildcard = host === '0.0.0.0' || host === '::' || host === '';
  const name = wildcard ? pageHost : host;
  return name.includes(':') && !name.startsWith('[') ? `[${name}]:${port}` : `${name}:${port}`;
}

export function snippets({ grpc, http, isEncrypted }: Endpoints): Snippet[] {
  const scheme = isEncrypted ? 'https' : 'http';
  return [
    {
      id: 'env',
      title: 'Environment',
      install: null,
      code: `# Every OpenTelemetry SDK reads these.
export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_ENDPOINT=${scheme}://${http}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_TRACES_EXPORTER=otlp
export OTEL_LOGS_EXPORTER=otlp
export OTEL_METRICS_EXPORTER=none

# gRPC instead:
# export OTEL_EXPORTER_OTLP_ENDPOINT=${scheme}://${grpc}
# export OTEL_EXPORTER_OTLP_PROTOCOL=grpc`,
    },
    {
      id: 'rust',
      title: 'Rust',
      install: 'cargo add opentelemetry opentelemetry_sdk opentelemetry-otlp --features opentelemetry-otlp/grpc-tonic',
      code: `use opentelemetry::global;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

let exporter = opentelemetry_otlp::SpanExporter::builder()
    .with_tonic()
    .with_endpoint("${scheme}://${grpc}")
    .build()?;
let provider = SdkTracerProvider::builder()
    .with_resource(Resource::builder().with_service_name("my-service").build())
    .with_batch_exporter(exporter)
    .build();
global::set_tracer_provider(provider.clone());
// Before the process ends: provider.shutdown()?;`,
    },
    {
      id: 'python',
      title: 'Python',
      install: 'pip install opentelemetry-distro opentelemetry-exporter-otlp && opentelemetry-bootstrap -a install',
      code: `OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=${scheme}://${http} \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_METRICS_EXPORTER=none \\
OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true \\
opentelemetry-instrument python app.py`,
    },
    {
      id: 'node',
      title: 'Node.js',
      install: 'npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node',
      code: `OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=${scheme}://${http} \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=none \\
node --require @opentelemetry/auto-instrumentations-node/register app.js`,
    },
    {
      id: 'java',
      title: 'Java',
      install:
        'curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar',
      code: `java -javaagent:opentelemetry-javaagent.jar \\
  -Dotel.service.name=my-service \\
  -Dotel.exporter.otlp.endpoint=${scheme}://${http} \\
  -Dotel.exporter.otlp.protocol=http/protobuf \\
  -Dotel.metrics.exporter=none \\
  -jar app.jar`,
    },
    {
      id: 'go',
      title: 'Go',
      install:
        'go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc',
      code: `exporter, err := otlptracegrpc.New(ctx,
    otlptracegrpc.WithEndpointURL("${scheme}://${grpc}"),
)
if err != nil {
    return err
}
provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
otel.SetTracerProvider(provider)
defer provider.Shutdown(ctx)`,
    },
    {
      id: 'collector',
      title: 'Collector',
      install: null,
      code: `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:14317
      http:
        endpoint: 127.0.0.1:14318

exporters:
  otlp/spandrel:
    endpoint: ${grpc}
    tls:
      insecure: ${!isEncrypted}

service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp/spandrel]
    logs:
      receivers: [otlp]
      exporters: [otlp/spandrel]`,
    },
  ];
}
