//! The local store: a file in the data folder, with the tables and streams of the templates.

use std::path::Path;

use embedded::{APP_YAML, DATA_YAML, Engine, Template};
use rusqlite::{Connection, OpenFlags};

use crate::error::Error;
use crate::home::Home;

/// The stage of the local stack, which is part of the table names.
pub const STAGE: &str = "local";

/// Opens the store in the data folder and creates the template's tables.
pub fn store(home: &Home) -> Result<Engine, Error> {
    let path = home.prepare_store()?;
    check_integrity(&path)?;
    let of_store = |error| Error::Store(path.clone(), Box::new(error));
    let engine = Engine::open(&path).map_err(of_store)?;
    engine.create_tables(&tables()?).map_err(of_store)?;
    Ok(engine)
}

/// Checks the file at the start, so that damage does not surface in the middle of an event.
fn check_integrity(path: &Path) -> Result<(), Error> {
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let checked = opened.and_then(|store| store.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    let what: String = checked.unwrap_or_else(|error| error.to_string());
    if what == "ok" { Ok(()) } else { Err(Error::Damaged { path: path.to_owned(), what }) }
}

/// Enables the streams of the tables, and returns the template of the functions that read them.
pub(crate) fn functions(engine: &Engine) -> Result<Template, Error> {
    let (tables, of_stream) = (tables()?, |error| Error::Stream(Box::new(error)));
    engine.enable_streams(&tables).map_err(of_stream)?;
    // In AWS the data stack exports these to the app stack.
    let mut parameters = vec![("Stage".to_owned(), STAGE.to_owned())];
    for (name, table) in tables.stream_parameters() {
        parameters.push((format!("ssm:{name}"), engine.stream_arn(&table.name).map_err(of_stream)?));
    }
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok(Template::parse(APP_YAML, &parameters)?)
}

pub(crate) fn tables() -> Result<Template, Error> {
    Ok(Template::parse(DATA_YAML, &[("Stage", STAGE)])?)
}

/// A store that lives as long as the process.
pub(crate) fn in_memory() -> Result<Engine, Error> {
    let of_store = |error| Error::Memory(Box::new(error));
    let engine = Engine::memory().map_err(of_store)?;
    engine.create_tables(&tables()?).map_err(of_store)?;
    Ok(engine)
}
