"""What may be audited: a set on disk, a table of photographs, or a recipe that was never drawn."""

import json
from pathlib import Path
from typing import Any

from cogtrain.complaint import unknown
from cogtrain.stimuli import StimulusSet

_TABLES = (".csv", ".tsv", ".parquet")
_RECIPES = (".yaml", ".yml", ".json")
_FIELDS = (
    "task",
    "style",
    "seed",
    "count",
    "split",
    "factors",
    "size_px",
    "name",
    "design",
    "questions",
)


def open_set(path: Path) -> StimulusSet:
    """The set at `path`: a folder that was rendered, a table of photographs, or a recipe.

    A recipe is a YAML or JSON file with the arguments of `StimulusSet.recipe`, or a manifest that
    holds them under `recipe`.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If it is none of these, or not a valid one.
    """
    if path.is_dir():
        return StimulusSet.open(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a stimulus set at `{path}`, got nothing there; give a folder, a table or a "
            "recipe"
        )
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return StimulusSet.photographs(path, name=path.stem)
    if suffix in _RECIPES:
        return StimulusSet.recipe(**_recipe(path))
    raise ValueError(
        f"expected a folder, a table ({', '.join(_TABLES)}) or a recipe ({', '.join(_RECIPES)}), "
        f"got `{path}`; rename or convert it"
    )


def _recipe(path: Path) -> dict[str, Any]:
    content = _read(path)
    if isinstance(content, dict) and isinstance(content.get("recipe"), dict):
        content = content["recipe"]
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"expected a recipe (task: ..., count: ...) in `{path}`, got {str(content)[:40]!r}; "
            "write the arguments of StimulusSet.recipe"
        )
    for name in content:
        if name not in _FIELDS:
            raise ValueError(f"in `{path}`: {unknown('field of a recipe', str(name), _FIELDS)}")
    return content


def _read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"expected JSON in `{path}`, got: {error}; correct it") from error
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"expected YAML in `{path}`, got: {reason}; correct it") from error
