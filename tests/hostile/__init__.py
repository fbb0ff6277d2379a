"""Hostile inputs: what is tried, and how it ended: right, refused, and never anything else.

Run on demand as ``python -m tests.hostile``; a short form is part of the tests.

The cases are drawn by plain generators from a kind, a seed and a number, without Hypothesis: what
it would add is shrinking, and a case here is one line already; what it would take is that a case
is tried again by its number alone, in a process of its own, and that a crash has a name.
"""
