//! Manual changes of accounts, exchange rates and pauses: ordinary journal entries with an author and a reason.

use ledger::{
    AccountId, AccountTransfer, Amount, Asset, BudgetChange, CallRate, CallerKey, Code, CodeChange, CodeHash, Decision,
    Draws, Effect, Entry, EventKey, Fact, Fingerprint, Guard, House, JournalHeader, KeyChange, KeyError, KeySettings,
    LotShare, LotTerms, MemberChange, MoneyKey, Movement, Owner, Pausable, Pauses, Posting, Rate, Rates, ServiceKey,
    ServiceKeyChange, ServiceKeyHash, ServiceKeySettings, SpendingTerms, Timestamp, UsageReversal, Word,
};

use crate::By;

/// A manual adjustment.
#[derive(Debug)]
pub struct Change<'c> {
    pub by: By<'c>,
    pub what: What,
}

/// When credits expire: as a person named it, and the terms that follow.
#[derive(Debug)]
pub struct Expiry {
    /// `90d` or a date. The same request has the same fingerprint on another day, too.
    pub text: String,
    pub terms: LotTerms,
}

/// The kind of an adjustment, with its values.
#[derive(Debug)]
pub enum What {
    Credit {
        account: AccountId,
        amount: Amount,
        expiry: Option<Expiry>,
    },
    Debit {
        account: AccountId,
        amount: Amount,
    },
    Overdraft {
        account: AccountId,
        from: SpendingTerms,
        to: SpendingTerms,
    },
    /// Prepaid, or postpaid down to a limit.
    Policy {
        account: AccountId,
        from: SpendingTerms,
        to: SpendingTerms,
    },
    /// Binds a key of an LLM gateway.
    RemoteKey {
        owner: Owner,
        key: CallerKey,
        name: String,
    },
    /// Binds an API key of our own; the books hold only its hash.
    ApiKey {
        owner: Owner,
        key: CallerKey,
        /// The name of the key that this one replaces.
        replaces: Option<String>,
        /// Those of that key.
        settings: KeySettings,
        /// That key, if it is to end, and in how many seconds from now.
        ends: Option<(CallerKey, u32, Timestamp)>,
    },
    /// Removes the names of keys.
    Erase {
        owner: Owner,
        keys: Vec<CallerKey>,
    },
    RevokeKey {
        owner: Owner,
        key: CallerKey,
        /// As they were read; one that lasts ends with the key.
        draws: Draws,
    },
    /// A key joins the team of another owner.
    JoinTeam {
        team: Owner,
        change: MemberChange,
        /// The limits that a person named.
        named: Vec<(&'static str, String)>,
    },
    LeaveTeam {
        team: Owner,
        change: MemberChange,
    },
    /// Sets the budget of a key.
    Budget {
        change: BudgetChange,
        /// What a person named; the rest stays.
        named: Vec<(&'static str, String)>,
    },
    /// Sets how many calls a key may make in a minute, over the settings that were read.
    KeyRate {
        owner: Owner,
        key: CallerKey,
        from: KeySettings,
        to: KeySettings,
    },
    ServiceKeyRate {
        hash: ServiceKeyHash,
        from: ServiceKeySettings,
        to: ServiceKeySettings,
    },
    /// Makes a key with which a shop's server calls the API; the books hold only its hash.
    MakeServiceKey(Box<ServiceKey>),
    RevokeServiceKey(ServiceKeyHash),
    /// Gives an amount of one account to another.
    Transfer(AccountTransfer),
    /// Gives the charge of a usage event back.
    ReverseUsage(UsageReversal),
    /// Makes redeem codes of one kind.
    MakeCodes(Vec<Code>),
    /// Revokes codes of a campaign: the named one, or those that were live.
    RevokeCodes {
        campaign: Word,
        name: Option<String>,
        codes: Vec<CodeHash>,
    },
    /// Sets an exchange rate.
    SetRate {
        /// All rates of the pair after it.
        rates: Rates,
        rate: Rate,
        /// `None`: at once.
        from: Option<Timestamp>,
    },
    RevokeRate {
        rates: Rates,
        from: Timestamp,
    },
    /// Pauses what is among the pauses after it, and resumes what is not.
    Pause {
        what: Pausable,
        pauses: Pauses,
    },
    /// Sets the owner's referrer.
    Referrer {
        owner: Owner,
        from: Option<Owner>,
        to: Option<Owner>,
    },
}

impl Change<'_> {
    pub fn decision(&self) -> Result<Decision, KeyError> {
        let receipt = self.by.receipt()?;
        let facts = self.what.facts();
        // Author and reason stay out of the fingerprint: another reason is no idempotency conflict.
        let fields: Vec<(&str, &str)> = std::iter::once(("kind", self.what.kind()))
            .chain(facts.iter().map(|(name, value)| (*name, value.as_str())))
            .collect();
        let fingerprints = Fingerprint::of(1, &fields).into();
        let signed = [("author", self.by.author.to_owned()), ("reason", self.by.reason.to_owned())];
        let all = signed.into_iter().chain(facts);
        Ok(Decision::Record(Entry {
            effects: self.what.effects(&receipt),
            header: JournalHeader {
                receipt,
                writer: self.by.writer,
                kind: self.what.kind(),
                facts: all.map(|(name, value)| (name, Fact::Text(value))).collect(),
                fingerprints,
                order: None,
            },
            keeps_body: false,
            alarm: None,
        }))
    }
}

impl What {
    /// The account of the change; for keys and referrers, the owner's credits. Codes, service keys, exchange rates and pauses are of none.
    pub fn account(&self) -> Option<AccountId> {
        Some(match self {
            Self::Credit { account, .. }
            | Self::Debit { account, .. }
            | Self::Overdraft { account, .. }
            | Self::Policy { account, .. } => account.clone(),
            Self::RemoteKey { owner, .. }
            | Self::ApiKey { owner, .. }
            | Self::Erase { owner, .. }
            | Self::RevokeKey { owner, .. }
            | Self::KeyRate { owner, .. }
            | Self::Referrer { owner, .. } => credits_of(owner),
            Self::Budget { change, .. } => credits_of(&change.owner),
            Self::JoinTeam { team, .. } | Self::LeaveTeam { team, .. } => credits_of(team),
            Self::ReverseUsage(reversal) => reversal.account().clone(),
            Self::Transfer(transfer) => transfer.from().clone(),
            Self::SetRate { .. }
            | Self::RevokeRate { .. }
            | Self::Pause { .. }
            | Self::MakeServiceKey(_)
            | Self::RevokeServiceKey(_)
            | Self::ServiceKeyRate { .. }
            | Self::MakeCodes(_)
            | Self::RevokeCodes { .. } => return None,
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Credit { .. } => "credit",
            Self::Debit { .. } => "debit",
            Self::Overdraft { .. } => "overdraft",
            Self::Policy { .. } => "policy",
            Self::RemoteKey { .. } => "key",
            Self::ApiKey { .. } => "api_key",
            Self::Erase { .. } => "erase",
            Self::RevokeKey { .. } => "revoke_key",
            Self::JoinTeam { .. } => "join_team",
            Self::LeaveTeam { .. } => "leave_team",
            Self::Budget { .. } => "budget",
            Self::KeyRate { .. } => "key_rate",
            Self::ServiceKeyRate { .. } => "service_key_rate",
            Self::Referrer { .. } => "referrer",
            Self::ReverseUsage(_) => "reverse",
            Self::Transfer(_) => "transfer",
            Self::MakeServiceKey(_) => "make_service_key",
            Self::RevokeServiceKey(_) => "revoke_service_key",
            Self::MakeCodes(_) => "make_codes",
            Self::RevokeCodes { .. } => "revoke_codes",
            Self::SetRate { .. } => "rate",
            Self::RevokeRate { .. } => "revoke_rate",
            Self::Pause { what, pauses } if pauses.has(*what) => "pause",
            Self::Pause { .. } => "resume",
        }
    }

    /// The requested values, without the state before: the same request has the same fingerprint.
    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Credit { account, amount, expiry: Some(expiry) } => vec![
                ("account", account.to_string()),
                ("amount", account.asset().format(*amount)),
                ("expires", expiry.text.clone()),
                ("priority", expiry.terms.priority.to_string()),
                ("lot_kind", expiry.terms.kind.as_str().to_owned()),
            ],
            Self::Credit { account, amount, expiry: None }
            | Self::Debit { account, amount }
            | Self::Overdraft { account, to: SpendingTerms { overdraft: amount, .. }, .. } => {
                vec![("account", account.to_string()), ("amount", account.asset().format(*amount))]
            }
            Self::Policy { account, to: SpendingTerms { policy, overdraft }, .. } => vec![
                ("account", account.to_string()),
                ("policy", policy.as_str().to_owned()),
                ("limit", account.asset().format(*overdraft)),
            ],
            Self::RemoteKey { owner, name, .. } => vec![("owner", owner.to_string()), ("key", name.clone())],
            Self::ApiKey { owner, replaces, ends, .. } => {
                let replaces = replaces.iter().map(|name| ("replaces", name.clone()));
                let grace = ends.iter().map(|(_, seconds, _)| ("grace_seconds", seconds.to_string()));
                std::iter::once(("owner", owner.to_string())).chain(replaces).chain(grace).collect()
            }
            Self::Erase { owner, keys: _ } => vec![("owner", owner.to_string())],
            Self::RevokeKey { owner, key, .. } => vec![("owner", owner.to_string()), ("key", key.short_id())],
            Self::JoinTeam { team, change, named } => {
                of_member(team, change).into_iter().chain(named.iter().cloned()).collect()
            }
            Self::LeaveTeam { team, change } => of_member(team, change).into(),
            Self::Budget { change, named } => {
                let of_key = [("owner", change.owner.to_string()), ("key", change.key.short_id())];
                of_key.into_iter().chain(named.iter().cloned()).collect()
            }
            Self::KeyRate { owner, key, from: _, to } => {
                vec![("owner", owner.to_string()), ("key", key.short_id()), ("rate", rate(to.rate))]
            }
            Self::ServiceKeyRate { hash, from: _, to } => vec![("key", hash.short_id()), ("rate", rate(to.rate))],
            Self::MakeServiceKey(key) => vec![("name", key.name.to_string()), ("scopes", key.scopes.to_string())],
            Self::RevokeServiceKey(hash) => vec![("key", hash.short_id())],
            Self::ReverseUsage(reversal) => {
                vec![("usage", reversal.usage().to_string()), ("amount", Asset::CREDITS.format(reversal.amount()))]
            }
            Self::Transfer(transfer) => vec![
                ("account", transfer.from().to_string()),
                ("to", transfer.to().to_string()),
                ("amount", transfer.from().asset().format(transfer.amount())),
            ],
            Self::MakeCodes(codes) => {
                let of_first = codes.first().map(|code| {
                    let until = code.until.map(|until| ("until", until.to_string()));
                    let terms = code.terms.map(|terms| {
                        [
                            ("expires", format!("{}d", terms.days)),
                            ("priority", terms.priority.to_string()),
                            ("lot_kind", terms.kind.as_str().to_owned()),
                        ]
                    });
                    let fields = [
                        ("campaign", code.campaign.to_string()),
                        ("credits", Asset::CREDITS.format(code.credits)),
                        ("uses", code.uses.to_string()),
                        ("once_per", code.once_per.as_str().to_owned()),
                        ("codes", codes.len().to_string()),
                    ];
                    fields.into_iter().chain(until).chain(terms.into_iter().flatten())
                });
                of_first.into_iter().flatten().collect()
            }
            Self::RevokeCodes { campaign, name, codes: _ } => {
                let name = name.clone().unwrap_or_else(|| "all".to_owned());
                vec![("campaign", campaign.to_string()), ("code", name)]
            }
            Self::SetRate { rates, rate, from } => {
                let from = from.map_or_else(|| "at once".to_owned(), |from| from.to_string());
                vec![("pair", rates.pair.to_string()), ("rate", rate.to_string()), ("from", from)]
            }
            Self::RevokeRate { rates, from } => vec![("pair", rates.pair.to_string()), ("from", from.to_string())],
            Self::Pause { what, .. } => vec![("what", what.as_str().to_owned())],
            Self::Referrer { owner, to, .. } => {
                let to = to.as_ref().map_or_else(String::new, Owner::to_string);
                vec![("owner", owner.to_string()), ("referrer", to)]
            }
        }
    }

    fn effects(&self, receipt: &EventKey) -> Vec<Effect> {
        let movement = |posting, guard, lots| {
            Effect::Move(Movement { key: MoneyKey::of_event(receipt), posting, guard, reverses: None, lots })
        };
        vec![match self {
            Self::ReverseUsage(reversal) => return reversal.effects(),
            Self::Transfer(transfer) => return transfer.effects(receipt),
            Self::MakeCodes(codes) => {
                let make = |code: &Code| Effect::Code(CodeChange::Make(Box::new(code.clone())));
                return codes.iter().map(make).collect();
            }
            Self::RevokeCodes { codes, .. } => {
                return codes.iter().map(|code| Effect::Code(CodeChange::Revoke(code.clone()))).collect();
            }
            Self::MakeServiceKey(key) => Effect::ServiceKey(ServiceKeyChange::Make(key.clone())),
            Self::RevokeServiceKey(hash) => Effect::ServiceKey(ServiceKeyChange::Revoke(hash.clone())),
            Self::Credit { account, amount, expiry } => {
                let lots = expiry.iter().map(|expiry| LotShare { terms: expiry.terms, units: amount.units() });
                let posting = Posting::to_customer(account.clone(), House::Manual, *amount);
                movement(posting, Guard::Always, lots.collect())
            }
            Self::Debit { account, amount } => {
                let posting = Posting::from_customer(account.clone(), House::Manual, *amount);
                movement(posting, Guard::SufficientFunds, Vec::new())
            }
            Self::Overdraft { account, from, to } | Self::Policy { account, from, to } => {
                Effect::Overdraft { account: account.clone(), from: *from, to: *to }
            }
            Self::ApiKey { owner, key, settings, ends, .. } => {
                let (key, owner) = (key.clone(), owner.clone());
                let end = |(ended, _, at): &(CallerKey, u32, Timestamp)| {
                    Effect::Key(Box::new(KeyChange::End { key: ended.clone(), owner: owner.clone(), at: *at }))
                };
                let ended = ends.as_ref().map(end);
                let made = if *settings == KeySettings::default() {
                    Effect::Bind { key, owner }
                } else {
                    Effect::Key(Box::new(KeyChange::Make { key, owner, settings: *settings, until: None }))
                };
                return std::iter::once(made).chain(ended).collect();
            }
            Self::RemoteKey { owner, key, .. } => Effect::Bind { key: key.clone(), owner: owner.clone() },
            Self::Erase { owner, keys } => {
                let unname = |key: &CallerKey| KeyChange::Unname { key: key.clone(), owner: owner.clone() };
                return keys.iter().map(|key| Effect::Key(Box::new(unname(key)))).collect();
            }
            Self::SetRate { rates, .. } | Self::RevokeRate { rates, .. } => Effect::Rates(rates.clone()),
            Self::Pause { pauses, .. } => Effect::Pauses(pauses.clone()),
            Self::Budget { change, .. } => Effect::SetBudget(change.clone()),
            Self::KeyRate { owner, key, from, to } => {
                Effect::Key(Box::new(KeyChange::Set { key: key.clone(), owner: owner.clone(), from: *from, to: *to }))
            }
            Self::ServiceKeyRate { hash, from, to } => {
                Effect::ServiceKey(ServiceKeyChange::Set { hash: hash.clone(), from: *from, to: *to })
            }
            Self::RevokeKey { owner, key, draws } => {
                Effect::Revoke { key: key.clone(), owner: owner.clone(), draws: draws.clone() }
            }
            Self::JoinTeam { change, .. } | Self::LeaveTeam { change, .. } => Effect::Member(Box::new(change.clone())),
            Self::Referrer { owner, from, to } => {
                Effect::Refer { owner: owner.clone(), from: from.clone(), to: to.clone() }
            }
        }]
    }
}

fn rate(rate: Option<CallRate>) -> String {
    rate.map_or_else(|| "none".to_owned(), |rate| rate.to_string())
}

fn of_member(team: &Owner, change: &MemberChange) -> [(&'static str, String); 3] {
    [("team", team.to_string()), ("owner", change.owner.to_string()), ("key", change.key.short_id())]
}

/// The account that usage is charged to.
pub fn credits_of(owner: &Owner) -> AccountId {
    owner.account(Asset::CREDITS)
}
