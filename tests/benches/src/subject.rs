//! The functions that are measured: ours, the floor, and the usual way in two languages; each as Lambda starts it.

use std::path::{Path, PathBuf};

use crate::authority::Trusted;
use crate::books::{Books, GRANT_UNITS, KEY, OWNER};
use crate::error::Error;
use crate::events::{COST_UNITS, payment_event, usage_event};
use crate::install::Installed;
use crate::store::{STAGE, Store};
use crate::usual;

/// What a function does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    Usage,
    Payment,
}

impl Job {
    pub(crate) const ALL: [Self; 2] = [Self::Usage, Self::Payment];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Payment => "Stripe payment",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Ours,
    Floor,
    Python,
    Node,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Ours, Self::Floor, Self::Python, Self::Node];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "hookledger",
            Self::Floor => "floor",
            Self::Python => "Python, Powertools",
            Self::Node => "Node, Powertools",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) job: Job,
    pub(crate) way: Way,
}

/// A program with its arguments and settings.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) settings: Vec<(String, String)>,
    /// A binary, or a folder of packages.
    pub(crate) deployed: PathBuf,
}

impl Subject {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Job::ALL.into_iter().flat_map(|job| Way::ALL.into_iter().map(move |way| Self { job, way }))
    }

    /// Its files are those of `tests/benches/usual`.
    fn script(self) -> &'static str {
        match self.job {
            Job::Usage => "usage",
            Job::Payment => "payment",
        }
    }

    pub(crate) fn program(self, installed: &Installed, store: &Store) -> Program {
        let usual = |language: &str| installed.root.join("tests/benches/usual").join(language);
        let (path, arguments, folder, deployed) = match self.way {
            Way::Ours | Way::Floor => {
                let name = match (self.way, self.job) {
                    (Way::Floor, _) => "floor",
                    (_, Job::Usage) => "usage",
                    (_, Job::Payment) => "stripe",
                };
                let path = installed.binaries.join(name);
                (path.clone(), vec![], installed.root.clone(), path)
            }
            Way::Python => {
                let arguments = vec!["-m".into(), "awslambdaric".into(), format!("{}.handler", self.script())];
                (installed.python.join("bin/python"), arguments, usual("python"), installed.packages.clone())
            }
            Way::Node => {
                let script = installed.node.join("runtime.mjs").display().to_string();
                let handler = format!("./{}.mjs", self.script());
                let modules = installed.node.join("node_modules");
                (PathBuf::from("node"), vec![script, handler], installed.node.clone(), modules)
            }
        };
        Program { path, arguments, folder, settings: self.settings(store), deployed }
    }

    /// The environment of the function: Lambda's, the SDKs' and its own.
    pub(crate) fn settings(self, store: &Store) -> Vec<(String, String)> {
        let [endpoint, of_secrets] = [store.address, store.secrets].map(|address| format!("https://{address}"));
        // Ours find the system's bundle, too, so that it would show if they parsed it.
        let Trusted { alone, in_bundle, of_amazon } = &store.trusted;
        let (of_system, of_aws) = if self.way == Way::Ours { (in_bundle, of_amazon) } else { (alone, alone) };
        let [of_system, of_aws, alone] = [of_system, of_aws, alone].map(|path| path.display().to_string());
        let table = |name: &str| format!("hookledger-{STAGE}-{name}");
        let path = std::env::join_paths(installed_path()).unwrap_or_default().to_string_lossy().into_owned();
        let settings = [
            ("PATH", path.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDOFTHEBENCH"),
            ("AWS_SECRET_ACCESS_KEY", "the-aws-secret-of-the-bench"),
            ("AWS_SESSION_TOKEN", "the-session-of-the-bench"),
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", of_secrets.as_str()),
            ("SSL_CERT_FILE", of_system.as_str()),
            ("AWS_CA_BUNDLE", of_aws.as_str()),
            ("NODE_EXTRA_CA_CERTS", alone.as_str()),
            ("STAGE", STAGE),
            ("ALLOW_ENDPOINT_URL", "true"),
            // Lambda's folder of a function cannot be written.
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("SECRET_ID", "bench"),
            ("JOURNAL_TABLE", &table("journal")),
            ("BODIES_TABLE", &table("bodies")),
            ("ACCOUNTS_TABLE", &table("accounts")),
            ("ORDERS_TABLE", &table("orders")),
            ("SUBSCRIPTIONS_TABLE", &table("subscriptions")),
            ("HOLDS_TABLE", &table("holds")),
            ("CALLS_TABLE", &table("calls")),
            ("OPERATORS_TABLE", &table("operators")),
            ("BALANCES_TABLE", usual::BALANCES),
            ("IDEMPOTENCY_TABLE", usual::IDEMPOTENCY),
            ("MAX_SKEW_SECONDS", "0"),
            ("STRIPE_LIVEMODE", "false"),
            ("POWERTOOLS_SERVICE_NAME", "bench"),
            ("FLOOR", self.script()),
        ];
        settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Prepares the rows for an event with this id, and signs it now.
    pub(crate) async fn event(self, books: &Books<'_>, root: &Path, id: &str) -> Result<String, Error> {
        if self.job == Job::Payment {
            books.order(&order(id)).await?;
        }
        self.redelivered(root, id)
    }

    /// The same event, signed again.
    pub(crate) fn redelivered(self, root: &Path, id: &str) -> Result<String, Error> {
        self.reported_again(root, id, id)
    }

    /// Another event, with an id of its own, of what the first has reported.
    pub(crate) fn reported_again(self, root: &Path, first: &str, id: &str) -> Result<String, Error> {
        match self.job {
            Job::Usage => usage_event(id),
            Job::Payment => payment_event(root, &format!("evt_{id}"), &order(first)),
        }
    }

    /// How often the function has moved the amount of one event since the start: what it moved, in whole events.
    pub(crate) fn moved(self, books: &Books<'_>) -> Result<i128, Error> {
        let credits = match (self.way, self.job) {
            (Way::Ours | Way::Floor, _) => books.credits()?,
            (Way::Python | Way::Node, Job::Usage) => books.usual_credits(KEY)?,
            (Way::Python | Way::Node, Job::Payment) => books.usual_credits(OWNER)?,
        };
        Ok(match self.job {
            Job::Usage => -credits,
            Job::Payment => credits,
        })
    }

    /// The amount of one event, in billionths.
    pub(crate) fn amount(self) -> i128 {
        match self.job {
            Job::Usage => COST_UNITS.into(),
            Job::Payment => GRANT_UNITS.into(),
        }
    }
}

fn order(id: &str) -> String {
    format!("hk_{id}")
}

#[expect(clippy::disallowed_methods, reason = "the place of the interpreters")]
fn installed_path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}
