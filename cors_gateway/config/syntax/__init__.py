"""From the files of a configuration to trees that know where each value was written, and from plain values to text.

YAML 1.2 scalars and nothing clever (`source.py`, `scalars.py`), includes, `${…}` references, and the spelling of single
values: durations, sizes, addresses. Not here: which keys there are (`models/`) and what they mean together (`compile/`).
"""
