//! Reads DynamoDB exports to S3: one folder for each table, with gzipped files of one row per line.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use idempotency::BookTable;
use ledger::WholeAudit;

use crate::error::Error;

pub(super) fn read(folder: &Path) -> Result<WholeAudit, Error> {
    let mut whole = WholeAudit::default();
    for table in BookTable::ALL {
        let missing = || Error::NoExport { folder: folder.to_owned(), table: table.as_str() };
        let of_table = folder.join(table.as_str());
        let mut files = Vec::new();
        gzipped(&of_table, &mut files).map_err(|_| missing())?;
        if files.is_empty() {
            return Err(missing());
        }
        for file in files {
            let bytes = File::open(&file).map_err(|error| Error::Input(file.clone(), error))?;
            for line in BufReader::new(MultiGzDecoder::new(bytes)).lines() {
                let line = line.map_err(|error| Error::Input(file.clone(), error))?;
                if !line.trim().is_empty() {
                    whole.add(table.exported(&line).map_err(|_| Error::NotAnExport(file.clone()))?);
                }
            }
        }
    }
    Ok(whole)
}

/// Searches at any depth: an export has its files under `AWSDynamoDB/<id>/data`.
fn gzipped(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gzipped(&path, files)?;
        } else if path.to_string_lossy().ends_with(".json.gz") {
            files.push(path);
        }
    }
    Ok(())
}
