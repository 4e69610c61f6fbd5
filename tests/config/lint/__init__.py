"""The rules for policies and routes, on values: no files, no YAML, no positions."""
