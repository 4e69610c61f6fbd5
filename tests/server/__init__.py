"""The process around the data path: sockets, signals, reloads and workers."""
