//! The replicated state machine that the bundled systems serve: registers.
