//! One process per plane: parent and subreaper of its gateway. Knows no manifest.

pub mod logbook;
