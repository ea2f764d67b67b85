//! What is generated from the command line itself: completions of a shell, and man pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::Cli;
use crate::error::Error;
use crate::error::of_tools::ToolError;
use crate::print;

const NAME: &str = "hookledger";

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManPages {
    /// The folder to write them into, one page for each command [default: print that of the program]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Prints the script that the shell reads.
pub(crate) fn completions(args: &Completions) {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    print::text(&String::from_utf8_lossy(&script));
}

pub(crate) fn man(args: &ManPages) -> Result<(), Error> {
    let page = clap_mangen::Man::new(Cli::command());
    let Some(folder) = &args.to else {
        let mut text = Vec::new();
        page.render(&mut text).map_err(|cause| ToolError::Output(PathBuf::from("-"), cause))?;
        print::text(&String::from_utf8_lossy(&text));
        return Ok(());
    };
    let refused = |cause| ToolError::Output(folder.clone(), cause);
    fs::create_dir_all(folder).map_err(refused)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(refused)?;
    let pages = fs::read_dir(folder).map_err(refused)?.filter_map(Result::ok).filter(|entry| is_page(&entry.path()));
    print::line(format_args!("{} pages in {}: MANPATH, or `man -l`, finds them", pages.count(), folder.display()));
    Ok(())
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "1")
}
