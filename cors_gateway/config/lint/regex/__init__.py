"""What an operator's regular expression for origins really matches: answers for all origins, not for samples.

`parser.py` reads RE2 into `tree.py`, `language.py` makes an automaton of it, `origin_sets.py` has the sets it is
compared with, `reach.py` and `style.py` are the rules, `containment.py` compares
two entries. Not here: matching at request time (`policy/regex.py`).
"""
