//! The local stack: the functions, the store, the fakes, the scheduler and the streams in one process.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use embedded::Engine;
use idempotency::{DynamoLedger, Tables};
use tokio::net::TcpListener;

use crate::api_gateway::Route;
use crate::clock::ScheduledFunction;
use crate::error::Error;
use crate::front::{self, Front, Trigger};
use crate::functions::AssembledFunction;
use crate::gateway::{Answering, Gateway, RoutedFunction};
use crate::home::{Home, Running, RunningSource};
use crate::host_check::Addresses;
use crate::integrity::IntegrityCheck;
use crate::mocks::Mocks;
use crate::monitor::LocalMonitor;
use crate::secrets::{DEMO_API_KEY, Secrets};
use crate::sources::{Scheme, Source};
use crate::store::{self, STAGE};
use crate::stream::{EventSourceMapping, Positions};
use crate::{clock, connections, console_link, function_url, functions, seed, stream};

/// The read timeout of a request: a slower sender has stopped, or holds the connection open on purpose.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the store deletes expired rows. DynamoDB takes up to days, so no code may depend on it.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(1);

/// The addresses of a stack, and whether it keeps its books in memory.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub address: SocketAddr,
    /// A second address, for containers.
    pub also: Option<IpAddr>,
    pub in_memory: bool,
}

/// A stack that is ready to serve.
pub struct Stack {
    address: SocketAddr,
    running: Running,
    engine: Engine,
    checking: Option<IntegrityCheck>,
    gateway: Arc<Gateway>,
    scheduled: Vec<ScheduledFunction>,
    mapped: Vec<EventSourceMapping>,
    positions: Positions,
}

impl Stack {
    /// Opens the books of the data folder, or books in memory, and assembles every function of the template over them.
    pub async fn open(home: &Home, place: Place, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let Place { address, also, in_memory } = place;
        let secrets = Secrets::open(home, &variable)?;
        let (engine, checking) = if in_memory { (store::in_memory()?, None) } else { store::checked(home).await? };
        let mocks = Mocks::open(address, &secrets, &variable)?;
        let setting = |name: &str| mocks.setting(name, &variable);
        let monitor = LocalMonitor { metrics: home.metrics(in_memory), home: (!in_memory).then(|| home.clone()) };
        let functions = functions_of_template(&engine, &secrets, &monitor, setting).await?;
        let Functions { served, scheduled, mapped, named } = functions;
        let positions = Positions::open((!in_memory).then(|| home.clone()))?;
        let tables = Tables::of_stage(STAGE);
        let ledger = DynamoLedger::new(&engine.sdk_config(), tables.clone(), fastrand::Rng::new());
        seed::plant(&ledger, &secrets).await?;
        let console = console_link::of(&ledger).await?;

        let named_tables = store::tables()?.tables().iter().map(|table| table.name.clone()).collect();
        let stack = front::Running { functions: named, tables: named_tables, fakes: mocks.fakes() };
        let front = Front::new(ledger, &secrets, &format!("http://{address}"), stack);
        let running = running(place, &secrets, &tables, &served, &console)?;
        let gateway = Arc::new(Gateway {
            engine: engine.clone(),
            functions: served,
            addresses: Addresses { port: address.port(), also },
            patience: PATIENCE,
            mocks,
            front,
        });
        Ok(Self { address, running, engine, checking, gateway, scheduled, mapped, positions })
    }

    /// The content of `local.json`: the URLs, secrets and keys of the running stack.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Serves until `stop` completes, then finishes the requests in progress. Fails if the store's file turns out to be
    /// damaged.
    pub async fn serve(self, listeners: Vec<TcpListener>, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let Self { address, engine, checking, gateway, scheduled, mapped, positions, .. } = self;
        tokio::select! {
            () = connections::answer(listeners, Arc::clone(&gateway), stop) => Ok(()),
            () = gateway.advance_transfers(address) => Ok(()),
            () = delete_expired(&engine) => Ok(()),
            () = clock::tick(&scheduled) => Ok(()),
            () = stream::read(&mapped, &engine, &positions) => Ok(()),
            error = damage(checking) => Err(error),
        }
    }
}

/// The template's functions, by their trigger.
#[derive(Default)]
struct Functions {
    served: Vec<RoutedFunction>,
    scheduled: Vec<ScheduledFunction>,
    mapped: Vec<EventSourceMapping>,
    /// The name of each, and what calls it.
    named: Vec<(String, Vec<Trigger>)>,
}

async fn functions_of_template(
    engine: &Engine,
    secrets: &Secrets,
    monitor: &LocalMonitor,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Functions, Error> {
    let template = store::functions(engine)?;
    let mut functions = Functions::default();
    let mut functions_in_order: Vec<&embedded::Function> = template.functions().iter().collect();
    // A sweep only warns about a missing or wrong secret, while a receiver refuses to start: its error must be the only line.
    functions_in_order.sort_by_key(|function| !function.schedules.is_empty());
    for function in functions_in_order {
        functions.named.push((function.binary.clone(), triggers(function)));
        match functions::open(function, engine, secrets, monitor, &variable).await? {
            AssembledFunction::Service(answer) => functions.served.push(routed(function, Answering::Whole(answer))),
            AssembledFunction::StreamService(answer) => {
                functions.served.push(routed(function, Answering::InParts(answer)));
            }
            AssembledFunction::Worker(work) => {
                functions.scheduled.extend(function.schedules.iter().map(|schedule| ScheduledFunction {
                    name: function.binary.clone(),
                    every: schedule.every,
                    input: schedule.input.clone(),
                    work: Arc::clone(&work),
                }));
                functions.mapped.extend(function.streams.iter().filter_map(|stream| {
                    let (name, table) = (function.binary.clone(), stream.table.clone()?);
                    Some(EventSourceMapping { name, table, stream: stream.clone(), work: Arc::clone(&work) })
                }));
            }
        }
    }
    Ok(functions)
}

fn routed(function: &embedded::Function, answering: Answering) -> RoutedFunction {
    let route = |route: &embedded::Route| Route { method: route.method.clone(), path: route.path.clone() };
    let routes = function.routes.iter().map(route).collect();
    RoutedFunction { name: function.binary.clone(), routes, url: function.url, answering }
}

fn triggers(function: &embedded::Function) -> Vec<Trigger> {
    let routes = function.routes.iter().map(|route| Trigger::Route(format!("{} {}", route.method, route.path)));
    let schedules = function.schedules.iter().map(|schedule| Trigger::Every(schedule.every));
    let streams = function.streams.iter().filter_map(|stream| stream.table.clone().map(Trigger::Stream));
    let url = function.url.map(|_| Trigger::Route(function_url::path(&function.binary)));
    let mut triggers = Vec::new();
    for trigger in routes.chain(url).chain(schedules).chain(streams) {
        if !triggers.contains(&trigger) {
            triggers.push(trigger);
        }
    }
    triggers
}

fn running(
    place: Place,
    secrets: &Secrets,
    tables: &Tables,
    served: &[RoutedFunction],
    console: &str,
) -> Result<Running, Error> {
    let base_url = format!("http://{}", place.address);
    let mut sources = BTreeMap::new();
    for source in Source::all() {
        let live = secrets.named(source.setting(Scheme::Own)?.name);
        let of_source = RunningSource {
            url: format!("{base_url}{}", source.path()),
            secret: live.split_ascii_whitespace().next().unwrap_or_default().to_owned(),
        };
        sources.insert(source.name.to_owned(), of_source);
    }
    let mut settings = secrets.all().clone();
    settings.remove(DEMO_API_KEY);
    let tables = [
        ("journal", &tables.journal),
        ("bodies", &tables.bodies),
        ("accounts", &tables.accounts),
        ("orders", &tables.orders),
        ("subscriptions", &tables.subscriptions),
        ("holds", &tables.holds),
        ("calls", &tables.calls),
        ("operators", &tables.operators),
    ];
    let of_urls = served.iter().filter(|function| function.url.is_some()).map(|function| &function.name);
    Ok(Running {
        dynamodb_url: base_url.clone(),
        in_memory: place.in_memory,
        pid: std::process::id(),
        stage: STAGE.to_owned(),
        sources,
        secrets: settings,
        api_keys: BTreeMap::from([(seed::OWNER.to_owned(), secrets.named(DEMO_API_KEY).to_owned())]),
        tables: tables.map(|(name, table)| (name.to_owned(), table.clone())).into(),
        function_urls: of_urls.map(|name| (name.clone(), format!("{base_url}{}", function_url::path(name)))).collect(),
        console_url: format!("{base_url}{console}"),
        base_url,
    })
}

async fn damage(checking: Option<IntegrityCheck>) -> Error {
    match checking {
        Some(checking) => checking.damage().await,
        None => std::future::pending().await,
    }
}

async fn delete_expired(engine: &Engine) {
    loop {
        tokio::time::sleep(EXPIRY_INTERVAL).await;
        if let Err(error) = engine.sweep_expired() {
            tracing::warn!(%error, "expired rows were not deleted");
        }
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("address", &self.address).finish_non_exhaustive()
    }
}
