import{E as e,G as t,J as n,K as r,Q as i,S as a,V as o,Y as s,h as c,k as l,o as u,p as d,w as f,z as p}from"./app.js";import{t as m}from"./copy-button.js";/* empty css    */function h(e,t){let n=e.lastIndexOf(`:`),r=e.slice(0,n).replace(/^\[|\]$/g,``),i=e.slice(n+1),a=r===`0.0.0.0`||r===`::`||r===``?t:r;return a.includes(`:`)&&!a.startsWith(`[`)?`[${a}]:${i}`:`${a}:${i}`}function g({grpc:e,http:t}){return[{id:`env`,title:`Environment`,install:null,code:`# Every OpenTelemetry SDK reads these.
export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${t}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_TRACES_EXPORTER=otlp
export OTEL_LOGS_EXPORTER=otlp
export OTEL_METRICS_EXPORTER=none

# gRPC instead:
# export OTEL_EXPORTER_OTLP_ENDPOINT=http://${e}
# export OTEL_EXPORTER_OTLP_PROTOCOL=grpc`},{id:`rust`,title:`Rust`,install:`cargo add opentelemetry opentelemetry_sdk opentelemetry-otlp --features opentelemetry-otlp/grpc-tonic`,code:`use opentelemetry::global;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

let exporter = opentelemetry_otlp::SpanExporter::builder()
    .with_tonic()
    .with_endpoint("http://${e}")
    .build()?;
let provider = SdkTracerProvider::builder()
    .with_resource(Resource::builder().with_service_name("my-service").build())
    .with_batch_exporter(exporter)
    .build();
global::set_tracer_provider(provider.clone());
// Before the process ends: provider.shutdown()?;`},{id:`python`,title:`Python`,install:`pip install opentelemetry-distro opentelemetry-exporter-otlp && opentelemetry-bootstrap -a install`,code:`OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=http://${t} \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_METRICS_EXPORTER=none \\
OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true \\
opentelemetry-instrument python app.py`},{id:`node`,title:`Node.js`,install:`npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node`,code:`OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=http://${t} \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=none \\
node --require @opentelemetry/auto-instrumentations-node/register app.js`},{id:`java`,title:`Java`,install:`curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar`,code:`java -javaagent:opentelemetry-javaagent.jar \\
  -Dotel.service.name=my-service \\
  -Dotel.exporter.otlp.endpoint=http://${t} \\
  -Dotel.exporter.otlp.protocol=http/protobuf \\
  -Dotel.metrics.exporter=none \\
  -jar app.jar`},{id:`go`,title:`Go`,install:`go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc`,code:`exporter, err := otlptracegrpc.New(ctx,
    otlptracegrpc.WithEndpoint("${e}"),
    otlptracegrpc.WithInsecure(),
)
if err != nil {
    return err
}
provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
otel.SetTracerProvider(provider)
defer provider.Shutdown(ctx)`},{id:`collector`,title:`Collector`,install:null,code:`receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:14317
      http:
        endpoint: 127.0.0.1:14318

exporters:
  otlp/spandrel:
    endpoint: ${e}
    tls:
      insecure: true

service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp/spandrel]
    logs:
      receivers: [otlp]
      exporters: [otlp/spandrel]`}]}var _=2e3;function v(){let n=o(_);return r(()=>{document.title=`Connect · Spandrel`},[]),t(`div`,{class:`connect`,children:[t(`h1`,{children:`Send telemetry here`}),n.isError&&!n.data&&t(e,{what:`This server's addresses`,error:n.error,retry:()=>void n.refetch()}),n.data&&t(i,{children:[t(`p`,{class:`muted`,children:`Spandrel receives traces and logs over OTLP, from any OpenTelemetry SDK or Collector. Set one address, restart the program, and the first trace shows up below.`}),t(y,{status:n.data}),t(b,{status:n.data,stale:n.isError}),t(x,{status:n.data}),t(C,{status:n.data})]})]})}function y({status:e}){let n=`http://${h(e.endpoints.otlp_grpc,location.hostname)}`,r=`http://${h(e.endpoints.otlp_http,location.hostname)}`;return t(`dl`,{class:`addresses`,children:[[`OTLP over gRPC`,n],[`OTLP over HTTP`,r]].map(([e,n])=>t(`div`,{children:[t(`dt`,{children:e}),t(`dd`,{children:[t(`code`,{children:n}),t(m,{text:n,label:`Copy the address of ${e}`})]})]},e))})}function b({status:e,stale:i}){let o=u(1e3),{spans:s,log_records:c}=e.stored,l=p(),f=n(s+c);r(()=>{s+c!==f.current&&(f.current=s+c,l.refetch())},[s,c]);let m=[e.newest_span_unix_nano,e.newest_log_unix_nano].filter(e=>e!==null).map(e=>BigInt(e)).reduce((e,t)=>e===null||t>e?t:e,null);if(i)return t(`p`,{class:`arrivals lost`,role:`status`,children:[t(`i`,{class:`lamp`}),`The server has stopped answering; what is shown here may be out of date.`]});if(m===null)return t(`p`,{class:`arrivals`,role:`status`,children:[t(`i`,{class:`lamp`}),`Waiting for the first span or log record`]});let h=(l.data?.services??[]).map(e=>e.name);return t(`p`,{class:`arrivals here`,children:[t(`i`,{class:`lamp`}),t(`span`,{children:[`Received `,t(`b`,{children:a(s,`span`)}),` and `,t(`b`,{children:a(c,`log record`)}),`, the newest `,d(m,o),h.length>0&&`, from ${h.slice(0,6).join(`, `)}${h.length>6?` and ${h.length-6} more`:``}`,`.`]}),t(`a`,{class:`button`,href:`/traces`,children:`Show the traces`})]})}function x({status:e}){let r=l(),i=g({grpc:h(e.endpoints.otlp_grpc,location.hostname),http:h(e.endpoints.otlp_http,location.hostname)}),[a,o]=s(r.query.for??i[0].id),c=i.find(e=>e.id===a)??i[0],u=n(null),d=e=>{o(e),r.path===`/connect`&&r.set({for:e===i[0].id?null:e},!0)};return t(`section`,{class:`snippets`,children:[t(`div`,{ref:u,class:`tabs`,role:`tablist`,"aria-label":`Settings for`,onKeyDown:e=>{let t=e.key===`ArrowRight`?1:e.key===`ArrowLeft`?-1:0;if(t===0)return;e.preventDefault();let n=i.indexOf(c),r=i[(n+t+i.length)%i.length].id;d(r),u.current?.querySelector(`#snippet-${r}`)?.focus()},children:i.map(e=>t(`button`,{id:`snippet-${e.id}`,type:`button`,role:`tab`,class:`tab`,"aria-selected":e===c,"aria-controls":`snippet-panel`,tabIndex:e===c?0:-1,onClick:()=>d(e.id),children:e.title},e.id))}),t(`div`,{id:`snippet-panel`,role:`tabpanel`,"aria-labelledby":`snippet-${c.id}`,children:[c.install&&t(S,{text:c.install,label:`Copy the install command`}),t(S,{text:c.code,label:`Copy the settings`})]})]})}function S({text:e,label:n}){return t(`div`,{class:`code`,children:[t(`pre`,{tabIndex:0,children:e}),t(m,{text:e,label:n})]})}function C({status:e}){let{stored:n}=e,r=[[`Version`,e.version],[`Data`,e.data_dir],[`Stored`,`${c(n.bytes+n.wal_bytes)} in ${a(n.splits,`split`)}`],[`Not yet in a split`,`${a(n.hot_spans,`span`)}, ${a(n.hot_log_records,`log record`)}`],[`Kept for`,e.retention_age_secs===null?`ever`:f(e.retention_age_secs)],[`Up for`,f(e.uptime_secs)]];return t(`section`,{class:`server`,children:[t(`h2`,{children:`This server`}),t(`dl`,{class:`server-facts`,children:r.map(([e,n])=>t(`div`,{children:[t(`dt`,{children:e}),t(`dd`,{class:`mono`,children:n})]},e))})]})}export{v as ConnectPage};