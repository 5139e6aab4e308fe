"""What the loader promises, shown on real sets: one sequence, any stop, bad files borne.

Every function returns what it did and saw as plain values, and raises `BrokenError` if a promise is
not kept.
"""


class BrokenError(AssertionError):
    """A promise that was not kept."""
