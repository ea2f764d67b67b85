//! The exit codes for errors of the local stack.

use super::exit_of;
use crate::exit::Exit;

pub(super) const fn exit(error: &local::Error) -> Exit {
    use local::Error::{
        Busy, Commit, Damaged, DemoId, DemoKey, DemoOwner, File, Folder, KeyPair, Memory, NoBatches, NoScheme,
        NoSuchField, NotAboutOrders, Path, Random, Secret, Setting, Start, Store, Stream, Template, UnknownFunction,
        UnknownSample, UnknownSource, Unreadable,
    };
    match error {
        Commit(error) => exit_of(error),
        Busy(_) => Exit::TryAgain,
        Folder(..)
        | File(..)
        | Unreadable(_)
        | Damaged { .. }
        | Store(..)
        | Memory(_)
        | Stream(_)
        | Random(_)
        | KeyPair
        | Template(_)
        | UnknownFunction(_)
        | DemoOwner(_)
        | DemoKey(_)
        | DemoId(_) => Exit::Unavailable,
        Start(_)
        | Setting(_)
        | UnknownSource(..)
        | UnknownSample(..)
        | NoScheme(_)
        | NoBatches(_)
        | Path(_)
        | NoSuchField { .. }
        | Secret(..)
        | NotAboutOrders(_) => Exit::Usage,
    }
}
