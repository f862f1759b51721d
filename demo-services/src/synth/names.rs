//! The made-up system: its services, their instances and operations, and who calls them.

use super::wire;

/// Services; the first has most of the spans.
pub(super) const SERVICES: [&str; 20] = [
    "storefront",
    "search",
    "catalog",
    "pricing",
    "cart",
    "checkout",
    "accounts",
    "sessions",
    "payments",
    "inventory",
    "recommendations",
    "reviews",
    "shipping",
    "tax",
    "fraud",
    "media",
    "notifications",
    "loyalty",
    "returns",
    "ledger",
];
/// Operations of each service.
pub(super) const OPERATIONS: usize = 30;
/// Instances of each service.
pub(super) const INSTANCES: usize = 2;

/// HTTP methods of operations.
pub(super) const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

const NOUNS: [&str; 10] = [
    "items", "orders", "quotes", "baskets", "profiles", "tokens", "events", "labels", "batches",
    "reports",
];
const LANGUAGES: [&str; 4] = ["java", "go", "python", "rust"];
const BROWSERS: [&str; 5] = ["Firefox", "Chrome", "Safari", "Edge", "Opera"];
const SYSTEMS: [&str; 6] = [
    "X11; Linux x86_64",
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 14_5",
    "iPhone; CPU iPhone OS 17_4 like Mac OS X",
    "Linux; Android 14; Pixel 8",
    "X11; CrOS x86_64 15633.69.0",
];

/// One operation of a service.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// What spans are called: method and route.
    pub(super) name: String,
    /// The route: every operation of every service has its own.
    pub(super) route: String,
    /// Host and path of its URLs up to the id.
    pub(super) url_start: String,
    /// A statement with a place for a number where the question mark is.
    pub(super) query: (String, String),
}

/// What is the same for all traces.
pub(super) struct Names {
    /// By service and operation.
    pub(super) operations: Vec<Vec<Operation>>,
    /// The encoded resource of each instance, by service and instance.
    pub(super) resources: Vec<Vec<u8>>,
    /// User agents.
    pub(super) user_agents: Vec<String>,
}

impl Names {
    pub(super) fn new() -> Self {
        let operations = SERVICES.iter().map(|service| {
            let of_service = (0..OPERATIONS).map(|number| operation(service, number));
            of_service.collect()
        });
        let instances = (0..SERVICES.len() * INSTANCES)
            .map(|place| resource(place / INSTANCES, place % INSTANCES));
        let user_agents = SYSTEMS.iter().flat_map(|system| {
            BROWSERS.iter().zip(118..).map(move |(browser, version)| {
                format!("Mozilla/5.0 ({system}) {browser}/{version}.0")
            })
        });
        Self {
            operations: operations.collect(),
            resources: instances.collect(),
            user_agents: user_agents.collect(),
        }
    }
}

fn operation(service: &str, number: usize) -> Operation {
    let noun = NOUNS[number % NOUNS.len()];
    let method = METHODS[(number / NOUNS.len() + number) % METHODS.len()];
    let version = number / NOUNS.len() + 1;
    let route = format!("/api/v{version}/{service}/{noun}/{{id}}");
    let table = format!("{service}_{noun}");
    Operation {
        method,
        name: format!("{method} {route}"),
        url_start: format!("https://{service}.shop.example/api/v{version}/{service}/{noun}/"),
        route,
        query: (
            format!("SELECT id, state, updated_at FROM {table} WHERE owner_id = "),
            format!(" ORDER BY updated_at DESC LIMIT {}", 10 * version),
        ),
    }
}

/// The pod of an instance.
pub(super) fn pod(service: usize, instance: usize) -> String {
    let hash = super::dice::spread((service * INSTANCES + instance) as u64);
    let (set, pod) = (hash >> 32, hash & 0xf_ffff);
    format!("{}-{:08x}-{pod:05x}", SERVICES[service], set & 0xffff_ffff)
}

fn resource(service: usize, instance: usize) -> Vec<u8> {
    let pod = pod(service, instance);
    let version = format!("{}.{}.{}", 1 + service % 4, service, instance);
    let host = format!("node-{:02}", (service * 7 + instance * 3) % 12);
    let attributes = [
        ("service.name", SERVICES[service]),
        ("service.namespace", "synthetic-shop"),
        ("service.version", &version),
        ("service.instance.id", &pod),
        ("deployment.environment.name", "benchmark"),
        ("host.name", &host),
        ("k8s.pod.name", &pod),
        (
            "telemetry.sdk.language",
            LANGUAGES[service % LANGUAGES.len()],
        ),
    ];
    let mut out = Vec::new();
    for (key, value) in attributes {
        wire::text_attribute(&mut out, 1, key, value.as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_a_route_of_its_own() {
        let names = Names::new();
        let routes: BTreeSet<_> = names
            .operations
            .iter()
            .flatten()
            .map(|one| &one.route)
            .collect();

        assert_eq!(routes.len(), 600);
        assert_eq!(names.user_agents.iter().collect::<BTreeSet<_>>().len(), 30);
    }
}
