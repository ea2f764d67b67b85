//! A fake of an epay gateway (易支付), V1 and V2: payment page, API payments, queries and notifications.
//!
//! It is a state machine that neither reads the clock nor uses randomness. It refuses the requests that a gateway
//! refuses, above all those without the merchant's valid signature.

mod answer;
mod page;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use signing::epay::{Keys, Params, Pid, Scheme, sign, verify};

use answer::{Refusal, json};

/// An epay gateway. Its keys serve the gateway and its merchants at once: it uses both halves of a key pair.
pub struct Gateway {
    /// The base URL of its pages.
    base: String,
    keys: RwLock<Arc<Keys>>,
    merchants: BTreeMap<Pid, Scheme>,
    state: Mutex<State>,
}

/// One request of a browser or of a merchant.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    /// The request target, with the query if it has one: `/submit.php?pid=…`.
    pub path: &'c str,
    /// Form-encoded.
    pub body: &'c str,
    pub now_s: i64,
}

#[derive(Clone)]
pub struct Answered {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// The result of a payment.
#[derive(Clone)]
pub struct Paid {
    /// The notification: the merchant's URL, and the signed parameters.
    pub notify_url: String,
    pub form: String,
    /// The page to which the buyer returns.
    pub redirect: String,
}

struct State {
    seed: String,
    /// Payments by the gateway's number.
    trades: BTreeMap<String, Trade>,
}

#[derive(Clone)]
struct Trade {
    number: String,
    pid: Pid,
    /// The merchant's request.
    request: Params,
    is_paid: bool,
}

impl Trade {
    fn param(&self, name: &str) -> &str {
        self.request.value(name).unwrap_or_default()
    }
}

impl Gateway {
    /// The letters and digits of `seed` become part of every number: with a new seed at each start, a store that
    /// outlives the process never receives a number twice.
    pub fn new(base: &str, keys: Keys, merchants: impl IntoIterator<Item = (Pid, Scheme)>, seed: &str) -> Self {
        let seed = seed.chars().filter(char::is_ascii_alphanumeric).collect();
        let state = Mutex::new(State { seed, trades: BTreeMap::new() });
        let (base, keys) = (base.trim_end_matches('/').to_owned(), RwLock::new(Arc::new(keys)));
        Self { base, keys, merchants: merchants.into_iter().collect(), state }
    }

    /// Replaces the keys of all merchants at once, as the gateway does when a merchant resets one.
    pub fn reset_keys(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        let (path, query) = call.path.split_once('?').unwrap_or((call.path, ""));
        let form = if call.method == "POST" { call.body } else { query };
        match (call.method, path) {
            ("GET" | "POST", "/submit.php") => self.submit(form, Scheme::Md5, call.now_s),
            ("GET" | "POST", "/api/pay/submit") => self.submit(form, Scheme::Rsa, call.now_s),
            ("POST", "/mapi.php") => json(self.create(form, call.now_s)),
            // The common gateway accepts only GET here; some also accept a form, with `act` in the URL.
            ("GET" | "POST", "/api.php") => json(self.query_v1(query, form)),
            ("POST", "/api/pay/query") => json(self.query_v2(form, call.now_s)),
            _ => Answered { status: 404, content_type: "text/html", body: "404 Not Found".to_owned() },
        }
    }

    /// The buyer pays; `None` if no payment has this number.
    pub fn pay(&self, number: &str, now_s: i64) -> Option<Paid> {
        let trade = {
            let mut state = self.state();
            let trade = state.trades.get_mut(number)?;
            trade.is_paid = true;
            trade.clone()
        };
        let form = self.notification(&trade, now_s)?.encoded();
        let redirect = format!("{}?{form}", trade.param("return_url"));
        Some(Paid { notify_url: trade.param("notify_url").to_owned(), form, redirect })
    }

    /// The numbers of all payments, in order.
    pub fn trades(&self) -> Vec<String> {
        self.state().trades.keys().cloned().collect()
    }

    fn notification(&self, trade: &Trade, now_s: i64) -> Option<Params> {
        let scheme = *self.merchants.get(&trade.pid)?;
        let money = trade.param("money");
        let params = Params::default()
            .with("pid", trade.pid.as_str())
            .with("trade_no", trade.number.as_str())
            .with("out_trade_no", trade.param("out_trade_no"))
            .with("type", way(trade))
            .with("name", trade.param("name"))
            // PHP prints a float without trailing zeros.
            .with("money", if money.contains('.') { money.trim_end_matches('0').trim_end_matches('.') } else { money })
            .with("trade_status", "TRADE_SUCCESS");
        sign(&self.keys(), &trade.pid, scheme, params, now_s)
    }

    fn submit(&self, form: &str, scheme: Scheme, now_s: i64) -> Answered {
        match self.begin(form, scheme, now_s) {
            Ok(trade) => page::payable(&self.base, &trade),
            Err(refusal) => page::refused(refusal.message),
        }
    }

    fn create(&self, form: &str, now_s: i64) -> Result<Params, Refusal> {
        let trade = self.begin(form, Scheme::Md5, now_s)?;
        if trade.param("type").is_empty() {
            return Err(Refusal::of("支付方式(type)不能为空"));
        }
        let url = format!("{}/pay/{}", self.base, trade.number);
        Ok(answer::ok("1").with("trade_no", trade.number).with("payurl", url))
    }

    /// Creates a payment, or returns the unpaid one of the same order.
    fn begin(&self, form: &str, scheme: Scheme, now_s: i64) -> Result<Trade, Refusal> {
        let (pid, request) = self.verify_request(form, scheme, now_s)?;
        for (name, message) in answer::REQUIRED {
            if request.value(name).is_none_or(str::is_empty) {
                return Err(Refusal::of(message));
            }
        }
        let mut state = self.state();
        let mut trades = state.trades.values();
        let existing = trades
            .find(|trade| trade.pid == pid && trade.request.value("out_trade_no") == request.value("out_trade_no"));
        match existing {
            Some(trade) if trade.is_paid => Err(Refusal::of("该订单已支付")),
            Some(trade) if trade.request.value("money") != request.value("money") => {
                Err(Refusal::of("订单金额与之前不一致"))
            }
            Some(trade) => Ok(trade.clone()),
            None => {
                let number = format!("{}{:0>16}", state.seed, state.trades.len().saturating_add(1));
                let trade = Trade { number: number.clone(), pid, request, is_paid: false };
                state.trades.insert(number, trade.clone());
                Ok(trade)
            }
        }
    }

    /// Records a paid payment that was created elsewhere, under the number in its notification.
    pub fn hear(&self, notified: &Params) {
        let pid = notified.value("pid").and_then(Pid::new).filter(|pid| self.merchants.contains_key(pid));
        let number = notified.value("trade_no").filter(|_| notified.value("trade_status") == Some("TRADE_SUCCESS"));
        if let (Some(pid), Some(number)) = (pid, number) {
            let trade = Trade { number: number.to_owned(), pid, request: notified.clone(), is_paid: true };
            self.state().trades.insert(number.to_owned(), trade);
        }
    }

    fn query_v1(&self, query: &str, form: &str) -> Result<Params, Refusal> {
        let is_order = Params::decode(query).is_ok_and(|query| query.value("act") == Some("order"));
        let request = Params::decode(form).ok().filter(|_| is_order).ok_or(Refusal::of("No Act!"))?;
        let pid = request.value("pid").and_then(Pid::new).filter(|pid| self.merchants.get(pid) == Some(&Scheme::Md5));
        let pid = pid.ok_or(Refusal::FORBIDDEN)?;
        let key = self.keys().sent_along(&pid).ok_or(Refusal::FORBIDDEN)?;
        if request.value("key") != Some(key.as_str()) {
            return Err(Refusal::FORBIDDEN);
        }
        Ok(self.query(&pid, &request)?.with("code", "1"))
    }

    fn query_v2(&self, form: &str, now_s: i64) -> Result<Params, Refusal> {
        let (pid, request) = self.verify_request(form, Scheme::Rsa, now_s)?;
        let query = self.query(&pid, &request)?.with("code", "0");
        sign(&self.keys(), &pid, Scheme::Rsa, query, now_s).ok_or(Refusal::FORBIDDEN)
    }

    fn query(&self, pid: &Pid, request: &Params) -> Result<Params, Refusal> {
        let state = self.state();
        // By the gateway's number, or by the merchant's.
        let is_queried = |trade: &&Trade| match (request.value("trade_no"), request.value("out_trade_no")) {
            (Some(number), _) => trade.number == number,
            (None, Some(order)) => trade.param("out_trade_no") == order,
            (None, None) => false,
        };
        let mut trades = state.trades.values().filter(|trade| trade.pid == *pid);
        let trade = trades.find(is_queried).ok_or(Refusal::MISSING)?;
        Ok(Params::default()
            .with("msg", "succ")
            .with("trade_no", trade.number.as_str())
            .with("out_trade_no", trade.param("out_trade_no"))
            .with("type", way(trade))
            .with("pid", pid.as_str())
            .with("name", trade.param("name"))
            .with("money", trade.param("money"))
            .with("status", if trade.is_paid { "1" } else { "0" }))
    }

    /// Verifies the signature in the merchant's scheme; returns the merchant and the parameters.
    fn verify_request(&self, form: &str, scheme: Scheme, now_s: i64) -> Result<(Pid, Params), Refusal> {
        let params = Params::decode(form).map_err(|_| Refusal::of("参数错误"))?;
        let pid = params.value("pid").and_then(Pid::new).filter(|pid| self.merchants.get(pid) == Some(&scheme));
        let pid = pid.ok_or(Refusal::of("商户不存在"))?;
        verify(&self.keys(), &pid, scheme, &params, now_s).map(drop).map_err(|_| Refusal::of("签名校验失败"))?;
        Ok((pid, params))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn way(trade: &Trade) -> &str {
    if trade.param("type").is_empty() { "alipay" } else { trade.param("type") }
}

// Written by hand, so that keys and signed requests stay out of logs.

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next();
        f.debug_struct("Call").field("method", &self.method).field("path", &path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paid").field("notify_url", &self.notify_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
