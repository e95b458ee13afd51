//! Can this expression give what it is asked for? What can be known of its types without a request.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};

use super::fields::{self, Chain, Field, Scope};
use super::names::chain;

/// What an expression gives, as far as it is known before there is a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// True or false.
    Truth,
    /// A number of any kind.
    Number,
    /// Text.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
    /// A point in time.
    Time,
    /// Only a request will tell, such as a claim.
    Open,
}

impl Type {
    /// For messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Time => "a time",
            Self::Open => "anything",
        }
    }

    fn differs_from(self, other: Self) -> bool {
        self != other && self != Self::Open && other != Self::Open
    }

    fn is_no(self, wanted: Self) -> bool {
        self.differs_from(wanted)
    }
}

/// What a field gives.
pub(super) fn of_field(field: &Field) -> Type {
    match field {
        Field::Method
        | Field::Scheme
        | Field::Host
        | Field::Path
        | Field::Query
        | Field::Uri
        | Field::Header(_)
        | Field::Cookie(_)
        | Field::Argument(_)
        | Field::ClientIp
        | Field::Payload
        | Field::Realm
        | Field::ServiceHeader(_)
        | Field::AuthStatus
        | Field::AuthReason
        | Field::AuthSubject
        | Field::UpstreamAddress
        | Field::UpstreamTime => Type::Text,
        Field::Time => Type::Time,
        Field::ResponseStatus | Field::ResponseBytes | Field::UpstreamStatus => Type::Number,
        Field::Certificate(_) | Field::Claims(_) | Field::Jose(_) | Field::JoseOuter(_) => Type::Open,
    }
}

/// What an expression gives, or what in it can never be evaluated.
pub(super) fn of(expression: &IdedExpr, scope: Scope) -> Result<Type, String> {
    if let Some((root, steps)) = chain(expression) {
        return Ok(match fields::resolve(&root, &steps, scope) {
            Ok(Chain::Field(field)) => of_field(&field),
            Ok(Chain::Whole) | Err(_) => Type::Open,
        });
    }
    match &expression.expr {
        Expr::Literal(literal) => Ok(of_literal(literal)),
        Expr::Call(call) => of_call(call, scope),
        Expr::Select(select) => {
            of(&select.operand, scope)?;
            Ok(if select.test { Type::Truth } else { Type::Open })
        }
        Expr::List(list) => {
            for element in &list.elements {
                of(element, scope)?;
            }
            Ok(Type::List)
        }
        Expr::Map(_) => Ok(Type::Map),
        Expr::Comprehension(macro_call) => {
            let range = of(&macro_call.iter_range, scope)?;
            if range.is_no(Type::List) && range.is_no(Type::Map) {
                return Err(format!("a macro goes through a list or a map, and this is {}", range.words()));
            }
            Ok(Type::Open)
        }
        Expr::Ident(_) | Expr::Struct(_) | Expr::Unspecified => Ok(Type::Open),
    }
}

fn of_literal(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Truth,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Number,
        LiteralValue::String(_) => Type::Text,
        LiteralValue::Bytes(_) | LiteralValue::Null => Type::Open,
    }
}

fn of_call(call: &CallExpr, scope: Scope) -> Result<Type, String> {
    let types = call.target.iter().map(AsRef::as_ref).chain(&call.args).map(|part| of(part, scope));
    let types = types.collect::<Result<Vec<_>, _>>()?;
    match (call.func_name.as_str(), types.as_slice()) {
        (op::EQUALS | op::NOT_EQUALS | op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [one, other]) => {
            if one.differs_from(*other) {
                return Err(format!("{} is compared with {}, which never fits", one.words(), other.words()));
            }
            Ok(Type::Truth)
        }
        (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT, parts) => {
            parts.iter().try_for_each(|part| wanted(*part, Type::Truth)).map(|()| Type::Truth)
        }
        (op::CONDITIONAL, [condition, one, other]) => {
            wanted(*condition, Type::Truth)?;
            Ok(if one == other { *one } else { Type::Open })
        }
        (op::IN, [_, range]) if matches!(range, Type::Truth | Type::Number | Type::Text | Type::Time) => {
            Err(format!("\"in\" looks through a list or a map, and this is {}", range.words()))
        }
        (op::ADD, [one, other]) => match (one, other) {
            (Type::Time, _) | (_, Type::Time) => Ok(Type::Open),
            _ if one.differs_from(*other) => Err(format!("{} and {} cannot be added", one.words(), other.words())),
            _ => Ok(if *one == Type::Open { *other } else { *one }),
        },
        (op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE, parts) => {
            parts.iter().try_for_each(|part| wanted(*part, Type::Number)).map(|()| Type::Number)
        }
        (name, _) => Ok(of_function(name)),
    }
}

fn wanted(found: Type, wanted: Type) -> Result<(), String> {
    if found.is_no(wanted) {
        return Err(format!("{} stands where {} is needed", found.words(), wanted.words()));
    }
    Ok(())
}

fn of_function(name: &str) -> Type {
    match name {
        op::IN | "bool" | "contains" | "endsWith" | "in_cidr" | "matches" | "startsWith" => Type::Truth,
        "double" | "int" | "size" | "uint" => Type::Number,
        "base64" | "lower" | "string" | "url_encode" => Type::Text,
        "split" => Type::List,
        "timestamp" => Type::Time,
        name if name.starts_with("get") => Type::Number,
        _ => Type::Open,
    }
}
