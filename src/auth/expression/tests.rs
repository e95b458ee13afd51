//! Do expressions and templates say what the reference promises?

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use http::request::Parts;

use super::facts::{Facts, Outcome};
use super::fields::Scope;
use super::template::Template;
use super::text::TextProblem;
use super::*;
use crate::auth::claim_rules::Claims;
use crate::auth::credential::{TokenNames, TokenSource};
use crate::auth::identity::{Identity, VerifiedToken};
use crate::auth::request::{Request, Scheme};

const CLAIMS: &str = r#"{"sub":"alice","user_id":656670838050885,"rate":1.10,"big":123456789012345678901234567890,
    "roles":["admin","dev"],"commas":["a,b"],"info":{"e-mail":"a@b","job title":"x"},"flag":true,"nothing":null,"ip":"192.0.2.7"}"#;

fn identity() -> Identity {
    let header = Json::parse(br#"{"alg":"HS256","kid":"k1"}"#).unwrap();
    let claims = Claims::parse(CLAIMS.as_bytes()).unwrap();
    let outer_header = Some(Json::parse(br#"{"alg":"dir","enc":"A256GCM","a b":{"c.d":[1]}}"#).unwrap());
    let token = VerifiedToken {
        algorithm: "HS256",
        header,
        outer_header,
        key_ids: Vec::new(),
        payload: CLAIMS.into(),
        claims,
        for_expressions: OnceLock::new(),
    };
    Identity::new("app".into(), Arc::new(token))
}

fn head() -> Parts {
    let request = http::Request::builder().method("POST").uri("/x");
    let request = request.header("x-one", "1").header("x-two", "a").header("x-two", "b");
    let request = request.header("cookie", "c=1; d=2; d=3").header("authorization", "Bearer secret");
    request.header("referer", "https://h/p?token=secret&a=1").body(()).unwrap().into_parts().0
}

fn request(head: &Parts) -> Request<'_> {
    Request {
        head,
        path: "/a/b",
        query: Some("q=1&token=secret&r=1&r=2"),
        host: "example.com",
        scheme: Scheme::Https,
        certificate: None,
        largest_token: 16 * 1024,
        client: Some("192.0.2.7".parse().unwrap()),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        answered: &[],
    }
}

fn text(source: &str) -> Result<Option<String>, TextProblem> {
    let (head, identity) = (head(), identity());
    let request = request(&head);
    let facts = Facts { request: &request, identity: Some(&identity), service: None, outcome: None };
    let expression = Expression::compile(source, Scope::IDENTITY).unwrap_or_else(|why| panic!("{source}: {why}"));
    expression.text(&facts).map(|text| text.map(Cow::into_owned))
}

fn holds(source: &str) -> bool {
    let (head, identity) = (head(), identity());
    let request = request(&head);
    let facts = Facts { request: &request, identity: Some(&identity), service: None, outcome: None };
    Expression::compile(source, Scope::IDENTITY).unwrap_or_else(|why| panic!("{source}: {why}")).holds(&facts)
}

#[test]
fn values_are_put_in_text_as_they_were_written() {
    for (source, expected) in [
        ("claims.sub", "alice"),
        ("claims.user_id", "656670838050885"),
        ("claims['user_id']", "656670838050885"),
        ("claims.rate", "1.10"),
        ("claims.big", "123456789012345678901234567890"),
        ("claims.roles", "admin,dev"),
        ("claims.roles[1]", "dev"),
        ("claims.info['e-mail']", "a@b"),
        ("claims.info[\"job title\"]", "x"),
        ("claims.info", r#"{"e-mail":"a@b","job title":"x"}"#),
        ("claims.flag", "true"),
        ("jose.kid", "k1"),
        ("jose_outer.enc", "A256GCM"),
        ("jose_outer['a b']['c.d'][0]", "1"),
        ("jose_outer.alg + '/' + jose.alg", "dir/HS256"),
        ("realm", "app"),
        ("request.method", "POST"),
        ("request.scheme", "https"),
        ("request.host", "example.com"),
        ("request.uri", "/a/b?q=1&token=secret&r=1&r=2"),
        ("request.headers['x-one']", "1"),
        ("request.headers['x-two']", "a, b"),
        ("request.cookies['c']", "1"),
        ("request.args['q']", "1"),
        ("request.time", "2023-11-14T22:13:20Z"),
        ("client.ip", "192.0.2.7"),
        ("claims.user_id + 1", "656670838050886"),
        ("claims.sub + '/' + request.method", "alice/POST"),
        ("'%' in claims ? 'x' : 'y'", "y"),
        ("url_encode(request.uri)", "%2Fa%2Fb%3Fq%3D1%26token%3Dsecret%26r%3D1%26r%3D2"),
        ("base64('a')", "YQ=="),
        ("lower('AbC')", "abc"),
        ("split('a b', ' ')", "a,b"),
        ("size(claims.roles)", "2"),
    ] {
        assert_eq!(text(source), Ok(Some(expected.to_owned())), "{source}");
    }
    assert_eq!(text("payload"), Ok(Some(crate::jose::compact_text(CLAIMS))), "it may stand in a header");
    assert!(holds("payload.contains('\\n')"), "an expression reads it as it is");
}

#[test]
fn what_is_not_there_has_no_value_and_what_is_repeated_fails() {
    for source in ["claims.missing", "claims.nothing", "claims.sub.deeper", "claims.roles[7]", "request.headers['no']"]
    {
        assert_eq!(text(source), Ok(None), "{source}");
    }
    for source in ["request.cookies['d']", "request.args['r']", "claims.missing + 'x'", "claims.sub + 1"] {
        assert_eq!(text(source), Err(TextProblem::Failed), "{source}");
    }
    assert!(matches!(text("claims.commas"), Err(TextProblem::Unusable(_))));
}

#[test]
fn a_check_is_true_only_if_it_is_true() {
    for source in [
        "claims.flag",
        "claims.sub == 'alice'",
        "'admin' in claims.roles",
        "claims.roles.exists(role, role == 'dev')",
        "claims.roles.all(role, role.size() > 2)",
        "!has(claims.ip2) || claims.ip2 == client.ip",
        "has(claims.ip) && claims.ip == client.ip",
        "in_cidr(client.ip, '192.0.2.0/24')",
        "claims.user_id == 656670838050885",
        "request.path.startsWith('/a')",
        "'x-one' in request.headers && !('x-three' in request.headers)",
        "request.time > timestamp('2023-01-01T00:00:00Z')",
        "claims.info['e-mail'].endsWith('@b')",
    ] {
        assert!(holds(source), "{source}");
    }
    for source in [
        "claims.sub",
        "claims.missing",
        "claims.missing == 'x'",
        "claims.sub == 1",
        "1 + 1",
        "'true'",
        "in_cidr('not an address', '192.0.2.0/24')",
        "in_cidr(client.ip, 'not a network')",
        "request.cookies['d'] == '2'",
        "1 / 0 == 1",
    ] {
        assert!(!holds(source), "{source}");
    }
}

#[test]
fn what_cannot_be_meant_is_an_error_at_load() {
    for (source, scope, expected) in [
        ("claims.", Scope::IDENTITY, "not a CEL expression"),
        ("", Scope::IDENTITY, "not a CEL expression"),
        ("claim.sub", Scope::IDENTITY, "there is no variable \"claim\""),
        ("claim.sub == 'x'", Scope::IDENTITY, "there is no variable \"claim\""),
        ("request.methd", Scope::IDENTITY, "\"request\" has no member \"methd\""),
        ("request.methd == 'GET'", Scope::IDENTITY, "\"request\" has no member \"methd\""),
        ("request.path.x", Scope::IDENTITY, "has no members"),
        ("request.headers['X-One']", Scope::IDENTITY, "lower case"),
        ("claims.sub", Scope::REQUEST, "no realm can have admitted before"),
        ("claims.sub == 'x'", Scope::REQUEST, "no realm can have admitted before"),
        ("realm == 'x'", Scope::REQUEST, "no realm can have admitted before"),
        ("response.status", Scope::IDENTITY, "access log only"),
        ("auth.headers['x']", Scope::IDENTITY, "no forward_auth service can have admitted"),
        ("auth.headers['x']", Scope::LOG, "no forward_auth service can have admitted"),
        ("auth.headers['X']", Scope::SERVICE, "in lower case"),
        ("auth.status", Scope::SERVICE, "only \"auth.headers\" is known here"),
        ("nope(claims.sub)", Scope::IDENTITY, "there is no function \"nope\""),
        ("claims.sub.nope()", Scope::IDENTITY, "there is no function \"nope\""),
        ("claims.roles.exists(role, rule == 'x')", Scope::IDENTITY, "there is no variable \"rule\""),
        ("max(1, 2)", Scope::IDENTITY, "there is no function \"max\""),
        ("claims.sub.lower()", Scope::IDENTITY, "is not a method: write lower(…)"),
        ("[claim.sub]", Scope::IDENTITY, "there is no variable"),
        ("{'a': claim.sub}", Scope::IDENTITY, "there is no variable"),
        ("client.certificate.name", Scope::IDENTITY, "has no member \"name\""),
    ] {
        let error = Expression::compile(source, scope).err().unwrap_or_else(|| panic!("{source} compiles"));
        assert!(error.contains(expected), "{source}: {error}");
    }
}

#[test]
fn a_template_is_text_with_expressions_in_braces() {
    let render = |source: &str| {
        let (head, identity) = (head(), identity());
        let request = request(&head);
        let facts = Facts { request: &request, identity: Some(&identity), service: None, outcome: None };
        let template = Template::compile(source, Scope::IDENTITY).unwrap();
        template.render(&facts).map(|text| text.map(Cow::into_owned))
    };
    let some = |text: &str| Ok(Some(text.to_owned()));
    assert_eq!(render("{claims.sub}"), some("alice"));
    assert_eq!(render("plain"), some("plain"));
    assert_eq!(render(""), some(""));
    assert_eq!(render("a {claims.sub} b { realm } c"), some("a alice b app c"));
    assert_eq!(render("{{{claims.sub}}}"), some("{alice}"));
    assert_eq!(render("{ {'a': '}'}['a'] }"), some("}"));
    assert_eq!(render("{claims.info[\"e-mail\"]}"), some("a@b"));
    assert_eq!(render("x {claims.missing}"), Ok(None));
    assert_eq!(render("x {request.args['r']}"), Err(TextProblem::Failed));
    for (source, expected) in
        [("{claims.sub", "not closed"), ("a } b", "closes nothing"), ("{}", "not a CEL"), ("{claim.x}", "no variable")]
    {
        let error = Template::compile(source, Scope::IDENTITY).unwrap_err();
        assert!(error.contains(expected), "{source}: {error}");
    }
}

#[test]
fn class_37_a_log_line_shows_no_token_and_no_control_character() {
    let head = head();
    let request = request(&head);
    let secrets = TokenNames::of([TokenSource::Query("token".into())].iter());
    let outcome = Outcome {
        status: 200,
        bytes: 17,
        auth_status: "granted",
        auth_reason: None,
        upstream_address: Some("127.0.0.1:1"),
        upstream_status: Some(200),
        upstream_time: Some(Duration::from_millis(1500)),
        secrets: &secrets,
    };
    let facts = Facts { request: &request, identity: None, service: None, outcome: Some(&outcome) };
    let render = |source: &str| Template::compile(source, Scope::LOG).unwrap().render_log(&facts);
    assert_eq!(
        render("{client.ip} {response.status} {response.bytes} JWT:{auth.status}"),
        "192.0.2.7 200 17 JWT:granted"
    );
    assert_eq!(render("{auth.reason} {auth.subject} {claims.sub} {upstream.time}"), "- - - 1.500");
    for source in [
        "{request.uri}",
        "{request.query}",
        "{request.args['token']}",
        "{request.headers['authorization']}",
        "{request.headers['cookie']}",
        "{request.headers['referer']}",
        "{request.cookies['c']}",
        "{string(request.headers)}{request.uri + request.headers['authorization']}",
        "{request.args['token'] + 'x'}",
    ] {
        assert!(!render(source).contains("secret"), "{source}: {}", render(source));
    }
    assert_eq!(render("{'a\\n\\u001b\"'}"), "a\\n\\u{1b}\\\"");
}

#[test]
fn a_query_of_thousands_of_arguments_is_read_once() {
    let query: Vec<String> = (0..8000).map(|number| format!("a{number}")).collect();
    let query = query.join("&");
    let head = head();
    let request = Request { query: Some(&query), ..request(&head) };
    let facts = Facts::of(&request);
    assert_eq!(request.all_arguments().len(), 8000);
    let expression =
        Expression::compile("size(request.args) == 8000 && request.args['a7999'] == ''", Scope::REQUEST).unwrap();
    assert!(expression.holds(&facts));
}

#[test]
fn what_can_never_be_evaluated_is_an_error_at_load() {
    for (source, words) in [
        ("request.path", "this gives text"),
        ("'yes'", "this gives text"),
        ("size(claims.roles)", "this gives a number"),
        ("request.time", "this gives a time"),
        ("split(claims.scope, ' ')", "this gives a list"),
        ("request.method == 1", "text is compared with a number"),
        ("size(claims.roles) > 'a'", "a number is compared with text"),
        ("client.ip == true", "text is compared with true or false"),
        ("!request.path", "text stands where true or false is needed"),
        ("claims.a && request.host", "text stands where true or false is needed"),
        ("request.path + 1 == 'a'", "text and a number cannot be added"),
        ("request.path * 2 == 4", "text stands where a number is needed"),
        ("'a' in request.path", "\"in\" looks through a list or a map, and this is text"),
        ("request.path.exists(c, c == 'a')", "a macro goes through a list or a map"),
    ] {
        let error = Expression::compile_condition(source, Scope::IDENTITY).err().unwrap_or_else(|| panic!("{source}"));
        assert!(error.contains(words), "{source}: {error}");
    }
    for source in [
        "claims.admin",
        "claims.level > 3 && claims.name + '@x' == request.host",
        "request.time < timestamp('2030-01-01T00:00:00Z')",
        "request.time - timestamp('2030-01-01T00:00:00Z') < duration('1h')",
        "has(claims.ip) ? claims.ip == client.ip : true",
        "!has(claims.ip) || claims.ip == client.ip",
        "'x' in request.headers && request.headers['x'].startsWith('a')",
        "claims.roles.exists(r, r in ['a', 'b'])",
        "request.time.getHours() < 18",
    ] {
        assert!(Expression::compile_condition(source, Scope::IDENTITY).is_ok(), "{source}");
    }
}

#[test]
fn a_client_brings_no_patterns() {
    let error = Expression::compile_condition("request.path.matches(request.args['p'])", Scope::IDENTITY).unwrap_err();
    assert!(error.contains("has to be written here"), "{error}");
}

#[test]
fn a_client_cannot_make_an_expression_slow() {
    for source in [
        "claims.a.all(x, claims.b.all(y, x != y))",
        "claims.a.exists(x, x in claims.b)",
        "claims.a.map(x, claims.b.map(y, y)).size() > 0",
        "claims.a.all(x, x.all(y, y.all(z, true)))",
        "split(claims.scope, ' ').all(x, x in split(claims.other, ' '))",
        "split(request.path, '/').exists(s, s.matches('^[0-9]+$'))",
        "claims.a.exists(x, size(split(claims.s, ',')) > 9)",
        "claims.a.exists(x, claims.b == claims.c)",
        "claims.a.map(x, claims.s + claims.s).size() > 0",
        "claims.a.map(x, claims.a).exists(l, l == claims.b)",
        "claims.a.exists(x, x.contains(claims.s))",
    ] {
        let error = Expression::compile_condition(source, Scope::IDENTITY).err().unwrap_or_else(|| panic!("{source}"));
        assert!(error.contains("a loop within a loop"), "{source}: {error}");
    }
    for source in [
        "claims.a.exists(x, x in ['a', 'b'])",
        "['a', 'b'].exists(x, x in claims.a)",
        "['a', 'b'].all(x, claims.a.exists(y, y == x))",
        "claims.a.all(x, x != 'c') && claims.b.all(x, x != 'd')",
        "claims.a.filter(x, x > 1).all(x, x < 9)",
        "claims.a.exists(x, x == claims.b)",
        "claims.a.exists(x, lower(x) == 'b' || x.startsWith(request.host))",
        "request.path.matches('^/u/[0-9]+$')",
    ] {
        assert!(Expression::compile_condition(source, Scope::IDENTITY).is_ok(), "{source}");
    }
}
