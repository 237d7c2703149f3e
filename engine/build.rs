//! Compresses tables that few requests need: the filter has little room, and can inflate anyway.

use std::io::Write;
use std::path::PathBuf;

const TABLE: &str = "src/protocol/aws/rest.txt";

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed={TABLE}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("aws-rest.zlib");
    let mut encoder = flate2::write::ZlibEncoder::new(std::fs::File::create(out)?, flate2::Compression::best());
    encoder.write_all(&std::fs::read(TABLE)?)?;
    encoder.finish()?;
    Ok(())
}
