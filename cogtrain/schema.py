"""The verb `schema`: JSON Schema of a config, by which an editor completes and checks it."""

import copy
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal


def schema(
    *,
    of: Literal["fit", "validate", "test", "predict", "study"] = "fit",
    out: Path | None = None,
) -> None:
    """Print the JSON Schema of a config, by which an editor completes and checks it.

    Args:
        of: Verb that reads the config.
        out: File to write, in place of the screen.
    """
    from cogtrain.training.schema import run_schema

    made = _study_schema() if of == "study" else run_schema(of)
    made |= {"title": f"cogtrain {of}", "description": f"Config of `python -m cogtrain {of}`"}
    text = json.dumps(made, indent=2)
    if out is None:
        print(text)
        return
    out.write_text(f"{text}\n", encoding="utf-8")
    print(f"written: {out}")


def _study_schema() -> dict[str, Any]:
    """Schema of a study, whose sections are those of its runs less what it sets itself."""
    from jsonargparse import ArgumentParser

    from cogtrain.study.config import OURS, Base, Condition, StudyConfig
    from cogtrain.training.schema import exported, run_schema

    parser = ArgumentParser()
    parser.add_class_arguments(StudyConfig, None)
    made, run = exported(parser), run_schema("fit")
    sections = run["properties"]
    shared = {
        each.name: _less(sections[each.name], OURS.get(each.name, ())) for each in fields(Base)
    }
    shared["tuning"] = sections["model"]["properties"]["tuning"]
    definitions = made["$defs"]
    for part in (made, definitions[Base.__name__], definitions[Condition.__name__]):
        keys = part["properties"]
        keys |= {name: {"$ref": f"#/$defs/{name}"} for name in shared if name in keys}
    made["$defs"] = run["$defs"] | definitions | shared
    return made


def _less(section: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """`section` without `keys`, such as `objective.humans`; those that it lacks are no matter."""
    left = copy.deepcopy(section)
    for key in keys:
        *outer, last = key.split(".")
        inner = left
        for name in outer:
            inner = inner["properties"][name]
        inner["properties"].pop(last, None)
    return left
