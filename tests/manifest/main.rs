//! The manifest from outside: what broken ones say, what hostile files do, and that code, docs, schema and example agree.

mod agreement;
mod corpus;
mod defaults;
mod hostile;
mod mutations;
mod world;
