use std::collections::BTreeSet;

use super::native_routes;
use super::openapi::DOCUMENT;

#[test]
fn every_native_route_is_described_and_every_description_is_served() {
    let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let served: BTreeSet<(String, String)> = native_routes()
        .into_iter()
        .map(|(path, method, _)| (format!("/api{path}"), method.to_string()))
        .collect();
    assert_eq!(described, served);
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut references = 0;
    for (at, _) in DOCUMENT.match_indices("\"$ref\": \"#") {
        let rest = DOCUMENT.get(at + "\"$ref\": \"#".len()..).unwrap();
        let pointer = rest.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        references += 1;
    }
    assert!(references > 50, "{references}");
}
