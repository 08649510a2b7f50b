//! The built-in stand-in gateway, for demos and drills. Never used where a real gateway was asked for.
