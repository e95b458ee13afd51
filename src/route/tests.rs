//! Is the right location found?

use super::*;

struct Table(RouteTable<&'static str>);

impl Table {
    fn new() -> Self {
        Self(RouteTable::default())
    }

    fn with(mut self, host: &str, path: PathRule, name: &'static str) -> Self {
        let host = match host {
            "" => HostRule::Any,
            host => match host.strip_prefix('*') {
                Some(suffix) => HostRule::Wildcard(suffix.into()),
                None => HostRule::Exact(host.into()),
            },
        };
        self.0.add(host, path, Conditions::default(), name).unwrap();
        self
    }

    fn find(&self, host: &str, path: &str) -> &'static str {
        match self.0.find(0, host, path, &Method::GET) {
            Found::Target(name) => name,
            Found::MethodRefused(_) => "405",
            Found::Nothing => "404",
        }
    }
}

fn exact(path: &str) -> PathRule {
    PathRule::Exact(path.into())
}

fn prefix(path: &str) -> PathRule {
    PathRule::Prefix(path.into())
}

fn regex(text: &str) -> PathRule {
    PathRule::Regex(Regex::new(text).unwrap())
}

#[test]
fn prefixes_match_whole_segments() {
    let table = Table::new().with("", prefix("/api"), "api").with("", prefix("/old/"), "old");
    assert_eq!(table.find("", "/api"), "api");
    assert_eq!(table.find("", "/api/"), "api");
    assert_eq!(table.find("", "/api/x/y"), "api");
    assert_eq!(table.find("", "/apix"), "404");
    assert_eq!(table.find("", "/old"), "404");
    assert_eq!(table.find("", "/old/"), "old");
    assert_eq!(table.find("", "/old/x"), "old");
}

#[test]
fn exact_then_regex_then_longest_prefix() {
    let table = Table::new()
        .with("", prefix("/"), "root")
        .with("", prefix("/a"), "a")
        .with("", prefix("/a/b"), "ab")
        .with("", prefix("/a/b/"), "ab/")
        .with("", regex("^/a/[0-9]+$"), "digits")
        .with("", regex("^/a/7"), "seven")
        .with("", exact("/a/7"), "exact");
    assert_eq!(table.find("", "/a/7"), "exact");
    assert_eq!(table.find("", "/a/77"), "digits");
    assert_eq!(table.find("", "/a/7x"), "seven");
    assert_eq!(table.find("", "/a/b"), "ab");
    assert_eq!(table.find("", "/a/b/"), "ab/");
    assert_eq!(table.find("", "/a/b/c"), "ab/");
    assert_eq!(table.find("", "/a/c"), "a");
    assert_eq!(table.find("", "/"), "root");
    assert_eq!(table.find("", "/zzz/yyy/xxx/www"), "root");
}

#[test]
fn the_most_specific_host_with_a_match_decides() {
    let table = Table::new()
        .with("", prefix("/"), "any")
        .with("*.example.com", prefix("/"), "wild")
        .with("*.eu.example.com", prefix("/"), "eu")
        .with("a.eu.example.com", prefix("/only"), "exact");
    assert_eq!(table.find("a.eu.example.com", "/only/x"), "exact");
    assert_eq!(table.find("a.eu.example.com", "/other"), "eu");
    assert_eq!(table.find("b.example.com", "/"), "wild");
    assert_eq!(table.find("example.com", "/"), "any");
    assert_eq!(table.find(".example.com", "/"), "any");
    assert_eq!(table.find("", "/"), "any");
}

#[test]
fn of_equals_the_one_that_names_the_method() {
    let mut table = RouteTable::default();
    let get = Conditions { methods: Some(vec![Method::GET]), ..Conditions::default() };
    let put = Conditions { methods: Some(vec![Method::PUT]), ..Conditions::default() };
    table.add(HostRule::Any, prefix("/l"), get.clone(), "get").unwrap();
    table.add(HostRule::Any, prefix("/l"), Conditions::default(), "rest").unwrap();
    table.add(HostRule::Any, prefix("/m"), get.clone(), "get").unwrap();
    table.add(HostRule::Any, prefix("/m"), put, "put").unwrap();
    assert_eq!(table.find(0, "", "/l", &Method::GET), Found::Target(&"get"));
    assert_eq!(table.find(0, "", "/l", &Method::POST), Found::Target(&"rest"));
    assert_eq!(table.find(0, "", "/m", &Method::POST), Found::MethodRefused(vec![Method::GET, Method::PUT]));
    assert_eq!(table.add(HostRule::Any, prefix("/l"), get, "again"), Err(Overlap));
    assert_eq!(table.add(HostRule::Any, prefix("/l"), Conditions::default(), "again"), Err(Overlap));
}

#[test]
fn a_listener_that_is_named_goes_before_none() {
    let mut table = RouteTable::default();
    let second = Conditions { listener: Some(1), ..Conditions::default() };
    table.add(HostRule::Any, prefix("/"), Conditions::default(), "everywhere").unwrap();
    table.add(HostRule::Any, prefix("/"), second.clone(), "second").unwrap();
    table.add(HostRule::Any, prefix("/x"), second, "second x").unwrap();
    assert_eq!(table.find(0, "", "/", &Method::GET), Found::Target(&"everywhere"));
    assert_eq!(table.find(1, "", "/", &Method::GET), Found::Target(&"second"));
    assert_eq!(table.find(0, "", "/x", &Method::GET), Found::Target(&"everywhere"));
    assert_eq!(table.find(1, "", "/x", &Method::GET), Found::Target(&"second x"));
}

#[test]
fn agrees_with_a_plain_reading_of_the_rules() {
    let paths = ["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/ab", "/b/a", "/a/b/c/d"];
    let prefixes = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/b"];
    for mask in 0_u32..64 {
        let chosen: Vec<_> = prefixes.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).collect();
        let mut table = Table::new();
        for (_, text) in &chosen {
            table = table.with("", prefix(text), text);
        }
        for path in paths {
            let holds = |text: &str| {
                path == text || text.ends_with('/') && path.starts_with(text) || path.starts_with(&format!("{text}/"))
            };
            let expected =
                chosen.iter().map(|(_, text)| **text).filter(|text| holds(text)).max_by_key(|text| text.len());
            assert_eq!(table.find("", path), expected.unwrap_or("404"), "{path} in {chosen:?}");
        }
    }
}
