//! The names of attributes and their fixed values: the only place that spells them.
//!
//! An attribute in the smallest units of an asset or currency ends in `_units`, on every kind of row.

pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const ACCOUNT: &str = "account";
pub(crate) const ACCOUNTS: &str = "accounts";
pub(crate) const AFTER: &str = "after";
pub(crate) const AGAIN: &str = "again";
/// From where an operator has signed in.
pub(crate) const ADDRESS: &str = "address";
/// When an alarm last named the lane.
pub(crate) const ALARMED_AT: &str = "alarmed_at";
pub(crate) const AMOUNT_UNITS: &str = "amount_units";
/// The index of orders that need a person.
pub(crate) const ANOMALIES: &str = "anomalies";
/// A number for each anomaly beyond those listed.
pub(crate) const ANOMALIES_UNLISTED: &str = "anomalies_unlisted";
pub(crate) const ANOMALY_AT: &str = "anomaly_at";
pub(crate) const ANOMALY_DETAILS: &str = "anomaly_details";
/// Only on orders that need a person's decision: the key of a sparse index.
pub(crate) const ANOMALY_REASON: &str = "anomaly_reason";
pub(crate) const ASSET: &str = "asset";
pub(crate) const ASSETS: &str = "assets";
pub(crate) const AS_OF: &str = "as_of";
pub(crate) const ATTEMPTS: &str = "attempts";
/// The source, only on refused events in the retry queue: the key of a sparse index.
pub(crate) const ATTENTION: &str = "attention";
pub(crate) const AUTHOR: &str = "author";
pub(crate) const AVAILABLE_UNITS: &str = "available_units";
pub(crate) const BALANCE_UNITS: &str = "balance_units";
pub(crate) const BASIS_POINTS: &str = "basis_points";
pub(crate) const BEGAN_AT: &str = "began_at";
pub(crate) const BODY: &str = "body";
pub(crate) const BUYER_UNITS: &str = "buyer_units";
/// When the stored bytes arrived.
pub(crate) const BYTES_AT: &str = "bytes_at";
/// On a hold: the key that it is for.
pub(crate) const CALLER_KEY: &str = "caller_key";
/// Of a key and a minute: how many calls it has made.
pub(crate) const CALLS: &str = "calls";
/// Of a key: how many calls of the APIs it may make in a minute.
pub(crate) const CALLS_A_MINUTE: &str = "calls_a_minute";
/// On the rows of redeem codes: the key of a sparse index.
pub(crate) const CAMPAIGN: &str = "campaign";
pub(crate) const CENSUS: &str = "census";
pub(crate) const CHANGES: &str = "changes";
pub(crate) const REVERSALS: &str = "reversals";
/// What the expiry of a hold charges, and what it has charged.
pub(crate) const CALLS_MAX: &str = "calls_max";
pub(crate) const CHARGE_UNITS: &str = "charge_units";
pub(crate) const CHARGED_UNITS: &str = "charged_units";
/// Whether another channel had charged a hold's use before its settlement.
pub(crate) const CHARGED_BEFORE: &str = "charged_before";
/// When an operator chose its password and second factor.
pub(crate) const CHOSEN_AT: &str = "chosen_at";
pub(crate) const CLOSED_AT: &str = "closed_at";
pub(crate) const CODE: &str = "code";
pub(crate) const COMMISSIONS: &str = "commissions";
pub(crate) const CONFIRMED: &str = "confirmed";
pub(crate) const COUNTING: &str = "counting";
/// What the use of a hold cost, as its settlement says.
pub(crate) const COST_UNITS: &str = "cost_units";
pub(crate) const CREATED_AT: &str = "created_at";
pub(crate) const CREDIT: &str = "credit";
pub(crate) const CREDITS_UNITS: &str = "credits_units";
pub(crate) const CURRENCY: &str = "currency";
pub(crate) const CUSTOMERS_UNITS: &str = "customers_units";
/// Of a budget or a hold: the newest day in which anything counts, the newest before it, and the limit of each day.
pub(crate) const DAY: &str = "day";
pub(crate) const DAY_LIMIT_UNITS: &str = "day_limit_units";
pub(crate) const DAY_UNITS: &str = "day_units";
pub(crate) const DAYS: &str = "days";
pub(crate) const DEBIT: &str = "debit";
pub(crate) const DELIVERED_UNITS: &str = "delivered_units";
pub(crate) const DETAILS: &str = "details";
pub(crate) const DISPUTED: &str = "disputed";
pub(crate) const DISPUTES: &str = "disputes";
/// On the row of a key: the periods in which another owner's account pays for it.
pub(crate) const DRAWS: &str = "draws";
/// On the row of an owner's members: keys of others that draw on the owner, and keys of the owner that draw on others.
pub(crate) const DRAWN_BY: &str = "drawn_by";
pub(crate) const DRAWING: &str = "drawing";
pub(crate) const DUE_AT: &str = "due_at";
pub(crate) const EACH_PERIOD: &str = "each_period";
pub(crate) const EARLIER: &str = "earlier";
pub(crate) const ENDED_AT: &str = "ended_at";
/// Of a grant whose phone or wallet is erased.
pub(crate) const ERASED: &str = "erased";
pub(crate) const EXCHANGE: &str = "exchange";
pub(crate) const EXPIRED: &str = "expired";
pub(crate) const EXPIRES_AT: &str = "expires_at";
/// Only on accounts with lots that expire: the key of a sparse index.
pub(crate) const EXPIRING: &str = "expiring";
pub(crate) const FACTS: &str = "facts";
/// Of a breaker: its failures since the last success, and the time of the last one.
pub(crate) const FAILED_AT: &str = "failed_at";
pub(crate) const FAILURES: &str = "failures";
pub(crate) const FIRST_INVOICE: &str = "first_invoice";
pub(crate) const FINGERPRINT: &str = "fingerprint";
pub(crate) const FORMAT: &str = "v";
pub(crate) const FOUND_UNITS: &str = "found_units";
pub(crate) const FULFILLED_AT: &str = "fulfilled_at";
pub(crate) const FULFILMENT: &str = "fulfilment";
pub(crate) const GRANT: &str = "grant";
pub(crate) const MISSING_ACCOUNTS: &str = "missing_accounts";
pub(crate) const GRANTS: &str = "grants";
pub(crate) const HEADERS: &str = "headers";
/// The orders that hold one of an owner's places.
pub(crate) const HELD_BY: &str = "held_by";
/// Hours since 1970.
pub(crate) const HOUR: &str = "since_hour";
pub(crate) const HELD_UNITS: &str = "held_units";
pub(crate) const ID: &str = "id";
/// By account of the house, what it has.
pub(crate) const HOUSES_UNITS: &str = "houses_units";
pub(crate) const INVOICE: &str = "invoice";
/// On the row of an event whose body is kept with those of others: where.
pub(crate) const KEPT_IN: &str = "kept_in";
/// Among the facts of a usage event: the gateway's id of its key.
pub(crate) const KEY: &str = "key";
/// What a person calls a key.
pub(crate) const KEY_NAME: &str = "key_name";
/// On the rows of keys, also revoked ones: the key of a sparse index.
pub(crate) const KEY_OWNER: &str = "key_owner";
pub(crate) const KIND: &str = "kind";
pub(crate) const LAST: &str = "last";
pub(crate) const LATER_UNITS: &str = "later_units";
pub(crate) const LENGTH: &str = "length";
pub(crate) const LINE: &str = "line";
/// Of an operator: the hash and the end of the link that works once.
pub(crate) const LINK_HASH: &str = "link_hash";
pub(crate) const LINK_UNTIL: &str = "link_until";
pub(crate) const LINES: &str = "lines";
/// On the rows that the index by day has: its key.
pub(crate) const LISTED: &str = "listed";
pub(crate) const LOT_KIND: &str = "lot_kind";
pub(crate) const LOTS: &str = "lots";
pub(crate) const LOTS_VERSION: &str = "lots_version";
/// The balance at the last change of lots.
pub(crate) const MARK_UNITS: &str = "mark_units";
pub(crate) const CHECKED_AT: &str = "checked_at";
pub(crate) const EQUAL_CHECKS: &str = "equal_checks";
pub(crate) const DIFFERENCE_KIND: &str = "difference_kind";
/// On a hold for a key that draws on another's account: the owner of the key.
pub(crate) const MEMBER: &str = "member";
pub(crate) const METHOD: &str = "method";
pub(crate) const MISSING: &str = "missing";
pub(crate) const UNLISTED: &str = "unlisted";
pub(crate) const UNSETTLED: &str = "unsettled";
/// Likewise of months.
pub(crate) const MONTH: &str = "month";
pub(crate) const MONTH_LIMIT_UNITS: &str = "month_limit_units";
pub(crate) const MONTH_UNITS: &str = "month_units";
pub(crate) const NEXT: &str = "next";
/// Who opened or released a hold by hand, and why.
pub(crate) const NOTE: &str = "note";
pub(crate) const ONCE_PER: &str = "once_per";
pub(crate) const NEXT_EXPIRY: &str = "next_expiry";
pub(crate) const OPEN: &str = "open";
pub(crate) const OPENED_AT: &str = "opened_at";
/// Only on open holds: the key of a sparse index.
pub(crate) const OPEN_HOLDS: &str = "open_holds";
pub(crate) const OPERATOR: &str = "operator";
pub(crate) const ORDER: &str = "order";
pub(crate) const OVERDRAFT_UNITS: &str = "overdraft_units";
/// The amount owed for a refused event in a lane, projected into the index of the queue.
pub(crate) const OWED_UNITS: &str = "owed_units";
pub(crate) const OWNER: &str = "owner";
pub(crate) const PAID_AT: &str = "paid_at";
pub(crate) const PAID_BY: &str = "paid_by";
/// On the journal row of a payment: the amount paid.
pub(crate) const PAID_CURRENCY: &str = "paid_currency";
pub(crate) const PAID_UNITS: &str = "paid_units";
/// The number of rows that a body takes.
pub(crate) const PARTS: &str = "parts";
/// How often the sweep could not process the row since it last could.
pub(crate) const PASSED_OVER: &str = "passed_over";
/// A hash, with its parameters and salt.
pub(crate) const PASSWORD: &str = "password";
pub(crate) const PATH: &str = "path";
pub(crate) const PAUSED: &str = "paused";
/// Of a period: the owner whose account pays.
pub(crate) const PAYER: &str = "payer";
pub(crate) const PAYMENT: &str = "payment";
pub(crate) const PAYS_FOR: &str = "pays_for";
pub(crate) const PERIODS: &str = "periods";
pub(crate) const PERIOD_END: &str = "period_end";
pub(crate) const PHONE: &str = "phone";
pub(crate) const PLACE: &str = "place";
pub(crate) const PLAN: &str = "plan";
pub(crate) const PLAN_AS_OF: &str = "plan_as_of";
/// Only on accounts that are not prepaid.
pub(crate) const POLICY: &str = "policy";
pub(crate) const POSTED_UNITS: &str = "posted_units";
pub(crate) const POSTING: &str = "posting";
pub(crate) const POSTINGS: &str = "postings";
pub(crate) const PREVIOUS_DAY: &str = "previous_day";
pub(crate) const PREVIOUS_DAY_UNITS: &str = "previous_day_units";
pub(crate) const PREVIOUS_MONTH: &str = "previous_month";
pub(crate) const PREVIOUS_MONTH_UNITS: &str = "previous_month_units";
pub(crate) const PRICE_UNITS: &str = "price_units";
pub(crate) const PRICE_CURRENCY: &str = "price_currency";
pub(crate) const PRIORITY: &str = "priority";
pub(crate) const PROCESSED_AT: &str = "processed_at";
pub(crate) const PRODUCT: &str = "product";
pub(crate) const PROVIDER: &str = "provider";
pub(crate) const QUANTITY: &str = "quantity";
pub(crate) const QUERY: &str = "query";
pub(crate) const RATE: &str = "rate";
/// The exchange rates of a pair, by the time from which each is in force.
pub(crate) const RATES: &str = "rates";
pub(crate) const RECEIPT: &str = "receipt";
/// The claim before a call that must happen at most once: set only if unset, and only the writer makes the call.
pub(crate) const TOP_UP_CLAIMED_AT: &str = "top_up_claimed_at";
pub(crate) const TOP_UP_CALL: &str = "top_up_call";
pub(crate) const REASON: &str = "reason";
pub(crate) const RECEIVED_AT: &str = "received_at";
pub(crate) const REFERRAL: &str = "referral";
pub(crate) const REFERRER_UNITS: &str = "referrer_units";
pub(crate) const REFUNDED: &str = "refunded";
pub(crate) const REFUNDS: &str = "refunds";
/// How often an event was refused into the lane, and when last.
pub(crate) const REFUSALS: &str = "refusals";
pub(crate) const REFUSED_AT: &str = "refused_at";
/// When a row is removed, in seconds since 1970.
pub(crate) const REMOVED_AT: &str = "removed_at";
/// On a repaired entry: the key of the repair.
pub(crate) const REPAIRED_BY: &str = "repaired_by";
/// On an entry that a person has reversed: the key of the reversing entry.
pub(crate) const REVERSED_BY: &str = "reversed_by";
pub(crate) const REVERSES: &str = "reverses";
pub(crate) const ROLE: &str = "role";
pub(crate) const REVOKED_AT: &str = "revoked_at";
pub(crate) const REPORTED_AT: &str = "reported_at";
pub(crate) const RECORDED_UNITS: &str = "recorded_units";
pub(crate) const SCALE: &str = "scale";
/// What a service key may do, as words between commas.
pub(crate) const SCOPES: &str = "scopes";
/// When a session was last used.
pub(crate) const SEEN_AT: &str = "seen_at";
pub(crate) const SEEN: &str = "seen";
pub(crate) const SEQ: &str = "seq";
pub(crate) const SERVICE: &str = "service";
pub(crate) const SESSION: &str = "session";
pub(crate) const SHARES: &str = "shares";
pub(crate) const SIDES: &str = "sides";
/// How often an operator has signed in, and which sign-in a record is of.
pub(crate) const SIGN_INS: &str = "sign_ins";
pub(crate) const SINCE: &str = "since";
pub(crate) const SITE: &str = "site";
pub(crate) const SOURCE: &str = "source";
pub(crate) const STATE: &str = "state";
pub(crate) const STATUS: &str = "status";
pub(crate) const SUM_UNITS: &str = "sum_units";
pub(crate) const SUSPECT: &str = "suspect";
pub(crate) const TAKEN: &str = "taken";
pub(crate) const TOTAL_LIMIT_UNITS: &str = "total_limit_units";
pub(crate) const TOTAL_UNITS: &str = "total_units";
/// The key of an operator's codes, and the time step of the last accepted one.
pub(crate) const TOTP_KEY: &str = "totp_key";
pub(crate) const TOTP_STEP: &str = "totp_step";
pub(crate) const TRANSFER: &str = "transfer";
pub(crate) const TRIAL_BALANCE: &str = "trial_balance";
pub(crate) const UNDATED: &str = "undated";
pub(crate) const UNTIL: &str = "until";
pub(crate) const UPDATED_AT: &str = "updated_at";
pub(crate) const URL: &str = "url";
/// The key of the usage event that charges a hold's use.
pub(crate) const USE_KEY: &str = "use_key";
pub(crate) const USES: &str = "uses";
pub(crate) const USES_LEFT: &str = "uses_left";
pub(crate) const VERSION: &str = "version";
/// The function that the stream calls for this write of an order. Absent if the write only reschedules the order.
pub(crate) const WAKES: &str = "wakes";
pub(crate) const WAKES_FULFIL: &str = "fulfil";
pub(crate) const WALLET: &str = "wallet";
/// Only on orders with outstanding work: the key of a sparse index.
pub(crate) const WORK: &str = "work";
pub(crate) const WORK_FULFILMENT: &str = "fulfilment";
pub(crate) const WORK_PENDING_EXTERNAL: &str = "pending_external";
pub(crate) const WORK_PAYMENT_EPAY: &str = "payment#epay";
pub(crate) const WORK_PAYMENT_STRIPE: &str = "payment#stripe";
pub(crate) const WORK_PAYMENT_WECHAT: &str = "payment#wechat";
pub(crate) const WRONG_CODES: &str = "wrong_codes";
pub(crate) const WRITTEN_BY: &str = "written_by";
/// The offset from UTC of the days and months of a budget.
pub(crate) const ZONE: &str = "zone";

pub(crate) const PROCESSED: &str = "processed";
pub(crate) const FAILED: &str = "failed";
/// The reason on the row of an idempotency conflict. Another delivery cannot resolve it.
pub(crate) const CONFLICT: &str = "conflict";

pub(crate) const GRANT_CREDITS: &str = "credits";
pub(crate) const GRANT_CREDITS_EACH_PERIOD: &str = "credits_each_period";
pub(crate) const GRANT_EXPIRING: &str = "expiring_credits";
pub(crate) const GRANT_TOKEN: &str = "token";
pub(crate) const GRANT_REPORT: &str = "report";
pub(crate) const GRANT_TOP_UP: &str = "top_up";

pub(crate) const BY_ACCOUNT: &str = "by_account";
pub(crate) const BY_DAY: &str = "by_day";
/// The orders of an owner.
pub(crate) const BY_OWNER: &str = "by_owner";
pub(crate) const CAMPAIGNS: &str = "campaigns";
pub(crate) const KEYS: &str = "keys";

/// The placeholder of an attribute whose name is a reserved word, which no expression may contain.
pub(crate) fn placeholder(attribute: &str) -> Option<&'static str> {
    Some(match attribute {
        AFTER => "#after",
        DAY => "#day",
        GRANT => "#grant",
        KEY => "#key",
        LAST => "#last",
        LENGTH => "#length",
        LINES => "#lines",
        MEMBER => "#member",
        METHOD => "#method",
        MISSING => "#missing",
        MONTH => "#month",
        NEXT => "#next",
        OPEN => "#open",
        OPERATOR => "#operator",
        ORDER => "#order",
        OWNER => "#owner",
        PATH => "#path",
        PLAN => "#plan",
        QUERY => "#query",
        ROLE => "#role",
        SESSION => "#session",
        SOURCE => "#source",
        STATE => "#state",
        STATUS => "#status",
        UNTIL => "#until",
        URL => "#url",
        WORK => "#work",
        ZONE => "#zone",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::placeholder;

    /// AWS's list: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.
    const RESERVED: &str = include_str!("names/reserved_words.txt");
    /// Values and names of indexes, which stand in no expression.
    const NOT_ATTRIBUTES: [&str; 4] = ["processed", "conflict", "token", "keys"];

    #[test]
    fn every_attribute_that_is_a_reserved_word_has_a_placeholder() {
        let reserved: BTreeSet<String> = RESERVED.lines().map(str::to_lowercase).collect();
        let spelled = include_str!("names.rs").lines().filter(|line| line.starts_with("pub(crate) const"));
        let names = spelled.filter_map(|line| line.split('"').nth(1)).filter(|name| !NOT_ATTRIBUTES.contains(name));
        for name in names {
            let expected = reserved.contains(name).then(|| format!("#{name}"));
            assert_eq!(placeholder(name).map(str::to_owned), expected, "{name}");
        }
    }
}
