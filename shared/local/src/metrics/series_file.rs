//! The file of the time series: an `SQLite` database with one row for each series and part of time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::str::{FromStr, Split};

use insight::{
    ACCEPTED, Cell, Histogram, LogQuery, LoggedEvent, LoggedWhich, Series, SeriesName, SeriesQuery, Summary, Window,
};
use ledger::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior, params};

use super::emf;
use crate::home::Home;

/// The parts of time that are kept, the finest first: how long each is, and for how long it is kept.
const TIERS: [Tier; 3] = [
    Tier { number: 0, part_s: 60, kept_s: 3 * 3_600 },
    Tier { number: 1, part_s: 900, kept_s: 2 * 86_400 },
    Tier { number: 2, part_s: 3_600, kept_s: 31 * 86_400 },
];
/// Dimensions are words of the code, so that there are some hundred series; further ones are not kept.
const SERIES_MAX: usize = 2_000;
const MS_PER_S: u64 = 1_000;
/// A line of text for each cell: counts, times, and then the sizes.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS cells (
        tier INTEGER NOT NULL, start INTEGER NOT NULL, series INTEGER NOT NULL, cell TEXT NOT NULL,
        PRIMARY KEY (tier, start, series)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS events (
        number INTEGER PRIMARY KEY, at INTEGER NOT NULL, source TEXT NOT NULL, event TEXT, outcome TEXT NOT NULL, reason TEXT
    );";
/// The newest deliveries that are kept: some hundred kilobytes.
const EVENTS_MAX: usize = 5_000;

struct Tier {
    number: i64,
    part_s: u64,
    kept_s: u64,
}

impl Tier {
    /// The beginning of the part with this time, in seconds.
    fn start(&self, at_s: u64) -> u64 {
        at_s.saturating_sub(at_s.checked_rem(self.part_s).unwrap_or_default())
    }
}

/// The open file.
pub(super) struct SeriesFile {
    file: Connection,
    ids: HashMap<String, i64>,
    /// The hour in which old parts were last removed.
    cleared_at: u64,
}

impl SeriesFile {
    /// Opens the file for the stack that has the folder. That of books in memory begins empty, and so does one that is
    /// damaged: nothing but graphs depends on it.
    pub(super) fn writer(home: &Home, in_memory: bool) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let path = home.metrics(in_memory);
        if in_memory {
            remove(&path);
        }
        let open =
            || -> Result<Self, Box<dyn Error + Send + Sync>> { Ok(Self::open(&home.prepare_metrics(in_memory)?)?) };
        open().or_else(|_| {
            remove(&path);
            open()
        })
    }

    pub(super) fn open(path: &Path) -> Result<Self, rusqlite::Error> {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        file.pragma_update(None, "journal_mode", "WAL")?;
        file.pragma_update(None, "synchronous", "NORMAL")?;
        file.execute_batch(SCHEMA)?;
        let ids = names(&file)?.into_iter().map(|(id, name)| (name, id)).collect();
        Ok(Self { file, ids, cleared_at: 0 })
    }

    /// Opens a file to read it, also while a stack writes it.
    pub(super) fn reader(path: &Path) -> Result<Self, rusqlite::Error> {
        // Not read-only: the first one to read what a killed process has left moves it into the file.
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        file.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self { file, ids: HashMap::new(), cleared_at: 0 })
    }

    /// Adds the values of these log lines, all or none.
    pub(super) fn add(&mut self, lines: &[u8]) -> Result<(), rusqlite::Error> {
        let mut cells: BTreeMap<(u64, SeriesName), Cell> = BTreeMap::new();
        let (mut newest_s, mut events) = (0, VecDeque::new());
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (values, event) = emf::read(line);
            events.extend(event);
            if events.len() > EVENTS_MAX {
                events.pop_front();
            }
            for emf::Measured { series, value, at_ms, is_sized } in values {
                let at_s = at_ms.div_euclid(MS_PER_S);
                newest_s = newest_s.max(at_s);
                // The finest part; the others are made of it.
                let [finest, ..] = &TIERS;
                let key = (finest.start(at_s), series);
                cells.entry(key).or_default().add(value, at_ms, is_sized);
            }
        }
        if cells.is_empty() {
            return Ok(());
        }
        // A command adds to it, too: one that reads first could not write behind the other.
        let transaction = self.file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for ((start, series), cell) in cells {
            let name = text_of(&series);
            let id = match self.ids.get(&name) {
                Some(id) => *id,
                None if self.ids.len() >= SERIES_MAX => continue,
                None => {
                    transaction.execute("INSERT OR IGNORE INTO series (name) VALUES (?1)", [&name])?;
                    let id =
                        transaction.query_row("SELECT id FROM series WHERE name = ?1", [&name], |row| row.get(0))?;
                    self.ids.insert(name, id);
                    id
                }
            };
            for tier in &TIERS {
                add_to(&transaction, tier.number, tier.start(start), id, &cell)?;
            }
        }
        add_events(&transaction, &events)?;
        if newest_s.div_euclid(3_600) > self.cleared_at {
            self.cleared_at = newest_s.div_euclid(3_600);
            for tier in &TIERS {
                // A time of that length may begin within a part.
                let oldest = stored(newest_s.saturating_sub(tier.kept_s).saturating_sub(tier.part_s));
                transaction
                    .execute("DELETE FROM cells WHERE tier = ?1 AND start < ?2", params![tier.number, oldest])?;
            }
        }
        transaction.commit()
    }

    /// The series with values in this time, from the finest parts that reach back as far. The first part may begin before it.
    pub(super) fn series(&self, window: Window) -> Result<Vec<(SeriesName, Summary)>, rusqlite::Error> {
        let seconds = |at: Timestamp| u64::try_from(at.unix_s()).unwrap_or_default();
        let (from, until) = (seconds(window.from), seconds(window.until));
        let reach = until.saturating_sub(from);
        let [.., coarsest] = &TIERS;
        let tier = TIERS.iter().find(|tier| reach <= tier.kept_s).unwrap_or(coarsest);
        let names: HashMap<i64, SeriesName> =
            names(&self.file)?.into_iter().filter_map(|(id, name)| Some((id, name_of(&name)?))).collect();
        let mut sums: BTreeMap<i64, Cell> = BTreeMap::new();
        let mut query =
            self.file.prepare("SELECT series, cell FROM cells WHERE tier = ?1 AND start >= ?2 AND start <= ?3")?;
        let mut rows = query.query(params![tier.number, stored(tier.start(from)), stored(until)])?;
        while let Some(row) = rows.next()? {
            let (series, cell): (i64, String) = (row.get(0)?, row.get(1)?);
            if names.get(&series).is_some_and(SeriesName::is_wanted) {
                sums.entry(series).or_default().merge(&cell_of(&cell));
            }
        }
        let series = sums.into_iter().filter_map(|(id, cell)| Some((names.get(&id)?.clone(), cell.summary())));
        Ok(series.collect())
    }

    /// The wanted series of a time with values in it, from the finest parts that reach back as far and are no longer.
    pub(super) fn parts(&self, query: &SeriesQuery) -> Result<Vec<Series>, rusqlite::Error> {
        let seconds = |at: Timestamp| u64::try_from(at.unix_s()).unwrap_or_default();
        let (from, until) = (seconds(query.window.from), seconds(query.window.until));
        let reach = until.saturating_sub(from);
        let fits = |tier: &&Tier| reach <= tier.kept_s;
        let [finest, ..] = &TIERS;
        let tier = TIERS.iter().rev().filter(|tier| tier.part_s <= query.part_s).find(fits);
        let tier = tier.or_else(|| TIERS.iter().find(fits)).unwrap_or(finest);
        let names: HashMap<i64, SeriesName> =
            names(&self.file)?.into_iter().filter_map(|(id, name)| Some((id, name_of(&name)?))).collect();
        let mut found: BTreeMap<i64, (Cell, BTreeMap<u64, Cell>)> = BTreeMap::new();
        let mut rows = self
            .file
            .prepare("SELECT start, series, cell FROM cells WHERE tier = ?1 AND start >= ?2 AND start <= ?3")?;
        let mut rows = rows.query(params![tier.number, stored(from), stored(until)])?;
        while let Some(row) = rows.next()? {
            let (start, series, cell): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (Ok(start), Some(name)) = (u64::try_from(start), names.get(&series)) else { continue };
            if !query.is_wanted(name) {
                continue;
            }
            let cell = cell_of(&cell);
            let part = start.saturating_sub(start.saturating_sub(from).checked_rem(query.part_s).unwrap_or_default());
            let (total, parts) = found.entry(series).or_default();
            total.merge(&cell);
            parts.entry(part).or_default().merge(&cell);
        }
        let summary = |(start, cell): (u64, Cell)| Some((Timestamp::from_unix(stored(start)).ok()?, cell.summary()));
        let series = found.into_iter().filter_map(|(id, (total, parts))| {
            let parts = parts.into_iter().filter_map(summary).collect();
            Some(Series { name: names.get(&id)?.clone(), total: total.summary(), parts })
        });
        Ok(series.collect())
    }

    /// The newest deliveries of these.
    pub(super) fn events(&self, query: &LogQuery) -> Result<Vec<LoggedEvent>, rusqlite::Error> {
        let which = match query.which {
            LoggedWhich::All => String::new(),
            LoggedWhich::Booked => "AND outcome = 'booked'".to_owned(),
            LoggedWhich::Failed => format!("AND outcome NOT IN ('{}')", ACCEPTED.join("', '")),
        };
        let mut found = self.file.prepare(&format!(
            "SELECT at, source, event, outcome, reason FROM events WHERE at >= ?1 AND (?2 IS NULL OR source = ?2)
             {which} ORDER BY at DESC, number DESC LIMIT ?3",
        ))?;
        let lines_max = i64::try_from(query.lines_max).unwrap_or(i64::MAX);
        let values = params![query.since.unix_ms(), query.source, lines_max];
        let event = |row: &Row<'_>| {
            Ok(LoggedEvent {
                at: Timestamp::from_unix_ms(row.get(0)?).unwrap_or(Timestamp::EPOCH),
                source: row.get(1)?,
                event: row.get(2)?,
                outcome: row.get(3)?,
                reason: row.get(4)?,
            })
        };
        found.query_map(values, event)?.collect()
    }
}

fn add_events(file: &Connection, events: &VecDeque<LoggedEvent>) -> Result<(), rusqlite::Error> {
    let mut write =
        file.prepare_cached("INSERT INTO events (at, source, event, outcome, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for LoggedEvent { at, source, event, outcome, reason } in events {
        write.execute(params![at.unix_ms(), source, event, outcome, reason])?;
    }
    if !events.is_empty() {
        let kept = i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX);
        file.execute("DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?1", [kept])?;
    }
    Ok(())
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        // It is usually missing.
        let _ = fs::remove_file(name);
    }
}

fn names(file: &Connection) -> Result<Vec<(i64, String)>, rusqlite::Error> {
    let mut query = file.prepare("SELECT id, name FROM series")?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn add_to(file: &Connection, tier: i64, start: u64, series: i64, more: &Cell) -> Result<(), rusqlite::Error> {
    let key = params![tier, stored(start), series];
    let mut query = file.prepare_cached("SELECT cell FROM cells WHERE tier = ?1 AND start = ?2 AND series = ?3")?;
    let known: Option<String> = query.query_row(key, |row| row.get(0)).optional()?;
    let mut cell = known.map(|text| cell_of(&text)).unwrap_or_default();
    cell.merge(more);
    let mut write = file.prepare_cached("INSERT OR REPLACE INTO cells VALUES (?1, ?2, ?3, ?4)")?;
    write.execute(params![tier, stored(start), series, text_of_cell(&cell)]).map(|_| ())
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `events source=usage outcome=booked`: no word of ours has a space or a `=`.
fn text_of(series: &SeriesName) -> String {
    let dimensions = series.dimensions.iter().map(|(name, value)| format!(" {name}={value}"));
    std::iter::once(series.metric.clone()).chain(dimensions).collect()
}

fn name_of(text: &str) -> Option<SeriesName> {
    let mut words = text.split(' ');
    let metric = words.next()?;
    let dimensions = words.map(|word| word.split_once('=')).collect::<Option<Vec<(&str, &str)>>>()?;
    Some(SeriesName::new(metric, &dimensions))
}

fn text_of_cell(cell: &Cell) -> String {
    let Cell { count, sum, min, max, last, last_at, latest_at, sizes } = cell;
    let mut text = format!("{count} {sum} {min} {max} {last} {last_at} {latest_at}");
    for (step, count) in sizes.steps() {
        // A string takes everything.
        let _ = write!(text, " {step}:{count}");
    }
    text
}

fn cell_of(text: &str) -> Cell {
    fn number<N: FromStr + Default>(words: &mut Split<'_, char>) -> N {
        words.next().and_then(|word| word.parse().ok()).unwrap_or_default()
    }
    let mut words = text.split(' ');
    let mut cell = Cell { count: number(&mut words), sum: number(&mut words), ..Cell::default() };
    for field in [&mut cell.min, &mut cell.max, &mut cell.last, &mut cell.last_at, &mut cell.latest_at] {
        *field = number(&mut words);
    }
    let steps = words.filter_map(|word| {
        let (step, count) = word.split_once(':')?;
        Some((step.parse().ok()?, count.parse().ok()?))
    });
    cell.sizes = Histogram::of_steps(steps);
    cell
}
