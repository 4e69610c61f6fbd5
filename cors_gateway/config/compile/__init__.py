"""From checked parts to the `Snapshot`, and from a snapshot back to the text that means the same.

`sections.py` checks each upstream, policy, route and test with its place, `resolve.py` what concerns several of them;
`effective.py` writes a snapshot as a file again. Not here: the shape of the file (`models/`), opinions (`lint/`).
"""
