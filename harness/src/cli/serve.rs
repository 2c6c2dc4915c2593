//! `serve`: the store in a browser.

use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::failure::Result;
use crate::serve;

/// The arguments of `serve`.
#[derive(Args, Debug)]
#[command(
    after_help = "It listens on 127.0.0.1 and answers this machine's own browsers alone. Ctrl-C ends it, with exit \
                        code 0."
)]
pub(super) struct ServeArgs {
    /// The store
    #[arg(
        long,
        value_name = "DIR",
        default_value = "store",
        env = "SPLITBRAIN_STORE",
        hide_env = true
    )]
    store: PathBuf,
    /// The port; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8117)]
    port: u16,
}

/// Shows the store until Ctrl-C.
pub(super) fn serve(args: &ServeArgs) -> Result<Exit> {
    serve::serve(args.store.clone(), args.port)
}
