import{$ as e,B as t,E as n,H as r,O as i,Q as a,W as o,X as s,Y as c,_ as l,b as u,h as d,j as f,n as p,nt as m,r as h,s as g,w as _}from"./app.js";import{t as v}from"./copy-button.js";/* empty css    */function y(e,t){let n=e.lastIndexOf(`:`),r=e.slice(0,n).replace(/^\[|\]$/g,``),i=e.slice(n+1),a=r===`0.0.0.0`||r===`::`||r===``?t:r;return a.includes(`:`)&&!a.startsWith(`[`)?`[${a}]:${i}`:`${a}:${i}`}function b({grpc:e,http:t,isEncrypted:n}){let r=n?`https`:`http`;return[{id:`env`,title:`Environment`,install:null,code:`# Every OpenTelemetry SDK reads these.
export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_ENDPOINT=${r}://${t}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_TRACES_EXPORTER=otlp
export OTEL_LOGS_EXPORTER=otlp
export OTEL_METRICS_EXPORTER=none

# gRPC instead:
# export OTEL_EXPORTER_OTLP_ENDPOINT=${r}://${e}
# export OTEL_EXPORTER_OTLP_PROTOCOL=grpc`},{id:`rust`,title:`Rust`,install:`cargo add opentelemetry opentelemetry_sdk opentelemetry-otlp --features opentelemetry-otlp/grpc-tonic`,code:`use opentelemetry::global;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

let exporter = opentelemetry_otlp::SpanExporter::builder()
    .with_tonic()
    .with_endpoint("${r}://${e}")
    .build()?;
let provider = SdkTracerProvider::builder()
    .with_resource(Resource::builder().with_service_name("my-service").build())
    .with_batch_exporter(exporter)
    .build();
global::set_tracer_provider(provider.clone());
// Before the process ends: provider.shutdown()?;`},{id:`python`,title:`Python`,install:`pip install opentelemetry-distro opentelemetry-exporter-otlp && opentelemetry-bootstrap -a install`,code:`OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=${r}://${t} \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_METRICS_EXPORTER=none \\
OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true \\
opentelemetry-instrument python app.py`},{id:`node`,title:`Node.js`,install:`npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node`,code:`OTEL_SERVICE_NAME=my-service \\
OTEL_EXPORTER_OTLP_ENDPOINT=${r}://${t} \\
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf \\
OTEL_TRACES_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=none \\
node --require @opentelemetry/auto-instrumentations-node/register app.js`},{id:`java`,title:`Java`,install:`curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar`,code:`java -javaagent:opentelemetry-javaagent.jar \\
  -Dotel.service.name=my-service \\
  -Dotel.exporter.otlp.endpoint=${r}://${t} \\
  -Dotel.exporter.otlp.protocol=http/protobuf \\
  -Dotel.metrics.exporter=none \\
  -jar app.jar`},{id:`go`,title:`Go`,install:`go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc`,code:`exporter, err := otlptracegrpc.New(ctx,
    otlptracegrpc.WithEndpointURL("${r}://${e}"),
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
      insecure: ${!n}

service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp/spandrel]
    logs:
      receivers: [otlp]
      exporters: [otlp/spandrel]`}]}var x=2e3,S=12,C={otlp_grpc:`OTLP/gRPC`,otlp_http:`OTLP/HTTP`,zipkin:`Zipkin`,loki:`Loki push`,json_lines:`JSON lines`};function w(){let e=t(x);if(!e.data)return null;let n=Number(BigInt(e.data.now_unix_nano)/1000000n),r=e.data.senders.toSorted((e,t)=>Number(t.problems.length>0)-Number(e.problems.length>0)),i=r.length-S;return c(`section`,{class:`senders`,children:[c(`h2`,{children:`Who sends`}),r.length===0&&c(`p`,{class:`muted`,children:`Nothing has been sent since the server started. If a program should be sending: does it run, does it have the address above, and can it reach this machine? Exporters write their own errors to its log.`}),c(`ul`,{children:r.slice(0,S).map(e=>c(T,{sender:e,now:n},`${e.address} ${e.user_agent} ${e.token_name}`))}),i>0&&c(`p`,{class:`muted`,children:[_(i,`more sender`),` without problems.`]})]})}function T({sender:e,now:t}){let n=h(e.services),r=e.protocols.map(e=>C[e]??e).join(`, `);return c(`li`,{class:`sender`,children:[c(`div`,{class:`sender-head`,children:[c(`b`,{class:`mono`,children:e.user_agent||`A program without a name`}),c(`span`,{class:`muted`,children:[e.token_name!==null&&c(m,{children:[`as `,e.token_name,` `]}),e.address!==null&&c(m,{children:[`from `,e.address,` by `]}),r,`, `,d(BigInt(e.last_seen_unix_nano),t)]})]}),c(`p`,{class:`sender-facts`,children:[c(`span`,{children:e.requests_acknowledged===0?`Nothing arrived`:`${_(e.records_accepted,`record`)} in ${_(e.requests_acknowledged,`request`)}`}),e.records_rejected>0&&c(`span`,{class:`bad`,children:[_(e.records_rejected,`record`),` rejected`]}),e.requests_refused>0&&c(`span`,{class:`bad`,children:[_(e.requests_refused,`request`),` refused`]}),e.services.map(e=>c(`span`,{class:`sender-service`,children:[c(p,{mark:n.get(e)}),e]},e))]}),e.problems.map(e=>c(E,{problem:e,now:t},`${e.protocol} ${e.signal} ${e.reason}`))]})}function E({problem:e,now:t}){let n=e.count===1?`once`:`${u(e.count)} times`;return c(`div`,{class:`sender-problem`,children:[c(`p`,{children:[c(`code`,{children:e.answer}),` `,c(`span`,{class:`sender-message`,children:e.message}),` `,c(`span`,{class:`muted`,children:[e.signal!==null&&`${e.signal}, `,n,`, `,e.count>1&&`last `,d(BigInt(e.last_seen_unix_nano),t)]})]}),c(`p`,{children:e.advice})]})}var D=2e3;function O(){let e=o(D);return s(()=>{document.title=`Connect · Spandrel`},[]),c(`div`,{class:`connect`,children:[c(`h1`,{children:`Send telemetry here`}),e.isError&&!e.data&&c(i,{what:`This server's addresses`,error:e.error,retry:()=>void e.refetch()}),e.data&&c(m,{children:[c(`p`,{class:`muted`,children:`Spandrel receives traces and logs over OTLP, from any OpenTelemetry SDK or Collector. Set one address, restart the program, and the first trace shows up below.`}),c(k,{status:e.data}),e.data.endpoints.needs_token&&c(`p`,{class:`muted`,children:[`Senders show a token: `,c(`code`,{children:`OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN`}),`. Whoever runs this server makes one with `,c(`code`,{children:`spandrel token new NAME`}),`.`]}),c(A,{status:e.data,stale:e.isError}),c(j,{status:e.data}),c(w,{}),c(F,{status:e.data})]})]})}function k({status:e}){let t=e.endpoints.is_encrypted?`https`:`http`,n=`${t}://${y(e.endpoints.otlp_grpc,location.hostname)}`,r=`${t}://${y(e.endpoints.otlp_http,location.hostname)}`;return c(`dl`,{class:`addresses`,children:[[`OTLP over gRPC`,n],[`OTLP over HTTP`,r]].map(([e,t])=>c(`div`,{children:[c(`dt`,{children:e}),c(`dd`,{children:[c(`code`,{children:t}),c(v,{text:t,label:`Copy the address of ${e}`})]})]},e))})}function A({status:e,stale:t}){let n=g(1e3),{spans:i,log_records:o}=e.stored,l=r(),u=a(i+o);s(()=>{i+o!==u.current&&(u.current=i+o,l.refetch())},[i,o]);let f=[e.newest_span_unix_nano,e.newest_log_unix_nano].filter(e=>e!==null).map(e=>BigInt(e)).reduce((e,t)=>e===null||t>e?t:e,null);if(t)return c(`p`,{class:`arrivals lost`,role:`status`,children:[c(`i`,{class:`lamp`}),`The server has stopped answering; what is shown here may be out of date.`]});if(f===null)return c(`p`,{class:`arrivals`,role:`status`,children:[c(`i`,{class:`lamp`}),`Waiting for the first span or log record`]});let p=(l.data?.services??[]).map(e=>e.name);return c(`p`,{class:`arrivals here`,children:[c(`i`,{class:`lamp`}),c(`span`,{children:[`Received `,c(`b`,{children:_(i,`span`)}),` and `,c(`b`,{children:_(o,`log record`)}),`, the newest `,d(f,n),p.length>0&&`, from ${p.slice(0,6).join(`, `)}${p.length>6?` and ${p.length-6} more`:``}`,`.`]}),c(`a`,{class:`button`,href:`/traces`,children:`Show the traces`})]})}function j({status:t}){let n=f(),r=b({grpc:y(t.endpoints.otlp_grpc,location.hostname),http:y(t.endpoints.otlp_http,location.hostname),isEncrypted:t.endpoints.is_encrypted}),[i,o]=e(n.query.for??r[0].id),s=r.find(e=>e.id===i)??r[0],l=a(null),u=e=>{o(e),n.path===`/connect`&&n.set({for:e===r[0].id?null:e},!0)};return c(`section`,{class:`snippets`,children:[c(`div`,{ref:l,class:`tabs`,role:`tablist`,"aria-label":`Settings for`,onKeyDown:e=>{let t=e.key===`ArrowRight`?1:e.key===`ArrowLeft`?-1:0;if(t===0)return;e.preventDefault();let n=r.indexOf(s),i=r[(n+t+r.length)%r.length].id;u(i),l.current?.querySelector(`#snippet-${i}`)?.focus()},children:r.map(e=>c(`button`,{id:`snippet-${e.id}`,type:`button`,role:`tab`,class:`tab`,"aria-selected":e===s,"aria-controls":`snippet-panel`,tabIndex:e===s?0:-1,onClick:()=>u(e.id),children:e.title},e.id))}),c(`div`,{id:`snippet-panel`,role:`tabpanel`,"aria-labelledby":`snippet-${s.id}`,children:[s.install&&c(M,{text:s.install,label:`Copy the install command`}),c(M,{text:s.code,label:`Copy the settings`})]})]})}function M({text:e,label:t}){return c(`div`,{class:`code`,children:[c(`pre`,{tabIndex:0,children:e}),c(v,{text:e,label:t})]})}var N={setting:`as set`,machine:`a share of the machine's`,control_group:`a share of the container's`,minimum:`the least that works`,unknown:`the system does not say what there is`};function P({memory:e}){return[[`Memory`,`${e.held_bytes===null?`at most`:`${l(e.held_bytes)} of at most`} ${l(e.budget_bytes)}, ${N[e.budget_source]}`],...e.is_short?[[`Senders wait`,`the server holds more memory than it should`]]:[],[`Requests in memory`,`${l(e.in_flight_bytes)} of at most ${l(e.in_flight_bytes_max)}`],[`Largest request`,l(e.request_bytes_max)],[`Memory of records not yet in a split`,`${l(e.hot_bytes)} of at most ${l(e.hot_bytes_max)}, a split at ${l(e.seal_bytes)}`],[`Memory of queries`,`${l(e.query_bytes)} of at most ${l(e.query_bytes_max)}`]]}function F({status:e}){let{stored:t}=e,r=[[`Version`,e.version],[`Data`,e.data_dir],[`Stored`,`${l(t.bytes+t.wal_bytes)} in ${_(t.splits,`split`)}`],[`Not yet in a split`,`${_(t.hot_spans,`span`)}, ${_(t.hot_log_records,`log record`)}`],[`Kept for`,e.retention_age_secs===null?`ever`:n(e.retention_age_secs)],[`On the disk`,`${l(e.disk.used_bytes)} of at most ${l(e.disk.limit_bytes)}`],...P(e),...e.disk.shortage===null?[]:[[`Records are refused`,e.disk.shortage]],...e.set_aside.length===0?[]:[[`Set aside`,e.set_aside.map(e=>`${e.what} ${e.name}: ${e.reason}`).join(`; `)]],[`Up for`,n(e.uptime_secs)]];return c(`section`,{class:`server`,children:[c(`h2`,{children:`This server`}),c(`dl`,{class:`server-facts`,children:r.map(([e,t])=>c(`div`,{children:[c(`dt`,{children:e}),c(`dd`,{class:`mono`,children:t})]},e))})]})}export{O as ConnectPage};