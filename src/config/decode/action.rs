//! What happens with a request that may pass?

use super::super::schema::{Action, Respond};
use super::super::value::number;
use super::body::{self, Form, body};
use super::scalar::{located_text, number as whole_number, only_true, parsed};
use super::{Decoder, Section, Value};

#[derive(Clone, Copy)]
enum Way {
    Upstream,
    Respond,
    Redirect,
    Echo,
}

const WAYS: [(&str, Way); 4] =
    [("upstream", Way::Upstream), ("respond", Way::Respond), ("redirect", Way::Redirect), ("echo", Way::Echo)];

/// The one action of a location.
pub(super) fn action(location: &mut Section<'_>, decoder: &mut Decoder<'_>) -> Action {
    let action = location.one_of(&WAYS, &[], decoder).and_then(|(way, value)| match way {
        Way::Upstream => located_text(&value, decoder).map(Action::Upstream),
        Way::Respond => respond(&value, decoder),
        Way::Redirect => redirect(&value, decoder),
        Way::Echo => only_true(&value, decoder).map(|()| Action::Echo),
    });
    action.unwrap_or(Action::Broken)
}

/// What `respond` says: a body, or the request itself.
#[derive(Clone, Copy)]
enum Answer {
    Body(Form),
    Echo,
}

fn respond(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Action> {
    let mut section = Section::open(value, decoder)?;
    let status = section.value("status");
    let forms = body::FORMS.map(|(name, form)| (name, Answer::Body(form)));
    let answers: Vec<_> = forms.into_iter().chain([("echo", Answer::Echo)]).collect();
    let action = match section.one_of(&answers, &[], decoder) {
        Some((Answer::Body(form), value)) => {
            let body = body(form, &value, &mut section, decoder);
            let status = respond_status(status.as_ref(), 200..=599, decoder);
            status.zip(body).map(|(status, body)| Action::Respond(Respond { status, body }))
        }
        Some((Answer::Echo, value)) => {
            // The echo is what an upstream would have answered: nothing here can change it.
            let status = respond_status(status.as_ref(), 200..=200, decoder);
            status.and(only_true(&value, decoder)).map(|()| Action::Echo)
        }
        None => {
            section.allow("type");
            None
        }
    };
    section.close(decoder);
    action
}

fn respond_status(
    value: Option<&Value<'_>>,
    range: std::ops::RangeInclusive<u64>,
    decoder: &mut Decoder<'_>,
) -> Option<u16> {
    match value {
        None => Some(200),
        Some(value) => whole_number(range)(value, decoder).and_then(|status| u16::try_from(status).ok()),
    }
}

fn redirect(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<Action> {
    let mut section = Section::open(value, decoder)?;
    let status = match section.value("status") {
        Some(value) => redirect_status(&value, decoder),
        None => Some(302),
    };
    let to = section.required("to", decoder, located_text);
    section.close(decoder);
    Some(Action::Redirect { status: status?, to: to? })
}

/// A status that sends the client elsewhere (RFC 9110 §15.4).
pub(super) fn redirect_status(value: &Value<'_>, decoder: &mut Decoder<'_>) -> Option<u16> {
    let expected = "a redirect: 301, 302, 303, 307 or 308";
    parsed(expected, value, decoder, |text| match number(text, 301..=308) {
        Ok(status @ (301 | 302 | 303 | 307 | 308)) => u16::try_from(status).map_err(|_| expected.to_owned()),
        Ok(_) | Err(_) => Err(format!("expected {expected}, found {}", super::super::place::quoted(text))),
    })
}
