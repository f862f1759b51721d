import{$ as e,E as t,K as n,S as r,V as i,X as a,Y as o,h as s,k as c,o as l,p as u,q as d,w as f,z as p}from"./app.js";import{t as m}from"./copy-button.js";/* empty css    */function h(e,t){let n=e.lastIndexOf(`:`),r=e.slice(0,n).replace(/^\[|\]$/g,``),i=e.slice(n+1),a=r===`0.0.0.0`||r===`::`||r===``?t:r;return a.includes(`:`)&&!a.startsWith(`[`)?`[${a}]:${i}`:`${a}:${i}`}function g({grpc:e,http:t}){return[{id:`env`,title:`Environment`,install:null,code:`# Every OpenTelemetry SDK reads these.
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
      exporters: [otlp/spandrel]`}]}var _=2e3;function v(){let r=i(_);return d(()=>{document.title=`Connect · Spandrel`},[]),n(`div`,{class:`connect`,children:[n(`h1`,{children:`Send telemetry here`}),r.isError&&!r.data&&n(t,{what:`This server's addresses`,error:r.error,retry:()=>void r.refetch()}),r.data&&n(e,{children:[n(`p`,{class:`muted`,children:`Spandrel receives traces and logs over OTLP, from any OpenTelemetry SDK or Collector. Set one address, restart the program, and the first trace shows up below.`}),n(y,{status:r.data}),n(b,{status:r.data,stale:r.isError}),n(x,{status:r.data}),n(C,{status:r.data})]})]})}function y({status:e}){let t=`http://${h(e.endpoints.otlp_grpc,location.hostname)}`,r=`http://${h(e.endpoints.otlp_http,location.hostname)}`;return n(`dl`,{class:`addresses`,children:[[`OTLP over gRPC`,t],[`OTLP over HTTP`,r]].map(([e,t])=>n(`div`,{children:[n(`dt`,{children:e}),n(`dd`,{children:[n(`code`,{children:t}),n(m,{text:t,label:`Copy the address of ${e}`})]})]},e))})}function b({status:e,stale:t}){let i=l(1e3),{spans:a,log_records:s}=e.stored,c=p(),f=o(a+s);d(()=>{a+s!==f.current&&(f.current=a+s,c.refetch())},[a,s]);let m=[e.newest_span_unix_nano,e.newest_log_unix_nano].filter(e=>e!==null).map(e=>BigInt(e)).reduce((e,t)=>e===null||t>e?t:e,null);if(t)return n(`p`,{class:`arrivals lost`,role:`status`,children:[n(`i`,{class:`lamp`}),`The server has stopped answering; what is shown here may be out of date.`]});if(m===null)return n(`p`,{class:`arrivals`,role:`status`,children:[n(`i`,{class:`lamp`}),`Waiting for the first span or log record`]});let h=(c.data?.services??[]).map(e=>e.name);return n(`p`,{class:`arrivals here`,children:[n(`i`,{class:`lamp`}),n(`span`,{children:[`Received `,n(`b`,{children:r(a,`span`)}),` and `,n(`b`,{children:r(s,`log record`)}),`, the newest `,u(m,i),h.length>0&&`, from ${h.slice(0,6).join(`, `)}${h.length>6?` and ${h.length-6} more`:``}`,`.`]}),n(`a`,{class:`button`,href:`/traces`,children:`Show the traces`})]})}function x({status:e}){let t=c(),r=g({grpc:h(e.endpoints.otlp_grpc,location.hostname),http:h(e.endpoints.otlp_http,location.hostname)}),[i,s]=a(t.query.for??r[0].id),l=r.find(e=>e.id===i)??r[0],u=o(null),d=e=>{s(e),t.path===`/connect`&&t.set({for:e===r[0].id?null:e},!0)};return n(`section`,{class:`snippets`,children:[n(`div`,{ref:u,class:`tabs`,role:`tablist`,"aria-label":`Settings for`,onKeyDown:e=>{let t=e.key===`ArrowRight`?1:e.key===`ArrowLeft`?-1:0;if(t===0)return;e.preventDefault();let n=r.indexOf(l),i=r[(n+t+r.length)%r.length].id;d(i),u.current?.querySelector(`#snippet-${i}`)?.focus()},children:r.map(e=>n(`button`,{id:`snippet-${e.id}`,type:`button`,role:`tab`,class:`tab`,"aria-selected":e===l,"aria-controls":`snippet-panel`,tabIndex:e===l?0:-1,onClick:()=>d(e.id),children:e.title},e.id))}),n(`div`,{id:`snippet-panel`,role:`tabpanel`,"aria-labelledby":`snippet-${l.id}`,children:[l.install&&n(S,{text:l.install,label:`Copy the install command`}),n(S,{text:l.code,label:`Copy the settings`})]})]})}function S({text:e,label:t}){return n(`div`,{class:`code`,children:[n(`pre`,{tabIndex:0,children:e}),n(m,{text:e,label:t})]})}function C({status:e}){let{stored:t}=e,i=[[`Version`,e.version],[`Data`,e.data_dir],[`Stored`,`${s(t.bytes+t.wal_bytes)} in ${r(t.splits,`split`)}`],[`Not yet in a split`,`${r(t.hot_spans,`span`)}, ${r(t.hot_log_records,`log record`)}`],[`Kept for`,e.retention_age_secs===null?`ever`:f(e.retention_age_secs)],[`Up for`,f(e.uptime_secs)]];return n(`section`,{class:`server`,children:[n(`h2`,{children:`This server`}),n(`dl`,{class:`server-facts`,children:i.map(([e,t])=>n(`div`,{children:[n(`dt`,{children:e}),n(`dd`,{class:`mono`,children:t})]},e))})]})}export{v as ConnectPage};