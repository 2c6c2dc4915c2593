//! The `splitbrain` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    splitbrain::cli::main()
}
