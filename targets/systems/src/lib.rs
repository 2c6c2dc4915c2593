//! What the harness knows of a system under test: how to start it, how to talk to it, what it claims.
