//! The manifest: text as the operator wrote it, resolved into planes. No effects: what a file holds is given, not read.
