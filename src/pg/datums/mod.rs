//! Converts values between PostgreSQL and Rust.
//!
//! - [`encoding`]: converts text between the server's encoding and UTF-8
//! - [`text`]: arguments and results of type `text`
//! - [`value`]: parameters and columns of statements, with their types
//! - [`constant`]: values of parameters that are always the same
//! - [`varlena`]: values of the extension's own types, read in place
//! - [`number_array`]: arrays of numbers, copied as blocks
//! - [`json`]: values of type `jsonb`, and JSON documents of any type
//! - [`features`]: the argument `features`
//! - [`id_lists`]: arguments that are lists of ids
//! - [`id_text`]: ids of users and items as text
//! - [`integer`]: integers, which SQL passes as `bigint`
//! - [`regclass`]: a relation as an argument

pub mod constant;
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
