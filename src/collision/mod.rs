//! The proof: what each plane claims, and which claims collide. Pure: the world is an argument.

pub mod finding;
