"""What the loader promises, shown on real sets: one sequence, any stop, bad files under each policy.

Every function returns what it did and saw as plain values, and raises `Broken` if a promise is not
kept.
"""


class Broken(AssertionError):
    """A promise that was not kept."""
