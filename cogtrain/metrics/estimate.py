"""One reported number: with its interval, its n, the chance level, and a reason if undefined."""

import math
from typing import Any, NamedTuple

_EMPTY: dict[str, Any] = {"value": math.nan}


class Estimate(NamedTuple):
    """A statistic with everything that is needed to report it.

    A named tuple, because torchmetrics copies what `compute` returns field by field and refuses a
    frozen dataclass.

    Attributes:
        value: The statistic; `nan` if it is undefined, never 0 in its place.
        low: Lower end of the 95 % interval; `nan` if there is none.
        high: Upper end.
        n: Number of stimuli behind the value.
        chance: What an observer who knows nothing gets; `nan` if there is no such level.
        reason: Why the value or its interval is undefined, or what was left out; else empty.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    chance: float = math.nan
    reason: str = ""

    @property
    def is_defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)

    def record(self) -> dict[str, Any]:
        """The fields as JSON knows them: `nan`, which JSON cannot hold, is `None`."""
        return {
            name: None if isinstance(field, float) and math.isnan(field) else field
            for name, field in self._asdict().items()
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Estimate":
        """Reads what `record` wrote; absent fields keep their defaults, others are passed over."""
        known: dict[str, Any] = {name: record[name] for name in cls._fields if name in record}
        fields: dict[str, Any] = {
            name: math.nan if field is None else field for name, field in known.items()
        }
        return cls(**{**_EMPTY, **fields})


def undefined(reason: str, *, n: int = 0, chance: float = math.nan) -> Estimate:
    """An estimate without a value, and why."""
    return Estimate(math.nan, n=n, chance=chance, reason=reason)


def bootstrapped(
    value: float, ends: tuple[float, float], *, n: int, chance: float, reason: str = ""
) -> Estimate:
    """An estimate with the `ends` of its bootstrap interval."""
    low, high = ends
    if math.isnan(low):
        reason = reason or "no interval: undefined in most resamples"
    return Estimate(float(value), low, high, n, chance, reason)
