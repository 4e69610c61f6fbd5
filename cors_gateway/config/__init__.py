"""From files to a `Snapshot`, with every mistake found in one go.

The way is `syntax/` (bytes to a tree that knows its places), `models/` (the shape of the file), `lint/` (what is wrong
though it is well-formed), `compile/` (the frozen snapshot, and back to text). `load.py` is the one door, `problems.py`
what is reported, `schema.py` the JSON schema. A policy as it is written is a value of its own (`written_policy.py`), and
`policy_conversion.py` is the way to a `Policy` and back. The only package that knows pydantic, YAML and public suffixes.
Not here: whether an address answers or a certificate can be served (`server/`, `proxy/`).
"""
