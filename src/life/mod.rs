//! One plane's life as a machine: facts in, orders out, time an argument. Spawns and signals nothing itself.
