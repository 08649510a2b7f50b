//! The only unsafe and the only raw system calls. Knows nothing of planes.

pub mod peer;
