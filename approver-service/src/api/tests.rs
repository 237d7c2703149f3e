//! The API over real HTTP.

mod filter;
mod observations;
mod people;
mod waiting;
