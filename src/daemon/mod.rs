//! The reconciler: reads the manifest, looks at the world, plans, applies. Parent of no gateway, remembers nothing it cannot read again.

pub mod load;
mod load_file;
