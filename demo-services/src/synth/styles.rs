//! The log templates of L-std, in twelve styles; all of them made up for this workload. A name in
//! angle brackets is filled in for each record (see `templates`).

use super::severity::Severity::{self, Debug, Error, Fatal, Info, Warn};

/// A way to write log records.
pub(super) struct Style {
    pub(super) name: &'static str,
    /// What wrote them: the value of the attribute `logger.name`.
    pub(super) logger: &'static str,
    /// The frequent ones first.
    pub(super) templates: &'static [(Severity, &'static str)],
}

/// All styles.
pub(super) const STYLES: [Style; 12] = [
    Style {
        name: "access log",
        logger: "com.example.http.access",
        templates: &[
            (
                Info,
                r#"<ip> - <user> [<clf>] "<method> <path> HTTP/1.1" <code> <size> "-" "<agent>""#,
            ),
            (
                Info,
                r#"<ip> - - [<clf>] "<method> <path>?page=<port> HTTP/2.0" <code> <size> <ms>"#,
            ),
            (
                Info,
                r#"<ip> - <user> [<clf>] "GET /assets/<hex16>.js HTTP/2.0" 304 0 "-" "<agent>""#,
            ),
            (
                Info,
                r#"<ip> - probe [<clf>] "GET /healthz HTTP/1.1" 200 2 "-" "prober/<port>""#,
            ),
            (
                Info,
                r#"<ip> - <user> [<clf>] "GET /images/<sku>/large.webp HTTP/2.0" 200 <size> "-" "<agent>""#,
            ),
            (
                Warn,
                r#"<ip> - <user> [<clf>] "POST <path> HTTP/1.1" 429 <size> "-" "<agent>" limited"#,
            ),
            (
                Warn,
                r#"<ip> - - [<clf>] "GET /wp-login.php?try=<int> HTTP/1.1" 404 <size> "-" "-""#,
            ),
            (
                Error,
                r#"<ip> - <user> [<clf>] "PUT <path> HTTP/1.1" 502 <size> "-" "<agent>" upstream=<ip>:<port>"#,
            ),
        ],
    },
    Style {
        name: "json",
        logger: "com.example.orders.json",
        templates: &[
            (
                Info,
                r#"{"ts":"<time>","level":"info","msg":"order accepted","order_id":"<uuid>","user":"<user>","lines":<port>,"total_cents":<int>,"took_ms":<ms>}"#,
            ),
            (
                Info,
                r#"{"ts":"<time>","level":"info","msg":"price computed","sku":"<sku>","currency":"EUR","net":<float>,"gross":<float>,"rule":"<word>"}"#,
            ),
            (
                Info,
                r#"{"ts":"<time>","level":"info","msg":"message consumed","topic":"<word>","partition":<port>,"offset":<big>,"lag":<int>,"key":"<hex16>"}"#,
            ),
            (
                Info,
                r#"{"ts":"<time>","level":"info","msg":"request finished","http":{"method":"<method>","path":"<path>","status":<code>},"took_us":<us>,"peer":"<ip>"}"#,
            ),
            (
                Debug,
                r#"{"ts":"<time>","level":"debug","msg":"cache lookup","key":"<hex32>","hit":true,"age_s":<int>,"shard":<port>}"#,
            ),
            (
                Debug,
                r#"{"ts":"<time>","level":"debug","msg":"feature evaluated","flag":"<word>-banner","variant":"<word>","user":"<user>"}"#,
            ),
            (
                Warn,
                r#"{"ts":"<time>","level":"warn","msg":"retrying call","target":"<pod>","attempt":<port>,"backoff_ms":<ms>,"reason":"deadline exceeded"}"#,
            ),
            (
                Error,
                r#"{"ts":"<time>","level":"error","msg":"payment declined by issuer","payment_id":"<uuid>","code":"do_not_honour","amount_cents":<int>,"user":"<user>"}"#,
            ),
            (
                Error,
                r#"{"ts":"<time>","level":"error","msg":"cannot parse the event","offset":<big>,"error":"unexpected end of input at byte <int>","raw":"<hex32>"}"#,
            ),
        ],
    },
    Style {
        name: "logfmt",
        logger: "example/fulfilment",
        templates: &[
            (
                Info,
                r#"time=<time> level=info msg="reservation made" sku=<sku> quantity=<port> warehouse=<word> reservation=<hex16> duration=<ms>ms"#,
            ),
            (
                Info,
                r#"time=<time> level=info msg="parcel weighed" parcel=<uuid> grams=<int> belt=<port> station=<word>"#,
            ),
            (
                Info,
                r#"time=<time> level=info msg="label printed" carrier=<word> tracking=<big> bytes=<size>"#,
            ),
            (
                Info,
                r#"time=<time> level=info component=scheduler msg="job finished" job=<word>-sync run=<int> rows=<int> took=<float>s"#,
            ),
            (
                Debug,
                r#"time=<time> level=debug msg="lease renewed" holder=<pod> epoch=<int> ttl=15s"#,
            ),
            (
                Debug,
                r#"time=<time> level=debug msg="page fetched" cursor=<hex32> count=<port> next=<big>"#,
            ),
            (
                Warn,
                r#"time=<time> level=warn msg="queue is filling up" queue=<word> depth=<int> limit=100000 oldest_ms=<ms>"#,
            ),
            (
                Warn,
                r#"time=<time> level=warn msg="clock skew" peer=<ip>:<port> skew_us=<us>"#,
            ),
            (
                Error,
                r#"time=<time> level=error msg="carrier refused the label" carrier=<word> status=<code> request=<uuid> err="address incomplete""#,
            ),
        ],
    },
    Style {
        name: "sql slow log",
        logger: "sql.slow",
        templates: &[
            (
                Warn,
                "duration: <ms>.<port> ms  statement: SELECT id, state, total_cents FROM orders WHERE user_id = '<user>' AND created_at > '<time>' ORDER BY created_at DESC LIMIT 50",
            ),
            (
                Warn,
                "duration: <ms>.<port> ms  statement: UPDATE stock SET on_hand = on_hand - <port> WHERE sku = '<sku>' AND on_hand >= <port>",
            ),
            (
                Warn,
                "# Query_time: <float>  Lock_time: <float> Rows_sent: <int>  Rows_examined: <big>\nSELECT r.id, r.stars FROM reviews r JOIN items i ON i.id = r.item_id WHERE i.sku = '<sku>';",
            ),
            (
                Warn,
                "duration: <ms>.<port> ms  plan: Seq Scan on ledger_entries  (cost=0.00..<int>.<port> rows=<int> width=64) Filter: (account = <big>)",
            ),
            (
                Info,
                "checkpoint complete: wrote <int> buffers; <port> WAL file(s) added; write=<float> s, sync=<float> s; distance=<int> kB",
            ),
            (
                Info,
                "automatic vacuum of table \"shop.public.<word>\": index scans: <port> pages: <int> removed, <int> remain; elapsed: <float> s",
            ),
            (
                Error,
                "process <pid> detected deadlock while waiting for ShareLock on transaction <big> after <ms> ms; CONTEXT: while updating tuple (<int>,<port>) in relation \"baskets\"",
            ),
            (
                Error,
                "duplicate key value violates unique constraint \"payments_pkey\" DETAIL: Key (id)=(<uuid>) already exists.",
            ),
        ],
    },
    Style {
        name: "java stack trace",
        logger: "com.example.shop.Worker",
        templates: &[
            (
                Error,
                "java.lang.IllegalStateException: basket <hex16> is already closed\n\tat com.example.cart.Basket.add(Basket.java:<line>)\n\tat com.example.cart.CartService.addLine(CartService.java:<line>)\n\tat com.example.rpc.Handler.invoke(Handler.java:<line>)",
            ),
            (
                Error,
                "java.net.SocketTimeoutException: Read timed out after <ms> ms from <ip>:<port>\n\tat java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:<line>)\n\tat com.example.pay.Issuer.authorise(Issuer.java:<line>)",
            ),
            (
                Warn,
                "retry <port> of 5 for order <uuid> failed: com.example.stock.ShortStock: sku <sku> has <port> left\n\tat com.example.stock.Shelf.take(Shelf.java:<line>)",
            ),
            (
                Error,
                "java.lang.NullPointerException: Cannot invoke \"Address.city()\" because \"address\" is null [request <hex16>]\n\tat com.example.tax.Rates.of(Rates.java:<line>)\n\tat com.example.tax.TaxService.quote(TaxService.java:<line>)\nCaused by: com.example.geo.NotFound: no such place <int>\n\t... <port> more",
            ),
            (
                Info,
                "[worker-<port>] INFO  c.e.shop.Worker - finished batch <hex16> of <int> lines in <ms> ms",
            ),
            (
                Info,
                "[http-nio-<port>] INFO  c.e.shop.Audit - user <user> changed <word> of order <uuid>",
            ),
            (
                Fatal,
                "java.lang.OutOfMemoryError: Java heap space, <size> bytes asked by thread <pid>\n\tat com.example.media.Scaler.scale(Scaler.java:<line>)\n\tat com.example.media.Pool.run(Pool.java:<line>)",
            ),
        ],
    },
    Style {
        name: "python traceback",
        logger: "shop.recommend.tasks",
        templates: &[
            (
                Error,
                "Traceback (most recent call last):\n  File \"/srv/recommend/tasks.py\", line <line>, in score\n    row = table[user]\nKeyError: '<user>'",
            ),
            (
                Error,
                "Traceback (most recent call last):\n  File \"/srv/recommend/http.py\", line <line>, in fetch\n    reply = session.get(url, timeout=2)\n  File \"/srv/recommend/pool.py\", line <line>, in send\nConnectionError: connection to <ip> port <port> refused",
            ),
            (
                Info,
                "[<time>: INFO/Worker-<port>] Task recommend.tasks.refresh[<uuid>] succeeded in <float>s: <int> rows",
            ),
            (
                Info,
                "[<time>: INFO/MainProcess] Task recommend.tasks.score[<uuid>] received",
            ),
            (
                Info,
                "epoch <port> batch <int>: loss=<float> rate=<float> examples=<big> model=<hex8>",
            ),
            (
                Debug,
                "nearest neighbours of <sku>: <port> of <int> candidates above <float> in <us> us",
            ),
            (
                Warn,
                "/srv/recommend/vectors.py:<line>: RuntimeWarning: overflow encountered in dot, item <sku>",
            ),
            (
                Error,
                "Traceback (most recent call last):\n  File \"/srv/recommend/decode.py\", line <line>, in read\nUnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position <int>: invalid continuation byte (café, 東京)",
            ),
        ],
    },
    Style {
        name: "go panic",
        logger: "ledger",
        templates: &[
            (
                Info,
                "<time> posting.go:<line>: posted entry <uuid> account=<big> amount=<int> balance=<big>",
            ),
            (
                Info,
                "<time> server.go:<line>: <method> <path> <code> in <float>ms from <ip>",
            ),
            (
                Info,
                "<time> raft.go:<line>: applied index <big> term <port> on <pod>",
            ),
            (
                Debug,
                "<time> pool.go:<line>: connection <hex8> reused after <ms>ms idle, <port> open",
            ),
            (
                Warn,
                "<time> compact.go:<line>: level <port> holds <int> tables, compaction is behind by <size> bytes",
            ),
            (
                Error,
                "panic: runtime error: index out of range [<port>] with length <port>\n\ngoroutine <int> [running]:\nledger/internal/book.(*Page).At(0x<hex8>, 0x<hex8>)\n\t/src/book/page.go:<line> +0x<hex8>\nmain.main()\n\t/src/main.go:<line>",
            ),
            (
                Error,
                "<time> rpc.go:<line>: context deadline exceeded calling <service> after <ms>ms (request <hex16>)",
            ),
            (
                Fatal,
                "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine <int> [chan receive, <port> minutes]:\nledger/internal/queue.Wait(0x<hex8>)\n\t/src/queue/wait.go:<line> +0x<hex8>",
            ),
        ],
    },
    Style {
        name: "rust backtrace",
        logger: "pricing::engine",
        templates: &[
            (
                Info,
                "<time>  INFO pricing::engine: quote ready quote_id=<uuid> lines=<port> elapsed=<float>ms",
            ),
            (
                Info,
                "<time>  INFO pricing::rules: rules reloaded version=<hex8> rules=<int> changed=<port>",
            ),
            (
                Debug,
                "<time> DEBUG pricing::cache: evicted key=<hex32> weight=<size> generation=<int>",
            ),
            (
                Debug,
                "<time> DEBUG pricing::http: response sent status=<code> bytes=<size> peer=<ip>:<port>",
            ),
            (
                Warn,
                "<time>  WARN pricing::engine: stale rate used currency=<word> age_s=<int> quote_id=<uuid>",
            ),
            (
                Error,
                "thread 'pricing-<port>' panicked at src/engine/round.rs:<line>:9:\nattempt to divide by zero in rule <hex8>\nstack backtrace:\n   0: pricing::engine::round::half_even\n             at ./src/engine/round.rs:<line>\n   1: pricing::engine::run\n             at ./src/engine/mod.rs:<line>",
            ),
            (
                Error,
                "<time> ERROR pricing::store: write refused error=\"no space left on device\" file=/var/lib/pricing/<hex16>.dat offset=<big>",
            ),
        ],
    },
    Style {
        name: "kubernetes",
        logger: "kubelet",
        templates: &[
            (
                Info,
                "I1123 kubelet.go:<line>] \"Container started\" pod=\"shop/<pod>\" podUID=\"<uuid>\" container=\"app\" restartCount=<port>",
            ),
            (
                Info,
                "I1123 replica_set.go:<line>] \"Finished syncing\" kind=\"ReplicaSet\" key=\"shop/<service>-<hex8>\" duration=\"<float>ms\"",
            ),
            (
                Info,
                "Normal  Pulled  pod/<pod>  Container image \"registry.example/shop/<service>@sha256:<hex32>\" already present on machine",
            ),
            (
                Info,
                "Normal  Scheduled  pod/<pod>  Successfully assigned shop/<pod> to <node>",
            ),
            (
                Warn,
                "Warning  Unhealthy  pod/<pod>  Readiness probe failed: Get \"http://<ip>:<port>/readyz\": context deadline exceeded",
            ),
            (
                Warn,
                "Warning  BackOff  pod/<pod>  Back-off restarting failed container app, next try in <port>s",
            ),
            (
                Warn,
                "W1123 eviction.go:<line>] \"Memory pressure\" node=\"<node>\" available=\"<size>\" threshold=\"104857600\"",
            ),
            (
                Error,
                "E1123 pod_workers.go:<line>] \"Error syncing pod, skipping\" err=\"failed to pull image\" pod=\"shop/<pod>\" podUID=\"<uuid>\"",
            ),
            (
                Fatal,
                "F1123 main.go:<line>] \"Cannot reach the API server\" server=\"https://<ip>:6443\" lastContact=\"<time>\"",
            ),
        ],
    },
    Style {
        name: "nginx",
        logger: "nginx.error",
        templates: &[
            (
                Info,
                r#"<slash> [notice] <pid>#<pid>: signal process started, <port> worker processes"#,
            ),
            (
                Info,
                r#"<slash> [info] <pid>#0: *<big> client <ip> closed keepalive connection"#,
            ),
            (
                Warn,
                r#"<slash> [warn] <pid>#0: *<big> a client request body is buffered to a temporary file /var/cache/nginx/client_temp/<big>, client: <ip>, request: "POST <path> HTTP/1.1""#,
            ),
            (
                Warn,
                r#"<slash> [warn] <pid>#0: *<big> an upstream response is buffered to a temporary file, upstream: "http://<ip>:<port><path>""#,
            ),
            (
                Error,
                r#"<slash> [error] <pid>#0: *<big> connect() failed (111: Connection refused) while connecting to upstream, client: <ip>, server: shop.example, upstream: "http://<ip>:<port><path>""#,
            ),
            (
                Error,
                r#"<slash> [error] <pid>#0: *<big> upstream timed out (110: Connection timed out) while reading response header, client: <ip>, request: "<method> <path> HTTP/2.0""#,
            ),
            (
                Error,
                r#"<slash> [error] <pid>#0: *<big> limiting requests, excess: <float> by zone "api", client: <ip>"#,
            ),
        ],
    },
    Style {
        name: "systemd",
        logger: "systemd",
        templates: &[
            (
                Info,
                "<syslog> <node> systemd[1]: Started shop-<service>.service - <service> of the shop, instance <port>.",
            ),
            (
                Info,
                "<syslog> <node> systemd[1]: session-<int>.scope: Deactivated successfully after <float>s.",
            ),
            (
                Info,
                "<syslog> <node> sshd[<pid>]: Accepted publickey for deploy from <ip> port <port> ssh2: ED25519 SHA256:<hex32>",
            ),
            (
                Info,
                "<syslog> <node> CRON[<pid>]: (root) CMD (/usr/lib/shop/rotate --keep <port>)",
            ),
            (
                Info,
                "<syslog> <node> kernel: [<big>.<int>] TCP: request_sock_TCP: Possible SYN flooding on port <port>. Sending cookies.",
            ),
            (
                Warn,
                "<syslog> <node> systemd-resolved[<pid>]: Using degraded feature set UDP instead of UDP+EDNS0 for DNS server <ip>.",
            ),
            (
                Warn,
                "<syslog> <node> systemd[1]: shop-<service>.service: Consumed <float>s CPU time, <size>B memory peak, watchdog in <port>s.",
            ),
            (
                Error,
                "<syslog> <node> systemd[1]: shop-<service>.service: Main process exited, code=exited, status=<port>/FAILURE (pid <pid>)",
            ),
            (
                Error,
                "<syslog> <node> kernel: [<big>.<int>] Out of memory: Killed process <pid> (<service>) total-vm:<size>kB, anon-rss:<size>kB, UID:<port>",
            ),
        ],
    },
    Style {
        name: "plain text",
        logger: "shop.audit",
        templates: &[
            (Info, "User <user> signed in from <ip> with session <hex32>"),
            (
                Info,
                "Basket <uuid> of <user>: <port> x <sku> added, subtotal <int> cents",
            ),
            (
                Info,
                "Sent mail <big> to <user> using template <word>, queued for <ms> ms",
            ),
            (
                Info,
                "Uploaded /var/spool/shop/<word>/<hex16>.csv (<size> bytes, <int> rows) in <float> s",
            ),
            (
                Debug,
                "Cache <word>: <int> entries, <float> hit rate, oldest <ms> ms, tag <hex8>",
            ),
            (
                Debug,
                "Token <hex32> of client <ip>:<port> refreshed, valid for <int> s",
            ),
            (
                Warn,
                "Voucher <hex8> was used twice by <user> within <ms> ms; the second use is kept for review",
            ),
            (
                Warn,
                "Überweisung <big> für <user> verspätet: <ms> ms, naïve Schätzung <float>, Größe <size>",
            ),
            (
                Error,
                "Could not deliver webhook <uuid> to https://partner-<port>.example/hooks: status <code> after <port> attempts",
            ),
            (
                Fatal,
                "Ledger is out of balance by <int> cents after entry <uuid>; writes are stopped",
            ),
        ],
    },
];
