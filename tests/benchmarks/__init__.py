"""Measures the gateway beside other proxies: `python -m tests.benchmarks`.

`site.py` says what every proxy is asked to do, `servers/` how each is told so, `rows.py` what is measured,
`load.py` what drives it, `measurement.py` how a number is taken. Nothing here is imported by the program or its tests.
"""
