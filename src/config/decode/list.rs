//! What does a list hold, and may it be empty?

use super::super::place::Located;
use super::super::suggest::suggest;
use super::super::value as scalar;
use super::scalar::{located, parsed, text};
use super::{Decoder, Value};
use http::Method;

/// Every item that can be read; those that cannot have been reported.
pub(super) fn list<'n, T>(
    value: &Value<'n>,
    decoder: &mut Decoder<'_>,
    read: impl Fn(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let items = value.items("a list", decoder)?;
    Some(items.iter().filter_map(|item| read(item, decoder)).collect())
}

/// A list with at least one item. `empty` says what no item at all would mean. `None` also when no item can be read.
pub(super) fn some<'n, T>(
    empty: &str,
    value: &Value<'n>,
    decoder: &mut Decoder<'_>,
    read: impl Fn(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    if value.items("a list", decoder)?.is_empty() {
        value.problem(format!("the list is empty: {empty}"), decoder);
        return None;
    }
    list(value, decoder, read).filter(|items| !items.is_empty())
}

/// [`some`], or one item without the list around it.
pub(super) fn one_or_some<'n, T>(
    empty: &str,
    value: &Value<'n>,
    decoder: &mut Decoder<'_>,
    read: impl Fn(&Value<'n>, &mut Decoder<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    if value.is_list() { some(empty, value, decoder, read) } else { read(value, decoder).map(|item| vec![item]) }
}

/// Leaves out and reports what stands in a list twice.
pub(super) fn distinct<T: PartialEq>(items: Vec<Located<T>>, decoder: &mut Decoder<'_>) -> Vec<Located<T>> {
    let mut distinct: Vec<Located<T>> = Vec::with_capacity(items.len());
    for item in items {
        match distinct.iter().find(|earlier| earlier.value == item.value) {
            Some(earlier) => {
                let (line, column) = (earlier.place.line, earlier.place.column);
                decoder.problem(item.place, format!("this stands in the list already, at {line}:{column}"));
            }
            None => distinct.push(item),
        }
    }
    distinct
}

/// Several different texts, with their places.
pub(super) fn located_texts(empty: &str, value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Located<String>>> {
    let texts = some(empty, value, decoder, |item, decoder| located(text)(item, decoder))?;
    Some(distinct(texts, decoder))
}

/// One text, or several different ones.
pub(super) fn one_or_more_texts(
    empty: &str,
    value: &Value<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Vec<Located<String>>> {
    let texts = one_or_some(empty, value, decoder, |item, decoder| located(text)(item, decoder))?;
    Some(distinct(texts, decoder))
}

/// The values alone.
pub(super) fn without_places<T>(items: Vec<Located<T>>) -> Vec<T> {
    items.into_iter().map(|item| item.value).collect()
}

/// Methods of RFC 9110 §9.3, RFC 5789 and WebDAV (RFC 4918): others are allowed, a slip of the fingers is likelier.
const METHODS: [&str; 16] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
];

/// `methods`: at least one.
pub(super) fn methods(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Vec<Method>> {
    let read = |item: &Value<'_>, decoder: &mut Decoder<'_>| {
        let method = parsed("a method", item, decoder, scalar::method)?;
        if !METHODS.contains(&method.as_str())
            && let Some(meant) = suggest(method.as_str(), METHODS)
        {
            decoder
                .warning(item.place(), format!("{:?} is no standard method; did you mean {meant:?}?", method.as_str()));
        }
        Some(Located::new(method, item.place()))
    };
    let methods = some("no method at all would be allowed", value, decoder, read)?;
    Some(without_places(distinct(methods, decoder)))
}
