//! The manifest: text as the operator wrote it, resolved into planes. No effects: what a file holds is given, not read.
//!
//! ```text
//! text ─syntax▶ TOML ─reader, by tables▶ Written ─resolve, with Given▶ Planes
//!                                           └─────────── Mistakes ◀──────┘
//! ```

pub mod error;
pub mod written;
pub mod resolve;
pub mod given;

// Reading.
pub mod syntax;
mod wording;
mod masking;
mod strings;
pub mod lines;
pub mod keys;
pub mod tables;
pub mod values;
pub mod words;
mod forms;
pub mod quantity;
pub mod reader;
pub mod suggest;
pub mod schema;

// Resolving.
mod one_plane;
mod declared;
mod settings;
pub mod paths;
pub mod after;
pub mod identity;
pub mod envfile;

pub use given::Given;
pub use resolve::resolve;
pub use written::{Written, parse};
