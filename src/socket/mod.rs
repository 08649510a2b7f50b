//! Carries wire messages over unix sockets: frames, callers, listeners. Decides nothing.
