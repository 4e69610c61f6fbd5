"""The policy core on its own: values in, values out, no sockets and no configuration files."""
