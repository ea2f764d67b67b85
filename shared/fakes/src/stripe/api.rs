//! Handles one API request: authentication, routing, idempotency and the operation.

use serde_json::{Value, json};

use super::form::Params;
use super::refusal::Refusal;
use super::sessions::{Session, Status};
use super::state::State;
use super::{create, events, intents, invoices, objects, portal};
use crate::{Answered, Call};

enum Route<'p> {
    Create,
    Read(&'p str),
    Expire(&'p str),
    Events,
    Event(&'p str),
    SearchIntents,
    Intent(&'p str),
    Subscription(&'p str),
    Cancel(&'p str),
    Portal,
    InvoicePayments,
    Invoice(&'p str),
}

/// The response of an executed request. A [`Refusal`] is none: it is not stored under the idempotency key.
struct Reply {
    status: u16,
    body: Value,
    events: Vec<Value>,
    is_repeat: bool,
}

impl Reply {
    fn ok(body: Value) -> Self {
        Self { status: 200, body, events: Vec::new(), is_repeat: false }
    }
}

pub(crate) fn answer(state: &mut State, account: Option<&str>, call: &Call<'_>) -> Answered {
    let request = state.ids.next("req");
    let reply = execute(state, account, call, &request)
        .unwrap_or_else(|refusal| Reply { status: refusal.status, ..Reply::ok(refusal.body()) });
    let mut headers = vec![("content-type", "application/json".to_owned()), ("request-id", request)];
    if reply.is_repeat {
        headers.push(("idempotent-replayed", "true".to_owned()));
    }
    let events = reply.events.iter().map(Value::to_string).collect();
    Answered { status: reply.status, headers, body: reply.body.to_string(), events }
}

fn execute(state: &mut State, account: Option<&str>, call: &Call<'_>, request: &str) -> Result<Reply, Refusal> {
    admit(call.authorization)?;
    let (path, query) = call.path.split_once('?').unwrap_or((call.path, ""));
    let route = route(call.method, path)?;
    let forms: Vec<&str> = [query, call.body].into_iter().filter(|form| !form.is_empty()).collect();
    let params = Params::decode(&forms.join("&"))?;
    let Some(key) = call.idempotency_key.filter(|_| call.method == "POST") else {
        return perform(state, &route, params, &RequestContext { account, call, request });
    };
    if let Some((status, body)) = state.idempotency.replay(account, key, path, &params)? {
        return Ok(Reply { status, is_repeat: true, ..Reply::ok(body) });
    }
    let reply = perform(state, &route, params.clone(), &RequestContext { account, call, request })?;
    state.idempotency.store(account, key, path, params, reply.status, reply.body.clone());
    Ok(reply)
}

fn admit(authorization: Option<&str>) -> Result<(), Refusal> {
    let Some(key) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return Err(Refusal::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth \
             (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        ));
    };
    if key.strip_prefix("sk_").is_none_or(str::is_empty) {
        return Err(Refusal::unauthorized("Invalid API Key provided: ****"));
    }
    Ok(())
}

fn route<'p>(method: &str, path: &'p str) -> Result<Route<'p>, Refusal> {
    let parts: Vec<&str> = path.split('/').collect();
    match (method, parts.as_slice()) {
        ("POST", ["", "v1", "checkout", "sessions"]) => Ok(Route::Create),
        ("GET", ["", "v1", "checkout", "sessions", id]) => Ok(Route::Read(id)),
        ("POST", ["", "v1", "checkout", "sessions", id, "expire"]) => Ok(Route::Expire(id)),
        ("GET", ["", "v1", "events"]) => Ok(Route::Events),
        ("GET", ["", "v1", "events", id]) => Ok(Route::Event(id)),
        ("GET", ["", "v1", "payment_intents", "search"]) => Ok(Route::SearchIntents),
        ("GET", ["", "v1", "payment_intents", id]) => Ok(Route::Intent(id)),
        ("GET", ["", "v1", "subscriptions", id]) => Ok(Route::Subscription(id)),
        ("DELETE", ["", "v1", "subscriptions", id]) => Ok(Route::Cancel(id)),
        ("POST", ["", "v1", "billing_portal", "sessions"]) => Ok(Route::Portal),
        ("GET", ["", "v1", "invoice_payments"]) => Ok(Route::InvoicePayments),
        ("GET", ["", "v1", "invoices", id]) => Ok(Route::Invoice(id)),
        _ => Err(Refusal::not_found(format!("Unrecognized request URL ({method}: {path})."))),
    }
}

/// The request that an operation belongs to, and its connected account.
struct RequestContext<'c> {
    account: Option<&'c str>,
    call: &'c Call<'c>,
    request: &'c str,
}

fn perform(
    state: &mut State,
    route: &Route<'_>,
    mut params: Params,
    context: &RequestContext<'_>,
) -> Result<Reply, Refusal> {
    let RequestContext { account, call, request } = *context;
    let now_s = call.now_s;
    let State { settings, ids, prices, sessions, events, fails, .. } = state;
    match route {
        Route::Create => {
            let order = create::order(&mut params, prices, ids, now_s)?;
            refuse_unknown(&params)?;
            if *fails {
                return Ok(failure());
            }
            let id = ids.next(if settings.livemode { "cs_live" } else { "cs_test" });
            let session = sessions.entry(id.clone()).or_insert(Session::new(id, account, order, now_s));
            Ok(Reply::ok(objects::session(session, settings, now_s)))
        }
        Route::Read(id) => {
            refuse_unknown(&params)?;
            let session = sessions.get(*id).filter(|session| session.is_of(account));
            let session = session.ok_or_else(|| no_such_session(id))?;
            Ok(Reply::ok(objects::session(session, settings, now_s)))
        }
        Route::Events => {
            let query = events::EventQuery::read(&mut params)?;
            refuse_unknown(&params)?;
            events::list(events, account, &query).map(Reply::ok)
        }
        Route::Event(id) => {
            refuse_unknown(&params)?;
            events::one(events, account, id).map(Reply::ok)
        }
        Route::SearchIntents => {
            let query = intents::IntentQuery::read(&mut params)?;
            refuse_unknown(&params)?;
            Ok(Reply::ok(intents::search(sessions.values().filter(|session| session.is_of(account)), settings, &query)))
        }
        Route::Intent(id) => {
            refuse_unknown(&params)?;
            let of_account = sessions.values().filter(|session| session.is_of(account));
            let found = intents::read(of_account, settings, id);
            found.map(Reply::ok).ok_or_else(|| {
                let message = format!("No such payment_intent: '{id}'");
                Refusal::not_found(message).code("resource_missing").param("intent")
            })
        }
        Route::Subscription(id) => {
            refuse_unknown(&params)?;
            let mut of_account = sessions.values().filter(|session| session.is_of(account));
            let found = of_account.find(|session| session.is_subscription(id));
            let object = found.and_then(|session| session.subscription.clone());
            object.map(Reply::ok).ok_or_else(|| no_such_subscription(id))
        }
        Route::Cancel(id) => {
            refuse_unknown(&params)?;
            let is_ours = sessions.values().any(|session| session.is_of(account) && session.is_subscription(id));
            let canceled = if is_ours { portal::cancel(state, id, now_s) } else { None };
            let (object, event) = canceled.ok_or_else(|| no_such_subscription(id))?;
            Ok(Reply { events: vec![event], ..Reply::ok(object) })
        }
        Route::Portal => portal::create(state, account, &mut params, now_s).map(Reply::ok),
        Route::InvoicePayments => {
            let query = invoices::InvoiceQuery::read(&mut params)?;
            refuse_unknown(&params)?;
            Ok(Reply::ok(invoices::payments(
                sessions.values().filter(|session| session.is_of(account)),
                settings,
                &query,
            )))
        }
        Route::Invoice(id) => {
            refuse_unknown(&params)?;
            invoices::invoice(sessions.values().filter(|session| session.is_of(account)), settings, id).map(Reply::ok)
        }
        Route::Expire(id) => {
            refuse_unknown(&params)?;
            let session = sessions.get_mut(*id).filter(|session| session.is_of(account));
            let session = session.ok_or_else(|| no_such_session(id))?;
            let status = session.status(now_s);
            if status != Status::Open {
                return Err(Refusal::invalid(format!(
                    "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of \
                     `{}`.",
                    status.label()
                )));
            }
            if *fails {
                return Ok(failure());
            }
            session.close(Status::Expired);
            let object = objects::session(session, settings, now_s);
            let cause = objects::Cause { account, request: Some(request), idempotency_key: call.idempotency_key };
            let event = objects::event(ids, settings, "checkout.session.expired", &object, &cause, now_s);
            Ok(Reply { events: vec![event], ..Reply::ok(object) })
        }
    }
}

fn refuse_unknown(params: &Params) -> Result<(), Refusal> {
    params.first_remaining().map_or(Ok(()), |name| Err(Refusal::unknown(name)))
}

fn no_such_session(id: &str) -> Refusal {
    Refusal::not_found(format!("No such checkout.session: {id}")).code("resource_missing").param("session")
}

fn no_such_subscription(id: &str) -> Refusal {
    Refusal::not_found(format!("No such subscription: '{id}'")).code("resource_missing").param("id")
}

fn failure() -> Reply {
    let message = "An unknown error occurred";
    Reply { status: 500, ..Reply::ok(json!({ "error": { "type": "api_error", "message": message } })) }
}
