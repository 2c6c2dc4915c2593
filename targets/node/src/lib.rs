//! Hosts a protocol as one OS process: sockets, write-ahead log, clock.
