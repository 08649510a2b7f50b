//! Installed OpenClaw releases, through npm. Starts no gateway.
