"""The operators' HTTP interface: probes, metrics, status, explanations, reload, and in `page/` a page for people.

An `aiohttp.web` application on a listener of its own, never the public port; it sees the process only through
`server.control`. `guard.py` comes before every handler. Not here: counting (`observe/`), explaining (`explain/`).
"""
