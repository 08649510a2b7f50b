//! The manifest from outside: what broken ones say, what hostile files do, and that code, docs, schema and example agree.

#![allow(clippy::disallowed_methods, reason = "tests start programs and wait")]

mod agreement;
mod corpus;
mod defaults;
mod hostile;
mod mutations;
mod world;
