//! Is this true of the request, or what does it say? CEL, compiled at load.
//!
//! The only file that names the CEL crate. A plain chain such as `claims.sub` never meets the interpreter.

pub mod facts;
mod functions;
pub mod template;
pub mod text;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::objects::Key;
use cel::{Context, Env, Program, Value};

use self::facts::{Chain, Facts, Field, Reading, Scope, Step};

use self::text::TextProblem;
use crate::jose::{Json, Object};

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: Box<str>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Field(Field),
    Program {
        program: Box<Program>,
        reads: Vec<Variable>,
    },
}

/// A variable that a program reads; only these are built for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Request,
    Client,
    Claims,
    Jose,
    Payload,
    Realm,
    Response,
    Auth,
    Upstream,
}

const VARIABLES: [(&str, Variable); 9] = [
    ("request", Variable::Request),
    ("client", Variable::Client),
    ("claims", Variable::Claims),
    ("jose", Variable::Jose),
    ("payload", Variable::Payload),
    ("realm", Variable::Realm),
    ("response", Variable::Response),
    ("auth", Variable::Auth),
    ("upstream", Variable::Upstream),
];

/// Claims in the form that expressions read them, kept with a token.
pub struct Prepared(Value);

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

impl Expression {
    /// Compiles CEL text; the error says in words what is wrong.
    pub fn compile(source: &str, scope: Scope) -> Result<Self, String> {
        let program = ENVIRONMENT.compile(source).map_err(|errors| {
            let first = errors
                .errors
                .first()
                .map_or_else(String::new, |error| error.msg.clone());
            format!(
                "this is not a CEL expression: {}",
                first.lines().next().unwrap_or_default()
            )
        })?;
        let source = source.into();
        if let Some((root, steps)) = chain(program.expression())
            && let Chain::Field(field) = facts::resolve(&root, &steps, scope)?
        {
            return Ok(Self {
                source,
                kind: Kind::Field(field),
            });
        }
        check(program.expression(), scope, &mut Vec::new())?;
        let references = program.references();
        if let Some(unknown) = references
            .functions()
            .into_iter()
            .find(|name| !functions::is_known(name))
        {
            return Err(format!("there is no function \"{unknown}\""));
        }
        let reads = VARIABLES
            .iter()
            .filter(|(name, _)| references.has_variable(name))
            .map(|(_, variable)| *variable);
        let reads = reads.collect();
        Ok(Self {
            source,
            kind: Kind::Program {
                program: Box::new(program),
                reads,
            },
        })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The field that it reads, if that is all it does.
    pub fn field(&self) -> Option<&Field> {
        match &self.kind {
            Kind::Field(field) => Some(field),
            Kind::Program { .. } => None,
        }
    }

    /// Whether it is true. One that fails is false.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match &self.kind {
            Kind::Field(field) => matches!(facts.read(field), Reading::Json(Json::Bool(true))),
            Kind::Program { program, reads } => matches!(run(program, reads, facts), Ok(Value::Bool(true))),
        }
    }

    /// What it says, as text; `None` if there is no value.
    pub fn text<'f>(&self, facts: &Facts<'f>) -> Result<Option<Cow<'f, str>>, TextProblem> {
        match &self.kind {
            Kind::Field(field) => text::of_reading(facts.read(field)),
            Kind::Program { program, reads } => {
                let value = run(program, reads, facts)?;
                if let Value::Timestamp(time) = &value {
                    return Ok(Some(text::timestamp(SystemTime::from(*time)).into()));
                }
                let json = json_of(&value).ok_or(TextProblem::Failed)?;
                Ok(text::of_json(&json)?.map(|text| Cow::Owned(text.into_owned())))
            }
        }
    }
}

/// The root and the steps of `a.b["c"][0]`, if the whole expression is such a chain.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is CEL's, and everything else is no chain"
)]
fn chain(expression: &IdedExpr) -> Option<(String, Vec<Step>)> {
    match &expression.expr {
        Expr::Ident(name) => Some((name.clone(), Vec::new())),
        Expr::Select(select) if !select.test => {
            let (root, mut steps) = chain(&select.operand)?;
            steps.push(Step::Member(select.field.clone()));
            Some((root, steps))
        }
        Expr::Call(call) if call.func_name == cel::common::ast::operators::INDEX => {
            let [operand, index] = call.args.as_slice() else {
                return None;
            };
            let (root, mut steps) = chain(operand)?;
            steps.push(literal_step(index)?);
            Some((root, steps))
        }
        _ => None,
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is CEL's, and everything else is no step"
)]
fn literal_step(index: &IdedExpr) -> Option<Step> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(Step::Member(text.inner().to_owned())),
        Expr::Literal(LiteralValue::Int(number)) => Some(Step::Element(*number.inner())),
        _ => None,
    }
}

/// Checks every variable and member that the expression names. `bound` holds the variables of macros around it.
fn check(expression: &IdedExpr, scope: Scope, bound: &mut Vec<String>) -> Result<(), String> {
    if let Some((root, steps)) = chain(expression) {
        return check_chain(&root, &steps, scope, bound);
    }
    match &expression.expr {
        Expr::Call(call) => {
            let target = call.target.iter().map(AsRef::as_ref);
            target.chain(&call.args).try_for_each(|part| check(part, scope, bound))
        }
        Expr::Comprehension(macro_call) => {
            check(&macro_call.iter_range, scope, bound)?;
            check(&macro_call.accu_init, scope, bound)?;
            let outside = bound.len();
            bound.extend([macro_call.iter_var.clone(), macro_call.accu_var.clone()]);
            bound.extend(macro_call.iter_var2.clone());
            for part in [&macro_call.loop_cond, &macro_call.loop_step, &macro_call.result] {
                check(part, scope, bound)?;
            }
            bound.truncate(outside);
            Ok(())
        }
        Expr::List(list) => list
            .elements
            .iter()
            .try_for_each(|element| check(element, scope, bound)),
        Expr::Map(map) => map
            .entries
            .iter()
            .try_for_each(|entry| check_entry(&entry.expr, scope, bound)),
        Expr::Struct(object) => object
            .entries
            .iter()
            .try_for_each(|entry| check_entry(&entry.expr, scope, bound)),
        Expr::Select(select) => check(&select.operand, scope, bound),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Ok(()),
    }
}

fn check_entry(entry: &EntryExpr, scope: Scope, bound: &mut Vec<String>) -> Result<(), String> {
    match entry {
        EntryExpr::StructField(field) => check(&field.value, scope, bound),
        EntryExpr::MapEntry(entry) => {
            check(&entry.key, scope, bound)?;
            check(&entry.value, scope, bound)
        }
    }
}

fn check_chain(root: &str, steps: &[Step], scope: Scope, bound: &[String]) -> Result<(), String> {
    let is_type = matches!(
        root,
        "bool"
            | "bytes"
            | "double"
            | "duration"
            | "int"
            | "list"
            | "map"
            | "null_type"
            | "string"
            | "timestamp"
            | "type"
            | "uint"
    );
    if is_type || root.starts_with('@') || bound.iter().any(|name| name == root) {
        return Ok(());
    }
    facts::resolve(root, steps, scope).map(|_| ())
}

fn run(program: &Program, reads: &[Variable], facts: &Facts<'_>) -> Result<Value, TextProblem> {
    static ROOT: LazyLock<Option<Context<'static, 'static>>> = LazyLock::new(|| {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        functions::add(&mut context).ok().map(|()| context)
    });
    let root = ROOT.as_ref().ok_or(TextProblem::Failed)?;
    let mut context = root.new_inner_scope();
    for variable in reads {
        if let Some((name, value)) = value_of(*variable, facts) {
            context.add_variable_from_value(name, value);
        }
    }
    program.execute(&context).map_err(|_| TextProblem::Failed)
}

/// The name and value of a variable; `None` leaves it undeclared, so that what reads it fails.
fn value_of(variable: Variable, facts: &Facts<'_>) -> Option<(&'static str, Value)> {
    let fields = |fields: &[(&str, Field)]| -> Value {
        let read = fields
            .iter()
            .filter_map(|(name, field)| Some((*name, value_of_reading(facts.read(field))?)));
        Value::from(read.collect::<HashMap<&str, Value>>())
    };
    Some(match variable {
        Variable::Request => ("request", request_value(facts)),
        Variable::Client => ("client", fields(&[("ip", Field::ClientIp)])),
        Variable::Claims => (
            "claims",
            facts
                .identity?
                .prepared_claims(|claims| Prepared(value_of_json(claims)))
                .0
                .clone(),
        ),
        Variable::Jose => ("jose", value_of_json(facts.identity?.header())),
        Variable::Payload => ("payload", facts.identity?.payload().into()),
        Variable::Realm => ("realm", facts.identity?.realm().into()),
        Variable::Response => (
            "response",
            fields(&[("status", Field::ResponseStatus), ("bytes", Field::ResponseBytes)]),
        ),
        Variable::Auth => (
            "auth",
            fields(&[
                ("status", Field::AuthStatus),
                ("reason", Field::AuthReason),
                ("subject", Field::AuthSubject),
            ]),
        ),
        Variable::Upstream => (
            "upstream",
            fields(&[
                ("address", Field::UpstreamAddress),
                ("status", Field::UpstreamStatus),
                ("time", Field::UpstreamTime),
            ]),
        ),
    })
}

fn request_value(facts: &Facts<'_>) -> Value {
    let request = facts.request;
    let mut members: HashMap<&str, Value> = HashMap::new();
    for (name, field) in [
        ("method", Field::Method),
        ("scheme", Field::Scheme),
        ("host", Field::Host),
        ("path", Field::Path),
        ("query", Field::Query),
        ("uri", Field::Uri),
        ("time", Field::Time),
    ] {
        members.extend(value_of_reading(facts.read(&field)).map(|value| (name, value)));
    }
    let headers = request.head.headers.keys();
    let headers = headers.filter_map(|name| Some((name.as_str().to_owned(), value_of_reading(facts.header(name))?)));
    members.insert("headers", headers.collect::<HashMap<String, Value>>().into());
    // A repeated cookie or argument is left out, so that reading it fails.
    let cookies = request.cookie_names().into_iter();
    let cookies = cookies.filter_map(|name| Some((name.clone(), value_of_reading(facts.cookie(&name))?)));
    members.insert("cookies", cookies.collect::<HashMap<String, Value>>().into());
    let arguments = crate::auth::request::arguments(request.query).map(|(name, _)| name);
    let arguments = arguments.filter_map(|name| Some((name.clone(), value_of_reading(facts.argument(&name))?)));
    members.insert("args", arguments.collect::<HashMap<String, Value>>().into());
    members.into()
}

fn value_of_reading(reading: Reading<'_>) -> Option<Value> {
    Some(match reading {
        Reading::Text(text) => text.into_owned().into(),
        Reading::Integer(number) => number.into(),
        Reading::Time(time) => Value::Timestamp(chrono::DateTime::<chrono::Utc>::from(time).fixed_offset()),
        Reading::Json(json) => value_of_json(json),
        Reading::Absent | Reading::Ambiguous => return None,
    })
}

/// JSON as CEL sees it: whole numbers are `int` or `uint`, all others `double`.
fn value_of_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::Int(number),
            (None, Some(number), _) => Value::UInt(number),
            (None, None, Some(number)) => Value::Float(number),
            (None, None, None) => Value::Null,
        },
        Json::String(text) => Value::from(&**text),
        Json::Array(elements) => Value::List(Arc::new(elements.iter().map(value_of_json).collect())),
        Json::Object(object) => {
            let members = object
                .iter()
                .map(|(name, value)| (Key::from(name), value_of_json(value)));
            Value::from(members.collect::<HashMap<Key, Value>>())
        }
    }
}

/// A result as JSON, so that all values are put in text by the same rules.
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is CEL's, and everything else has no text"
)]
fn json_of(value: &Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::String(text) => Json::String(text.as_str().into()),
        Value::Int(number) => number_of(number)?,
        Value::UInt(number) => number_of(number)?,
        Value::Float(number) => number_of(number)?,
        Value::List(elements) => Json::Array(elements.iter().map(json_of).collect::<Option<_>>()?),
        Value::Map(map) => object_of(map)?,
        _ => return None,
    })
}

fn object_of(map: &cel::objects::Map) -> Option<Json> {
    let member = |(name, value): (&Key, &Value)| Some((name.to_string().into_boxed_str(), json_of(value)?));
    let mut members: Vec<_> = map.map.iter().map(member).collect::<Option<_>>()?;
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Object::from_members(members).map(Json::Object)
}

/// A number in the digits that Rust gives it: no exponent, the shortest that reads back the same.
fn number_of(number: &impl ToString) -> Option<Json> {
    Json::parse(number.to_string().as_bytes()).ok()
}
