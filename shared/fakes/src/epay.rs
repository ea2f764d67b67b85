//! A stand-in for an epay gateway (易支付), V1 and V2: its page, its quick payments, its queries, and what it notifies.
//!
//! Like the one for Stripe it is a state machine behind a lock that neither reads the clock nor rolls dice. It refuses what a gateway
//! refuses: above all, what is not signed as its merchant signs.

mod answer;
mod page;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use signing::epay::{Keys, Params, Pid, Scheme, sign, verify};

use answer::{Refusal, json};

/// An epay gateway. Whoever has its keys is the gateway and its merchants at once: of a key pair it uses both.
pub struct Gateway {
    /// Where its pages are.
    base: String,
    keys: Keys,
    merchants: BTreeMap<Pid, Scheme>,
    state: Mutex<State>,
}

/// One request of a browser or of a merchant.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    /// As it was asked for, with the query if it has one: `/submit.php?pid=…`.
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

/// What a payment led to.
#[derive(Clone)]
pub struct Paid {
    /// What is notified: the merchant's address, and the signed parameters.
    pub notify_url: String,
    pub form: String,
    /// Where the buyer goes now.
    pub redirect: String,
}

struct State {
    seed: String,
    /// By the gateway's own number.
    trades: BTreeMap<String, Trade>,
}

#[derive(Clone)]
struct Trade {
    number: String,
    pid: Pid,
    /// What the merchant has asked for.
    asked: Params,
    is_paid: bool,
}

impl Trade {
    fn asked(&self, name: &str) -> &str {
        self.asked.value(name).unwrap_or_default()
    }
}

impl Gateway {
    /// The letters and digits of `seed` become part of every number: with another seed at every start, a store that outlives this process
    /// never sees one twice.
    pub fn new(base: &str, keys: Keys, merchants: impl IntoIterator<Item = (Pid, Scheme)>, seed: &str) -> Self {
        let seed = seed.chars().filter(char::is_ascii_alphanumeric).collect();
        let state = Mutex::new(State { seed, trades: BTreeMap::new() });
        Self { base: base.trim_end_matches('/').to_owned(), keys, merchants: merchants.into_iter().collect(), state }
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        let (path, query) = call.path.split_once('?').unwrap_or((call.path, ""));
        let form = if call.method == "POST" { call.body } else { query };
        match (call.method, path) {
            ("GET" | "POST", "/submit.php") => self.submit(form, Scheme::Md5, call.now_s),
            ("GET" | "POST", "/api/pay/submit") => self.submit(form, Scheme::Rsa, call.now_s),
            ("POST", "/mapi.php") => json(self.create(form, call.now_s)),
            // The common gateway takes this by GET alone; some take the form too, and look for `act` in the URL all the same.
            ("GET" | "POST", "/api.php") => json(self.query_v1(query, form)),
            ("POST", "/api/pay/query") => json(self.query_v2(form, call.now_s)),
            _ => Answered { status: 404, content_type: "text/html", body: "404 Not Found".to_owned() },
        }
    }

    /// The buyer pays. `None`: there is nothing to pay under this number.
    pub fn pay(&self, number: &str, now_s: i64) -> Option<Paid> {
        let trade = {
            let mut state = self.state();
            let trade = state.trades.get_mut(number)?;
            trade.is_paid = true;
            trade.clone()
        };
        let form = self.notification(&trade, now_s)?.encoded();
        let redirect = format!("{}?{form}", trade.asked("return_url"));
        Some(Paid { notify_url: trade.asked("notify_url").to_owned(), form, redirect })
    }

    /// The numbers of all payments that were begun, in their order.
    pub fn trades(&self) -> Vec<String> {
        self.state().trades.keys().cloned().collect()
    }

    fn notification(&self, trade: &Trade, now_s: i64) -> Option<Params> {
        let scheme = *self.merchants.get(&trade.pid)?;
        let money = trade.asked("money");
        let params = Params::default()
            .with("pid", trade.pid.as_str())
            .with("trade_no", trade.number.as_str())
            .with("out_trade_no", trade.asked("out_trade_no"))
            .with("type", way(trade))
            .with("name", trade.asked("name"))
            // PHP writes a float as short as it can.
            .with("money", if money.contains('.') { money.trim_end_matches('0').trim_end_matches('.') } else { money })
            .with("trade_status", "TRADE_SUCCESS");
        sign(&self.keys, &trade.pid, scheme, params, now_s)
    }

    fn submit(&self, form: &str, scheme: Scheme, now_s: i64) -> Answered {
        match self.begun(form, scheme, now_s) {
            Ok(trade) => page::payable(&self.base, &trade),
            Err(refusal) => page::refused(refusal.said),
        }
    }

    fn create(&self, form: &str, now_s: i64) -> Result<Params, Refusal> {
        let trade = self.begun(form, Scheme::Md5, now_s)?;
        if trade.asked("type").is_empty() {
            return Err(Refusal::of("支付方式(type)不能为空"));
        }
        let url = format!("{}/pay/{}", self.base, trade.number);
        Ok(answer::ok("1").with("trade_no", trade.number).with("payurl", url))
    }

    /// The same payment for the same order, as long as it is not paid.
    fn begun(&self, form: &str, scheme: Scheme, now_s: i64) -> Result<Trade, Refusal> {
        let (pid, asked) = self.admitted(form, scheme, now_s)?;
        for (name, said) in answer::NEEDED {
            if asked.value(name).is_none_or(str::is_empty) {
                return Err(Refusal::of(said));
            }
        }
        let mut state = self.state();
        let mut trades = state.trades.values();
        let known =
            trades.find(|trade| trade.pid == pid && trade.asked.value("out_trade_no") == asked.value("out_trade_no"));
        match known {
            Some(trade) if trade.is_paid => Err(Refusal::of("该订单已支付")),
            Some(trade) if trade.asked.value("money") != asked.value("money") => {
                Err(Refusal::of("订单金额与之前不一致"))
            }
            Some(trade) => Ok(trade.clone()),
            None => {
                let number = format!("{}{:0>16}", state.seed, state.trades.len().saturating_add(1));
                let trade = Trade { number: number.clone(), pid, asked, is_paid: false };
                state.trades.insert(number, trade.clone());
                Ok(trade)
            }
        }
    }

    /// A payment that was begun elsewhere was made, under the number that its notification names.
    pub fn hear(&self, notified: &Params) {
        let pid = notified.value("pid").and_then(Pid::new).filter(|pid| self.merchants.contains_key(pid));
        let number = notified.value("trade_no").filter(|_| notified.value("trade_status") == Some("TRADE_SUCCESS"));
        if let (Some(pid), Some(number)) = (pid, number) {
            let trade = Trade { number: number.to_owned(), pid, asked: notified.clone(), is_paid: true };
            self.state().trades.insert(number.to_owned(), trade);
        }
    }

    fn query_v1(&self, query: &str, form: &str) -> Result<Params, Refusal> {
        let is_order = Params::decode(query).is_ok_and(|query| query.value("act") == Some("order"));
        let asked = Params::decode(form).ok().filter(|_| is_order).ok_or(Refusal::of("No Act!"))?;
        let pid = asked.value("pid").and_then(Pid::new).filter(|pid| self.merchants.get(pid) == Some(&Scheme::Md5));
        let pid = pid.ok_or(Refusal::FORBIDDEN)?;
        let key = self.keys.sent_along(&pid).ok_or(Refusal::FORBIDDEN)?;
        if asked.value("key") != Some(key.as_str()) {
            return Err(Refusal::FORBIDDEN);
        }
        Ok(self.found(&pid, &asked)?.with("code", "1"))
    }

    fn query_v2(&self, form: &str, now_s: i64) -> Result<Params, Refusal> {
        let (pid, asked) = self.admitted(form, Scheme::Rsa, now_s)?;
        let found = self.found(&pid, &asked)?.with("code", "0");
        sign(&self.keys, &pid, Scheme::Rsa, found, now_s).ok_or(Refusal::FORBIDDEN)
    }

    fn found(&self, pid: &Pid, asked: &Params) -> Result<Params, Refusal> {
        let state = self.state();
        // By the gateway's number, or by the merchant's.
        let is_asked_for = |trade: &&Trade| match (asked.value("trade_no"), asked.value("out_trade_no")) {
            (Some(number), _) => trade.number == number,
            (None, Some(order)) => trade.asked("out_trade_no") == order,
            (None, None) => false,
        };
        let mut trades = state.trades.values().filter(|trade| trade.pid == *pid);
        let trade = trades.find(is_asked_for).ok_or(Refusal::MISSING)?;
        Ok(Params::default()
            .with("msg", "succ")
            .with("trade_no", trade.number.as_str())
            .with("out_trade_no", trade.asked("out_trade_no"))
            .with("type", way(trade))
            .with("pid", pid.as_str())
            .with("name", trade.asked("name"))
            .with("money", trade.asked("money"))
            .with("status", if trade.is_paid { "1" } else { "0" }))
    }

    /// The merchant, and what it has signed in the way that it signs.
    fn admitted(&self, form: &str, scheme: Scheme, now_s: i64) -> Result<(Pid, Params), Refusal> {
        let params = Params::decode(form).map_err(|_| Refusal::of("参数错误"))?;
        let pid = params.value("pid").and_then(Pid::new).filter(|pid| self.merchants.get(pid) == Some(&scheme));
        let pid = pid.ok_or(Refusal::of("商户不存在"))?;
        verify(&self.keys, &pid, scheme, &params, now_s).map(drop).map_err(|_| Refusal::of("签名校验失败"))?;
        Ok((pid, params))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn way(trade: &Trade) -> &str {
    if trade.asked("type").is_empty() { "alipay" } else { trade.asked("type") }
}

// By hand: keys and signed requests stay out of logs.

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
