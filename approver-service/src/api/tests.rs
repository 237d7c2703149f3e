//! The API over real HTTP.

mod filter;
mod people;
mod waiting;
