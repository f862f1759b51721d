import{E as e,J as t,O as n,Q as r,U as i,V as a,Y as o,Z as s,_ as c,h as l,j as u,s as d,tt as f,w as p}from"./app.js";import{t as m}from"./copy-button.js";/* empty css    */function h(e,t){let n=e.lastIndexOf(`:`),r=e.slice(0,n).replace(/^\[|\]$/g,``),i=e.slice(n+1),a=r===`0.0.0.0`||r===`::`||r===``?t:r;return a.includes(`:`)&&!a.startsWith(`[`)?`[${a}]:${i}`:`${a}:${i}`}function g({grpc:e,http:t}){return[{id:`env`,title:`Environment`,install:null,code:`# Every OpenTelemetry SDK reads these.
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
      exporters: [otlp/spandrel]`}]}var _=2e3;function v(){let e=i(_);return o(()=>{document.title=`Connect · Spandrel`},[]),t(`div`,{class:`connect`,children:[t(`h1`,{children:`Send telemetry here`}),e.isError&&!e.data&&t(n,{what:`This server's addresses`,error:e.error,retry:()=>void e.refetch()}),e.data&&t(f,{children:[t(`p`,{class:`muted`,children:`Spandrel receives traces and logs over OTLP, from any OpenTelemetry SDK or Collector. Set one address, restart the program, and the first trace shows up below.`}),t(y,{status:e.data}),t(b,{status:e.data,stale:e.isError}),t(x,{status:e.data}),t(C,{status:e.data})]})]})}function y({status:e}){let n=`http://${h(e.endpoints.otlp_grpc,location.hostname)}`,r=`http://${h(e.endpoints.otlp_http,location.hostname)}`;return t(`dl`,{class:`addresses`,children:[[`OTLP over gRPC`,n],[`OTLP over HTTP`,r]].map(([e,n])=>t(`div`,{children:[t(`dt`,{children:e}),t(`dd`,{children:[t(`code`,{children:n}),t(m,{text:n,label:`Copy the address of ${e}`})]})]},e))})}function b({status:e,stale:n}){let r=d(1e3),{spans:i,log_records:c}=e.stored,u=a(),f=s(i+c);o(()=>{i+c!==f.current&&(f.current=i+c,u.refetch())},[i,c]);let m=[e.newest_span_unix_nano,e.newest_log_unix_nano].filter(e=>e!==null).map(e=>BigInt(e)).reduce((e,t)=>e===null||t>e?t:e,null);if(n)return t(`p`,{class:`arrivals lost`,role:`status`,children:[t(`i`,{class:`lamp`}),`The server has stopped answering; what is shown here may be out of date.`]});if(m===null)return t(`p`,{class:`arrivals`,role:`status`,children:[t(`i`,{class:`lamp`}),`Waiting for the first span or log record`]});let h=(u.data?.services??[]).map(e=>e.name);return t(`p`,{class:`arrivals here`,children:[t(`i`,{class:`lamp`}),t(`span`,{children:[`Received `,t(`b`,{children:p(i,`span`)}),` and `,t(`b`,{children:p(c,`log record`)}),`, the newest `,l(m,r),h.length>0&&`, from ${h.slice(0,6).join(`, `)}${h.length>6?` and ${h.length-6} more`:``}`,`.`]}),t(`a`,{class:`button`,href:`/traces`,children:`Show the traces`})]})}function x({status:e}){let n=u(),i=g({grpc:h(e.endpoints.otlp_grpc,location.hostname),http:h(e.endpoints.otlp_http,location.hostname)}),[a,o]=r(n.query.for??i[0].id),c=i.find(e=>e.id===a)??i[0],l=s(null),d=e=>{o(e),n.path===`/connect`&&n.set({for:e===i[0].id?null:e},!0)};return t(`section`,{class:`snippets`,children:[t(`div`,{ref:l,class:`tabs`,role:`tablist`,"aria-label":`Settings for`,onKeyDown:e=>{let t=e.key===`ArrowRight`?1:e.key===`ArrowLeft`?-1:0;if(t===0)return;e.preventDefault();let n=i.indexOf(c),r=i[(n+t+i.length)%i.length].id;d(r),l.current?.querySelector(`#snippet-${r}`)?.focus()},children:i.map(e=>t(`button`,{id:`snippet-${e.id}`,type:`button`,role:`tab`,class:`tab`,"aria-selected":e===c,"aria-controls":`snippet-panel`,tabIndex:e===c?0:-1,onClick:()=>d(e.id),children:e.title},e.id))}),t(`div`,{id:`snippet-panel`,role:`tabpanel`,"aria-labelledby":`snippet-${c.id}`,children:[c.install&&t(S,{text:c.install,label:`Copy the install command`}),t(S,{text:c.code,label:`Copy the settings`})]})]})}function S({text:e,label:n}){return t(`div`,{class:`code`,children:[t(`pre`,{tabIndex:0,children:e}),t(m,{text:e,label:n})]})}function C({status:n}){let{stored:r}=n,i=[[`Version`,n.version],[`Data`,n.data_dir],[`Stored`,`${c(r.bytes+r.wal_bytes)} in ${p(r.splits,`split`)}`],[`Not yet in a split`,`${p(r.hot_spans,`span`)}, ${p(r.hot_log_records,`log record`)}`],[`Kept for`,n.retention_age_secs===null?`ever`:e(n.retention_age_secs)],[`On the disk`,`${c(n.disk.used_bytes)} of at most ${c(n.disk.limit_bytes)}`],...n.disk.shortage===null?[]:[[`Records are refused`,n.disk.shortage]],...n.set_aside.length===0?[]:[[`Set aside`,n.set_aside.map(e=>`${e.what} ${e.name}: ${e.reason}`).join(`; `)]],[`Up for`,e(n.uptime_secs)]];return t(`section`,{class:`server`,children:[t(`h2`,{children:`This server`}),t(`dl`,{class:`server-facts`,children:i.map(([e,n])=>t(`div`,{children:[t(`dt`,{children:e}),t(`dd`,{class:`mono`,children:n})]},e))})]})}export{v as ConnectPage};