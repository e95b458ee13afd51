//! Does an expression name only what there is? Looked at once, at load.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};

use super::fields::{self, Scope, Step};
use super::functions;

/// The root and the steps of `a.b["c"][0]`, if the whole expression is such a chain.
#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is CEL's, and everything else is no chain")]
pub(super) fn chain(expression: &IdedExpr) -> Option<(String, Vec<Step>)> {
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

#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is CEL's, and everything else is no step")]
fn literal_step(index: &IdedExpr) -> Option<Step> {
    match &index.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(Step::Member(text.inner().to_owned())),
        Expr::Literal(LiteralValue::Int(number)) => Some(Step::Element(*number.inner())),
        _ => None,
    }
}

/// Checks every variable and member that the expression names. `bound` holds the variables of macros around it.
pub(super) fn check(expression: &IdedExpr, scope: Scope, bound: &mut Vec<String>) -> Result<(), String> {
    if let Some((root, steps)) = chain(expression) {
        return check_chain(&root, &steps, scope, bound);
    }
    match &expression.expr {
        Expr::Call(call) if call.target.is_some() && functions::is_ours(&call.func_name) => {
            Err(format!("\"{0}\" is not a method: write {0}(…)", call.func_name))
        }
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
        Expr::List(list) => list.elements.iter().try_for_each(|element| check(element, scope, bound)),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| check_entry(&entry.expr, scope, bound)),
        Expr::Struct(object) => object.entries.iter().try_for_each(|entry| check_entry(&entry.expr, scope, bound)),
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
    fields::resolve(root, steps, scope).map(|_| ())
}
