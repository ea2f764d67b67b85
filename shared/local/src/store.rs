//! The local store: a file in the data folder, with the tables and streams of the templates.

use std::path::Path;

use embedded::{APP_YAML, DATA_YAML, Engine, Template};

use crate::error::Error;
use crate::home::Home;
use crate::integrity::IntegrityCheck;

/// The stage of the local stack, which is part of the table names.
pub const STAGE: &str = "local";

/// Opens the store in the data folder and creates the template's tables.
pub async fn store(home: &Home) -> Result<Engine, Error> {
    // A command ends before the check of a large file does.
    checked(home).await.map(|(engine, _)| engine)
}

/// The same, without a check of the file.
pub fn unchecked(home: &Home) -> Result<Engine, Error> {
    opened(&home.prepare_store()?)
}

/// The same, with the file's check if it has not ended.
pub(crate) async fn checked(home: &Home) -> Result<(Engine, Option<IntegrityCheck>), Error> {
    let path = home.prepare_store()?;
    let checking = IntegrityCheck::of(&path).await?;
    Ok((opened(&path)?, checking))
}

fn opened(path: &Path) -> Result<Engine, Error> {
    let of_store = |error| Error::Store(path.to_owned(), Box::new(error));
    let engine = Engine::open(path).map_err(of_store)?;
    engine.create_tables(&tables()?).map_err(of_store)?;
    Ok(engine)
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
