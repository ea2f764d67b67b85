//! The closed lists that the rest of the project follows: the sources of webhooks, the sweeps of `reconcile`, and the
//! writers of the journal.
//!
//! Whatever handles each source or each sweep matches on these types. A new one does not compile until each such place
//! handles it: replay, the sender of samples, its fake provider, its alarms.

/// An enum with a word for each variant. The list of all is made of the variants, so that none is missing in it.
macro_rules! list {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word for it in stored rows, settings, logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|known| known.as_str() == word)
            }
        }
    };
}

list! {
    /// A sender of webhooks. Its word begins the journal keys of its events, and names its function, folder and samples.
    /// A use has the journal key of `usage`, whichever gateway reports it.
    pub enum Source {
        /// An LLM gateway's usage events.
        Usage = "usage",
        Litellm = "litellm",
        Openrouter = "openrouter",
        Stripe = "stripe",
        Wechat = "wechat",
        Epay = "epay",
        Fireblocks = "fireblocks",
    }
}

impl Source {
    /// Whether its events are uses, which are many and small, and not payments or transfers.
    pub const fn reports_usage(self) -> bool {
        match self {
            Self::Usage | Self::Litellm | Self::Openrouter => true,
            Self::Stripe | Self::Wechat | Self::Epay | Self::Fireblocks => false,
        }
    }
}

list! {
    /// What a schedule has `reconcile` do.
    pub enum Sweep {
        /// Retries events that were refused.
        Refused = "refused",
        /// Backfills events that Stripe could not deliver.
        StripeBackfill = "stripe_backfill",
        /// Books what the log of an LLM gateway has, and no webhook has reported.
        GatewayLog = "gateway_log",
        /// Queries providers for orders without a payment event.
        Unpaid = "unpaid",
        /// Fulfils paid orders whose fulfilment has stopped.
        Unfulfilled = "unfulfilled",
        /// Looks up transfers and top-ups that a provider is still working on.
        PendingExternal = "pending_external",
        /// Expires credits that no one spends.
        Expiring = "expiring",
        /// Closes holds whose time is over.
        Holds = "holds",
        /// Compares accounts, orders and the journal.
        Audit = "audit",
    }
}

impl Sweep {
    /// The schedule's input.
    pub fn input(self) -> String {
        format!(r#"{{"sweep":"{}"}}"#, self.as_str())
    }
}

/// What commits journal rows: a source's function, another function, or a person. Its word is a row's attribute `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writer {
    Source(Source),
    Orders,
    Checkout,
    Fulfil,
    Reconcile,
    /// The redemption of a code.
    Redeem,
    /// Whichever call finds lots past their date: a debit, or the sweep.
    Expiry,
    /// The charge of a hold, by its settlement or its expiry.
    Hold,
    /// A change by a service key over the credits API.
    Credits,
    /// What an operator does in the console.
    Console,
    /// A person's change by the command line.
    Manual,
    /// A person's repair of rows by the command line.
    Repair,
}

impl Writer {
    /// Those that are no sources.
    const OTHERS: [Self; 11] = [
        Self::Orders,
        Self::Checkout,
        Self::Fulfil,
        Self::Reconcile,
        Self::Redeem,
        Self::Expiry,
        Self::Hold,
        Self::Credits,
        Self::Console,
        Self::Manual,
        Self::Repair,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        Source::ALL.into_iter().map(Self::Source).chain(Self::OTHERS)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source(source) => source.as_str(),
            Self::Orders => "orders",
            Self::Checkout => "checkout",
            Self::Fulfil => "fulfil",
            Self::Reconcile => "reconcile",
            Self::Redeem => "redeem",
            Self::Expiry => "expire",
            Self::Hold => "hold",
            Self::Credits => "credits",
            Self::Console => "console",
            Self::Manual => "manual",
            Self::Repair => "repair",
        }
    }
}

impl From<Source> for Writer {
    fn from(source: Source) -> Self {
        Self::Source(source)
    }
}
