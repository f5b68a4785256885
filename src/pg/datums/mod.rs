//! Values between PostgreSQL's memory and Rust's.
//!
//! - [`encoding`]: text between the server's encoding and UTF-8
//! - [`text`]: arguments and results of type `text`
//! - [`value`]: parameters of statements and columns of their results, with their types
//! - [`varlena`]: values of our own types, read in place
//! - [`number_array`]: arrays of numbers, copied as whole blocks
//! - [`json`]: values of type `jsonb`, and arguments that hold the same as `json` or text
//! - [`features`]: the argument `features` of a row
//! - [`id_lists`]: arguments that are lists of ids
//! - [`id_text`]: ids of users and items as text
//! - [`integer`]: whole numbers, which SQL passes as `bigint`
//! - [`regclass`]: a relation as an argument

pub mod encoding;
pub mod features;
pub mod id_lists;
pub mod id_text;
pub mod integer;
pub mod json;
pub mod number_array;
pub mod regclass;
pub mod text;
pub mod value;
pub mod varlena;
