"""HTTP/2: what a well-formed request is on streams, and what a connection may be asked for."""
