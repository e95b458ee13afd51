//! How much work can a hostile token make of this expression? Looked at once, at load.
//!
//! A token has at most 16 KiB (64 KiB where one may be compressed), so what goes through a list of it once is cheap. What
//! goes through one list for each element of another is not, and is refused: the operator writes such lists, never the
//! client.

use cel::common::ast::operators as op;
use cel::common::ast::{EntryExpr, Expr, IdedExpr};

/// Loops over what a token or a request brings, one within another: this many, and no more.
const DEEPEST: usize = 1;

/// Refuses loops within loops over what the operator did not write.
pub(super) fn judge(expression: &IdedExpr) -> Result<(), String> {
    if depth(expression) > DEEPEST {
        return Err("a loop within a loop over what a client brings: its cost would grow with the square of that. \
                    One of the two lists has to be written here"
            .to_owned());
    }
    Ok(())
}

/// How deep loops stand within each other. One over a list that is written in the expression is none.
fn depth(expression: &IdedExpr) -> usize {
    let deepest = |parts: &[&IdedExpr]| parts.iter().map(|part| depth(part)).max().unwrap_or(0);
    match &expression.expr {
        Expr::Call(call) => {
            let of_parts = call.target.iter().map(AsRef::as_ref).chain(&call.args).map(depth).max().unwrap_or(0);
            let looks_through = call.func_name == op::IN && call.args.last().is_some_and(|range| !is_written(range));
            of_parts.max(usize::from(looks_through))
        }
        Expr::Comprehension(macro_call) => {
            let body = deepest(&[&macro_call.loop_cond, &macro_call.loop_step, &macro_call.result]);
            let body = body.saturating_add(usize::from(!is_written(&macro_call.iter_range)));
            body.max(depth(&macro_call.iter_range))
        }
        Expr::List(list) => list.elements.iter().map(depth).max().unwrap_or(0),
        Expr::Map(map) => map.entries.iter().map(|entry| depth_of_entry(&entry.expr)).max().unwrap_or(0),
        Expr::Struct(object) => object.entries.iter().map(|entry| depth_of_entry(&entry.expr)).max().unwrap_or(0),
        Expr::Select(select) => depth(&select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    }
}

fn depth_of_entry(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    }
}

/// Whether a list stands in the expression itself.
fn is_written(range: &IdedExpr) -> bool {
    matches!(range.expr, Expr::List(_) | Expr::Map(_))
}
