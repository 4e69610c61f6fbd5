"""Measures the gateway beside other proxies: `python -m tests.benchmarks`.

`site.py` says what every proxy is asked to do, `servers/` how each is told so, `rows.py` what is measured, `load.py`,
`h2load.py` and `lifecycle.py` what drives it, `measurement.py` how a number is taken, `lines.py` what is compared and who
is least. Nothing here is imported by the program.
"""
