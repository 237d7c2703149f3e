//! The `privyseal` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    privyseal::cli::main()
}
