//! Who may pass?

use super::super::place::quoted;
use super::super::schema::{Access, Basic, ForwardPassword, NoToken};
use super::super::suggest::did_you_mean;
use super::super::value::{Cidr, cidr};
use super::list::one_or_some;
use super::scalar::{boolean, file, located_text, parsed};
use super::{Decoder, Section, Value};

#[derive(Clone, Copy)]
enum Node {
    Realm,
    Basic,
    ForwardAuth,
    Stage,
    Ip,
    NotIp,
    Check,
    All,
    Any,
}

const NODES: [(&str, Node); 9] = [
    ("realm", Node::Realm),
    ("basic", Node::Basic),
    ("forward_auth", Node::ForwardAuth),
    ("stage", Node::Stage),
    ("ip", Node::Ip),
    ("not_ip", Node::NotIp),
    ("check", Node::Check),
    ("all", Node::All),
    ("any", Node::Any),
];

/// Whether the tree so far has an `any`: `optional` below it would let everybody in.
#[derive(Clone, Copy)]
enum Above {
    NoAny,
    Any,
}

/// `access` of a location.
pub(super) fn access(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Access {
    if value.is_list() || value.is_mapping() {
        return tree(value, Above::NoAny, decoder);
    }
    let expected = "\"public\" or who may enter, like { realm: NAME }";
    let public = parsed(expected, value, decoder, |text| match text {
        "public" => Ok(Access::Public),
        _ => Err(format!("expected {expected}, found {}{}", quoted(text), did_you_mean(text, ["public"]))),
    });
    public.unwrap_or(Access::Broken)
}

fn tree(value: &Value<'_>, above: Above, decoder: &mut Decoder<'_>) -> Access {
    if value.is_list() {
        return children("everybody would pass", value, above, decoder).map_or(Access::Broken, Access::All);
    }
    if !value.is_mapping() {
        if value.text("a node like { realm: NAME }", decoder).is_some() {
            value.problem("expected a node like { realm: NAME }; \"public\" stands alone", decoder);
        }
        return Access::Broken;
    }
    let Some(mut section) = Section::open(value, decoder) else {
        return Access::Broken;
    };
    let chosen = section.one_of(&NODES, &[], decoder);
    let access = chosen.and_then(|(node, value)| {
        if !matches!(node, Node::Realm) && section.has("optional") {
            decoder.problem(section.place_of_key("optional"), "\"optional\" belongs to a realm");
        }
        match node {
            Node::Realm => realm(&value, &mut section, above, decoder),
            Node::Basic => basic(&value, decoder).map(Access::Basic),
            Node::ForwardAuth => located_text(&value, decoder).map(Access::ForwardAuth),
            Node::Stage => located_text(&value, decoder).map(Access::Stage),
            Node::Ip => addresses(&value, decoder).map(Access::Ip),
            Node::NotIp => addresses(&value, decoder).map(Access::NotIp),
            Node::Check => located_text(&value, decoder).map(Access::Check),
            Node::All => children("everybody would pass", &value, above, decoder).map(Access::All),
            Node::Any => children("nobody would pass", &value, Above::Any, decoder).map(Access::Any),
        }
    });
    section.allow("optional");
    section.close(decoder);
    access.unwrap_or(Access::Broken)
}

fn realm(value: &Value<'_>, section: &mut Section<'_>, above: Above, decoder: &mut Decoder<'_>) -> Option<Access> {
    let name = located_text(value, decoder);
    let no_token = match section.value("optional") {
        None => Some(NoToken::Refuse),
        Some(value) => match (boolean(&value, decoder), above) {
            (Some(false), _) => Some(NoToken::Refuse),
            (Some(true), Above::NoAny) => Some(NoToken::PassWithoutIdentity),
            (Some(true), Above::Any) => {
                let words = "\"optional: true\" inside \"any\" would let everybody in who shows no token";
                value.problem(words, decoder);
                None
            }
            (None, _) => None,
        },
    };
    Some(Access::Realm { name: name?, no_token: no_token? })
}

fn basic(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Basic> {
    let mut section = Section::open(value, decoder)?;
    let users = section.required("users", decoder, file);
    let challenge = section.optional("challenge", decoder, located_text);
    let forward = section.optional("forward_password", decoder, boolean);
    section.close(decoder);
    let forward_password = if forward == Some(true) { ForwardPassword::Yes } else { ForwardPassword::No };
    Some(Basic { users: users?, challenge, forward_password })
}

/// The children of `all` or `any`. A broken child stays: without it, `all` would ask for less than was written.
fn children(empty: &str, value: &Value<'_>, above: Above, decoder: &mut Decoder<'_>) -> Option<Vec<Access>> {
    let items = value.items("a list of nodes", decoder)?;
    if items.is_empty() {
        value.problem(format!("the list is empty: {empty}"), decoder);
        return None;
    }
    Some(items.iter().map(|item| tree(item, above, decoder)).collect())
}

/// The blocks of `ip` or `not_ip`; `None` if any of them is broken, since the others say something else.
pub(super) fn addresses(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Cidr>> {
    let blocks = one_or_some("it would hold no address", value, decoder, |item, decoder| {
        Some(parsed("an address or a block like 10.0.0.0/8", item, decoder, cidr))
    });
    blocks?.into_iter().collect()
}
