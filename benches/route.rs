//! What does finding a location cost, among 10, 1,000 and 10,000? It must not grow with their number.

#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a benchmark that cannot start must fail")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::Method;
use portcullis::path::NormalPath;
use portcullis::route::{Conditions, HostRule, PathRule, RouteTable};

/// A tenth of the rules are for hosts of their own, a tenth are exact, the rest are prefixes of one host.
fn table(rules: usize) -> RouteTable<usize> {
    let mut table = RouteTable::default();
    for rule in 0..rules {
        let (host, path) = match rule % 10 {
            0 => (HostRule::Exact(format!("h{rule}.example.com").into()), PathRule::Prefix("/".into())),
            1 => (HostRule::Any, PathRule::Exact(format!("/exact/{rule}").into())),
            _ => (HostRule::Any, PathRule::Prefix(format!("/api/v1/service-{rule}").into())),
        };
        table.add(host, path, Conditions::default(), rule).unwrap();
    }
    table.add(HostRule::Any, PathRule::Prefix("/".into()), Conditions::default(), rules).unwrap();
    table
}

fn route(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for rules in [10, 1_000, 10_000] {
        let table = table(rules);
        let last = rules - 1;
        let path = format!("/api/v1/service-{last}/items/42");
        for (name, host, path) in [
            ("prefix", "example.com", path.as_str()),
            ("exact", "example.com", "/exact/1"),
            ("host", "h0.example.com", "/x/y"),
            ("fallback", "example.com", "/none/of/them/at/all"),
        ] {
            group.bench_function(format!("{rules}/{name}"), |bencher| {
                bencher.iter(|| table.find(0, black_box(host), black_box(path), &Method::GET));
            });
        }
    }
    group.finish();

    let mut group = criterion.benchmark_group("path");
    group.bench_function("already normal", |bencher| {
        bencher.iter(|| NormalPath::parse(black_box(b"/api/v1/service-42/items/42")))
    });
    group.bench_function("normalised", |bencher| {
        bencher.iter(|| NormalPath::parse(black_box(b"/api//v1/./x/../service%2D42/items/42")))
    });
    group.finish();
}

criterion_group!(benches, route);
criterion_main!(benches);
