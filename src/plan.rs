//! Wanted planes, living planes and findings, into what is to be done. Pure; applies nothing.
