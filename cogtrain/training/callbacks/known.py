"""Known: what there is to tell of the judged stimuli besides their pictures and answers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cogtrain.control import name_under
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.stimuli import StimulusSet

_PARTS = {"val": ("val", "watch"), "test": ("test",)}
_SMALLEST_PX = 28  # what is known does not depend on the size, and drawing what nobody sees costs


class Known:
    """Margin, look and factors of every stimulus of a stage, found once.

    Args:
        data: Whose sets are judged.
    """

    def __init__(self, data: StimuliDataModule) -> None:
        self._data = data
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def rows(self, stage: str) -> list[dict[str, Any]]:
        """One row per stimulus: `set, stimulus_id, margin_m`, `style` and the factors.

        Photographs are told of when they are tested: in a validation nothing is known of them.

        Args:
            stage: `val` or `test`.
        """
        if stage not in self._rows:
            members = [(part, each) for part in _PARTS[stage] for each in self._data.build()[part]]
            self._rows[stage] = [row for part, each in members for row in self._told(part, each)]
        return self._rows[stage]

    def _told(self, part: str, members: StimulusSet) -> Iterator[dict[str, Any]]:
        recipe = self._recipe(part, members.name)
        if recipe is None and part != "test":
            return
        for stimulus in members if recipe is None else _small(recipe, part, len(members)):
            look = {} if stimulus.appearance is None else {"style": stimulus.appearance.style}
            place = {"set": members.name, "stimulus_id": stimulus.id}
            # A factor never hides a column of ours.
            yield {**stimulus.factors, "margin_m": stimulus.margin, **look, **place}

    def _recipe(self, part: str, name: str) -> Recipe | None:
        """What declares a set, or the set that it is a control of; nothing for photographs."""
        declared = self._data.recipes["test" if part == "watch" else part]
        controls = self._data.controls if part == "test" else []
        for recipe in declared:
            if name in (recipe.name, *(name_under(each, recipe.name) for each in controls)):
                return recipe
        return None


def _small(recipe: Recipe, part: str, count: int) -> StimulusSet:
    small = replace(recipe, size_px=_SMALLEST_PX)
    return small.watched(count) if part == "watch" else small.build(part)  # type: ignore[arg-type]
