//! How much work can a hostile token make of this expression? Looked at once, at load.
//!
//! A token has at most 16 KiB (64 KiB where one may be compressed), so what goes through a list of it once is cheap. What
//! goes through one list for each element of another is not, and is refused: the operator writes such lists, never the
//! client.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

/// Loops over what a token or a request brings, one within another: this many, and no more.
const DEEPEST: usize = 1;

const MATCHES: &str = "matches";

/// Refuses loops within loops over what the operator did not write.
pub(super) fn judge(expression: &IdedExpr) -> Result<(), String> {
    if !patterns_are_written(expression) {
        return Err(
            "the pattern of matches() has to be written here: one that a client brings could be huge".to_owned()
        );
    }
    if depth(expression, &mut Vec::new()) > DEEPEST {
        return Err("a loop within a loop over what a client brings: its cost would grow with the square of that. \
                    One of the two lists has to be written here; and within a loop, matches() is one more, as are \
                    functions that go through something else than the loop does"
            .to_owned());
    }
    Ok(())
}

/// How deep loops stand within each other. One over a list that is written in the expression is none; within a loop, a
/// function that goes through something from outside of it is one. `bound` are the variables of the loops around.
fn depth<'e>(expression: &'e IdedExpr, bound: &mut Vec<&'e str>) -> usize {
    match &expression.expr {
        Expr::Call(call) => {
            let mut deepest = 0;
            for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
                deepest = depth(part, bound).max(deepest);
            }
            deepest.max(usize::from(goes_through(call, bound)))
        }
        Expr::Comprehension(macro_call) => {
            let range = depth(&macro_call.iter_range, bound);
            let around = bound.len();
            bound.extend([macro_call.iter_var.as_str(), macro_call.accu_var.as_str()]);
            bound.extend(macro_call.iter_var2.as_deref());
            let mut body = 0;
            for part in [&macro_call.loop_cond, &macro_call.loop_step, &macro_call.result] {
                body = depth(part, bound).max(body);
            }
            bound.truncate(around);
            range.max(body.saturating_add(usize::from(!is_written(&macro_call.iter_range))))
        }
        Expr::List(list) => deepest(list.elements.iter(), bound),
        Expr::Map(map) => deepest(map.entries.iter().flat_map(|entry| parts_of(&entry.expr)), bound),
        Expr::Struct(object) => deepest(object.entries.iter().flat_map(|entry| parts_of(&entry.expr)), bound),
        Expr::Select(select) => depth(&select.operand, bound),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    }
}

fn deepest<'e>(parts: impl Iterator<Item = &'e IdedExpr>, bound: &mut Vec<&'e str>) -> usize {
    parts.map(|part| depth(part, bound)).max().unwrap_or(0)
}

fn parts_of(entry: &EntryExpr) -> impl Iterator<Item = &IdedExpr> {
    let (first, second) = match entry {
        EntryExpr::StructField(field) => (&field.value, None),
        EntryExpr::MapEntry(entry) => (&entry.key, Some(&entry.value)),
    };
    std::iter::once(first).chain(second)
}

/// Whether a call takes time that grows with what a client brings, each time that the loop around comes to it.
fn goes_through(call: &CallExpr, bound: &[&str]) -> bool {
    let mut operands = call.target.iter().map(AsRef::as_ref).chain(&call.args);
    match call.func_name.as_str() {
        op::IN => call.args.last().is_some_and(|range| !is_written(range)),
        _ if bound.is_empty() => false,
        op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::CONDITIONAL | op::INDEX => false,
        op::NOT_STRICTLY_FALSE => false,
        // The interpreter compiles the pattern each time.
        MATCHES => true,
        // As long as the shorter one; and all elements together are as long as their list.
        op::EQUALS | op::NOT_EQUALS | op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS | "startsWith" => {
            operands.all(|operand| reads_outside(operand, bound))
        }
        _ => operands.any(|operand| reads_outside(operand, bound)),
    }
}

/// Whether an expression reads what the loops around it do not go through.
fn reads_outside(expression: &IdedExpr, bound: &[&str]) -> bool {
    match &expression.expr {
        Expr::Ident(name) => !bound.contains(&name.as_str()),
        Expr::Select(select) => reads_outside(&select.operand, bound),
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).any(|operand| reads_outside(operand, bound))
        }
        Expr::List(list) => list.elements.iter().any(|element| reads_outside(element, bound)),
        Expr::Literal(_) => false,
        Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => true,
    }
}

/// A pattern that a client brings could be one that takes megabytes to compile.
fn patterns_are_written(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Call(call) => {
            let is_text = |part: &IdedExpr| matches!(part.expr, Expr::Literal(LiteralValue::String(_)));
            (call.func_name != MATCHES || call.args.last().is_some_and(is_text))
                && call.target.iter().map(AsRef::as_ref).chain(&call.args).all(patterns_are_written)
        }
        Expr::Comprehension(macro_call) => {
            [&macro_call.iter_range, &macro_call.loop_cond, &macro_call.loop_step, &macro_call.result]
                .into_iter()
                .all(patterns_are_written)
        }
        Expr::List(list) => list.elements.iter().all(patterns_are_written),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| parts_of(&entry.expr)).all(patterns_are_written),
        Expr::Struct(object) => object.entries.iter().flat_map(|entry| parts_of(&entry.expr)).all(patterns_are_written),
        Expr::Select(select) => patterns_are_written(&select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => true,
    }
}

/// Whether a list stands in the expression itself.
fn is_written(range: &IdedExpr) -> bool {
    matches!(range.expr, Expr::List(_) | Expr::Map(_))
}
