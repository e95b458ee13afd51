//! Is the tree of who may pass read as the contract says?

use super::super::super::schema::{Access, NoToken};
use super::{good, loaded, refused};

fn file(access: &str) -> String {
    format!("locations: [{{ match: {{ prefix: / }}, access: {access}, echo: true }}]\n")
}

fn access(text: &str) -> Access {
    good(&file(text)).locations.remove(0).access
}

/// The tree in one line.
fn shown(access: &Access) -> String {
    let list = |nodes: &[Access]| nodes.iter().map(shown).collect::<Vec<_>>().join(" ");
    let blocks = |blocks: &[super::super::super::value::Cidr]| {
        blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    match access {
        Access::Public => "public".to_owned(),
        Access::Realm { name, no_token: NoToken::Refuse } => name.value.clone(),
        Access::Realm { name, no_token: NoToken::PassWithoutIdentity } => format!("{}?", name.value),
        Access::Basic(basic) => format!("basic({:?})", basic.forward_password),
        Access::ForwardAuth(name) => format!("forward_auth({})", name.value),
        Access::Stage(name) => format!("stage({})", name.value),
        Access::Ip(list) => format!("ip({})", blocks(list)),
        Access::NotIp(list) => format!("not_ip({})", blocks(list)),
        Access::Check(text) => format!("check({})", text.value),
        Access::All(nodes) => format!("all({})", list(nodes)),
        Access::Any(nodes) => format!("any({})", list(nodes)),
        Access::Broken => "broken".to_owned(),
    }
}

#[test]
fn every_node_is_read() {
    for (text, tree) in [
        ("public", "public"),
        ("'public'", "public"),
        ("{ realm: app }", "app"),
        ("{ realm: app, optional: true }", "app?"),
        ("{ realm: app, optional: false }", "app"),
        ("{ ip: [10.0.0.0/8, '::1'] }", "ip(10.0.0.0/8 ::1/128)"),
        ("{ ip: 10.0.0.1 }", "ip(10.0.0.1/32)"),
        ("{ not_ip: [10.0.0.0/8] }", "not_ip(10.0.0.0/8)"),
        ("{ basic: { users: u } }", "basic(No)"),
        ("{ basic: { users: u, challenge: x, forward_password: true } }", "basic(Yes)"),
        ("{ forward_auth: verifier }", "forward_auth(verifier)"),
        ("{ stage: same_tenant }", "stage(same_tenant)"),
        ("{ check: 'a == b' }", "check(a == b)"),
        ("[{ realm: a }, { realm: b }]", "all(a b)"),
        ("{ all: [{ realm: a, optional: true }, [{ realm: b }]] }", "all(a? all(b))"),
        (
            "{ any: [{ ip: [10.0.0.0/8] }, { all: [{ realm: a }, { check: x }] }] }",
            "any(ip(10.0.0.0/8) all(a check(x)))",
        ),
        ("{ any: [{ realm: a, optional: false }] }", "any(a)"),
    ] {
        assert_eq!(shown(&access(text)), tree, "{text}");
    }
}

/// What is written, how the problem begins, and words in it.
const ACCESS_RULES: &[(&str, &str, &str)] = &[
    ("publc", ": expected \"public\"", "did you mean \"public\"?"),
    ("", ": expected \"public\"", "found nothing"),
    ("{}", ": one of \"realm\", \"basic\", \"forward_auth\", \"stage\", \"ip\"", "is needed"),
    ("[]", ": the list is empty: everybody would pass", ""),
    ("{ all: [] }", ".all: the list is empty: everybody would pass", ""),
    ("{ any: [] }", ".any: the list is empty: nobody would pass", ""),
    ("{ ip: [] }", ".ip: the list is empty", ""),
    ("{ not_ip: [] }", ".not_ip: the list is empty", ""),
    ("{ ip: [10.0.0.1/8, 10.0.0.0/8] }", ".ip[0]: ", "did you mean 10.0.0.0/8?"),
    ("{ realn: app, optional: true }", ": unknown key \"realn\"; did you mean \"realm\"?", ""),
    ("{ realm: }", ".realm: expected text, found nothing", ""),
    ("{ realm: app, optional: yes }", ".optional: ", "write true"),
    ("{ realm: app, ip: [10.0.0.1] }", ": \"realm\" and \"ip\" together", ""),
    ("{ ip: [10.0.0.1], optional: true }", ": \"optional\" belongs to a realm", ""),
    ("{ any: [{ realm: a, optional: true }] }", ".any[0].optional: \"optional: true\" inside \"any\"", ""),
    ("{ any: [{ all: [{ realm: a, optional: true }] }] }", ".any[0].all[0].optional: ", "inside \"any\""),
    ("{ any: [[{ realm: a, optional: true }]] }", ".any[0][0].optional: ", "inside \"any\""),
    ("{ any: [public, { realm: a }] }", ".any[0]: ", "\"public\" stands alone"),
    ("{ any: [~] }", ".any[0]: expected a node", "found nothing"),
    ("{ any: { realm: a } }", ".any: expected a list of nodes, found a mapping", ""),
    ("{ basic: {} }", ".basic: \"users\" is missing", ""),
    ("{ basic: { users: f, chalenge: x } }", ".basic: unknown key \"chalenge\"; did you mean \"challenge\"?", ""),
    ("{ basic: { users: f }, optional: true }", ": \"optional\" belongs to a realm", ""),
    ("{ forward_auth: [] }", ".forward_auth: expected", ""),
    ("{ forward_aut: a }", ": unknown key \"forward_aut\"; did you mean \"forward_auth\"?", ""),
];

#[test]
fn each_rule_of_access() {
    for (text, start, words) in ACCESS_RULES {
        refused(&file(text), &format!("locations[0].access{start}"), words);
    }
}

#[test]
fn a_broken_child_never_makes_the_tree_ask_for_less() {
    let loaded = loaded(&file("{ all: [{ realm: a }, { ip: [nonsense] }, { stage: [] }] }"));
    assert_eq!(shown(&loaded.config.locations[0].access), "all(a broken broken)");
}
