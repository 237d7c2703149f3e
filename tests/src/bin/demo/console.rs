//! How the demo talks: calm, numbered, in colour only where colour is welcome.

use std::io::IsTerminal;

use anyhow::{Result, ensure};

pub struct Console {
    colour: bool,
    step: usize,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

impl Console {
    pub fn new() -> Console {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Console { colour: wanted && std::io::stdout().is_terminal(), step: 0 }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub fn title(&self, text: &str) {
        println!("{}\n", self.paint(BOLD, text));
    }

    /// Begins the next numbered step.
    pub fn step(&mut self, text: &str) {
        self.step += 1;
        println!("\n{}", self.paint(BOLD, &format!("{}  {text}", self.step)));
    }

    /// Begins a part without a number.
    pub fn part(&self, text: &str) {
        println!("\n{}", self.paint(BOLD, text));
    }

    /// Who does or sees what.
    pub fn tell(&self, who: &str, text: &str) {
        let mut lines = text.lines();
        println!("   {} {}", self.paint(CYAN, &format!("{who:<9}")), lines.next().unwrap_or_default());
        for line in lines {
            println!("             {line}");
        }
    }

    pub fn note(&self, text: &str) {
        for line in text.lines() {
            println!("   {}", self.paint(DIM, line));
        }
    }

    /// Something to copy into a terminal or a browser.
    pub fn copy(&self, text: &str) {
        println!("       {}", self.paint(BOLD, text));
    }

    /// Says that it is as told, or ends the demo.
    pub fn check(&self, truth: bool, claim: &str) -> Result<()> {
        ensure!(truth, "it was told: {claim}; it is not so");
        println!("   {} {claim}", self.paint(GREEN, "✓"));
        Ok(())
    }
}
