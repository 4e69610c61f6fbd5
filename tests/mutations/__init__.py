"""Mutations of the short cuts: does a test notice when a piece is changed? `python -m tests.mutations`, by hand.

A memory keeps what comes twice, so a fault in it shows only in the right order of requests. Here every comparison,
condition, constant and statement of a module is changed in turn, and the tests that run it follow until one fails. A
change that none notices is a missing test, or explained in `survivors.yaml`. What is changed is listed in `modules.py`.
"""
