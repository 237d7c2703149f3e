//! `./justw demo`: an agent's night before a CRM, on the real Envoy with the real approver.
//!
//! A person decides on the page or from a second terminal; without a terminal, or with `--auto`, the demo decides by
//! itself. It ends with an error if anything is not as told.

mod console;
mod night;
mod scenery;

use std::io::IsTerminal;
use std::process::ExitCode;

use console::Console;
use scenery::Scenery;

#[tokio::main]
async fn main() -> ExitCode {
    let alone = std::env::args().any(|a| a == "--auto") || !std::io::stdin().is_terminal();
    let told = tokio::select! {
        told = tell(alone) => told,
        // Leaving this way drops the scenery too, and so ends what it started.
        () = e2e::interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn tell(alone: bool) -> anyhow::Result<()> {
    let mut console = Console::new();
    let scenery = Scenery::set().await?;
    night::tell(&mut console, &scenery, alone).await
}
