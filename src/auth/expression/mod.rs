//! Is this true of the request, or what does it say? CEL, compiled at load.
//!
//! The only folder that names the CEL crate. A plain chain such as `claims.sub` never meets the interpreter.

mod cost;
pub mod facts;
pub mod fields;
mod functions;
mod names;
pub mod template;
pub mod text;
mod types;
mod values;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use cel::{Context, Env, Program, Value};

use self::facts::{Facts, Reading};
use self::fields::{Chain, Field, Scope};
use self::names::{chain, check};
use self::text::TextProblem;
use self::types::Type;
use self::values::{json_of, value_of};
use crate::jose::Json;

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: Box<str>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Field(Field),
    Program { program: Box<Program>, reads: Vec<Variable> },
}

/// A variable that a program reads; only these are built for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Request,
    Client,
    Claims,
    Jose,
    JoseOuter,
    Payload,
    Realm,
    Response,
    Auth,
    Upstream,
}

const VARIABLES: [(&str, Variable); 10] = [
    ("request", Variable::Request),
    ("client", Variable::Client),
    ("claims", Variable::Claims),
    ("jose", Variable::Jose),
    ("jose_outer", Variable::JoseOuter),
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
            let first = errors.errors.first().map_or_else(String::new, |error| error.msg.clone());
            format!("this is not a CEL expression: {}", first.lines().next().unwrap_or_default())
        })?;
        let source = source.into();
        if let Some((root, steps)) = chain(program.expression())
            && let Chain::Field(field) = fields::resolve(&root, &steps, scope)?
        {
            return Ok(Self { source, kind: Kind::Field(field) });
        }
        check(program.expression(), scope, &mut Vec::new())?;
        let references = program.references();
        if let Some(unknown) = references.functions().into_iter().find(|name| !functions::is_known(name)) {
            return Err(format!("there is no function \"{unknown}\""));
        }
        cost::judge(program.expression())?;
        types::of(program.expression(), scope)?;
        let reads = VARIABLES.iter().filter(|(name, _)| references.has_variable(name)).map(|(_, variable)| *variable);
        let reads = reads.collect();
        Ok(Self { source, kind: Kind::Program { program: Box::new(program), reads } })
    }

    /// Compiles a condition: what can never be true or false is none.
    pub fn compile_condition(source: &str, scope: Scope) -> Result<Self, String> {
        let expression = Self::compile(source, scope)?;
        let given = match &expression.kind {
            Kind::Field(field) => types::of_field(field),
            Kind::Program { program, .. } => types::of(program.expression(), scope)?,
        };
        match given {
            Type::Truth | Type::Open => Ok(expression),
            Type::Number | Type::Text | Type::List | Type::Map | Type::Time => {
                Err(format!("this gives {}, and a condition has to be true or false", given.words()))
            }
        }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
