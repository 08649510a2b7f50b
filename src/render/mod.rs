//! Values into text for people: tables, cards, diagnostics. Never reads the world, never prints.

pub mod card;
pub mod diagnostic;
pub mod findings;
pub mod manifest;
pub mod plan;
pub mod progress;
pub mod redacted;
pub mod sources;
pub mod service;
pub mod status;
pub mod table;
pub mod text;
pub mod verify;
pub mod why;
