//! The store of this machine: a file in the data folder, with the tables and streams of the templates.

use std::path::Path;

use embedded::{APP_YAML, DATA_YAML, Engine, Template};
use rusqlite::{Connection, OpenFlags};

use crate::error::Error;
use crate::home::Home;

/// The stage of this machine: a part of the tables' names.
pub const STAGE: &str = "local";

/// The store in the data folder, with the tables of the template.
pub fn store(home: &Home) -> Result<Engine, Error> {
    let path = home.prepare_store()?;
    undamaged(&path)?;
    let of_store = |error| Error::Store(path.clone(), Box::new(error));
    let engine = Engine::open(&path).map_err(of_store)?;
    engine.create_tables(&tables()?).map_err(of_store)?;
    Ok(engine)
}

/// Said now, and not with the event that first meets the damage.
fn undamaged(path: &Path) -> Result<(), Error> {
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
    let checked = opened.and_then(|store| store.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    let what: String = checked.unwrap_or_else(|error| error.to_string());
    if what == "ok" { Ok(()) } else { Err(Error::Damaged { path: path.to_owned(), what }) }
}

/// The functions of the template, with the streams that they read: from now on the tables have them.
pub(crate) fn functions(engine: &Engine) -> Result<Template, Error> {
    let (tables, of_stream) = (tables()?, |error| Error::Stream(Box::new(error)));
    engine.enable_streams(&tables).map_err(of_stream)?;
    // As the one stack hands them to the other.
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

/// A store that ends with the process.
pub(crate) fn in_memory() -> Result<Engine, Error> {
    let of_store = |error| Error::Memory(Box::new(error));
    let engine = Engine::memory().map_err(of_store)?;
    engine.create_tables(&tables()?).map_err(of_store)?;
    Ok(engine)
}
