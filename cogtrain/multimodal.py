"""The public data of "Visual cognition in multimodal large language models", read as published.

The study (Nature Machine Intelligence 7, 2025) showed 100 photographs of real wooden towers
(Lerer, Gross & Fergus 2016) to people and models. From a checkout of its repository,
`lsbuschoff/multimodal` on GitHub, one call gives the stimuli and everybody's judgments in our own
form::

    towers = read_towers("multimodal", out="lerer_towers")

Read are::

    eval/images/lerer100/<image>.png   or, in older states, eval/images/lerer/img_frame1_<image>.png
    eval/blocks_metadata.txt           every recorded tower, its blocks, whether it fell
    data/LERER_RESULTS_NEW.csv         truth and models' answers; experiment 3 asks about stability
    data/tower_human_data.csv          one row per image, in that table's order, one column a person
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cogtrain import _core
from cogtrain.judgments import Judgments
from cogtrain.photographs import known_questions
from cogtrain.stimuli import StimulusSet

IMAGES, FALLS, PEOPLE = 100, 49, 107
"""What the study has: photographs, those of towers that fell, and people who judged all of them."""

_QUESTION, _SET = "will_fall", "towers-lerer"
_ANSWERS = {"1": "yes", "1.0": "yes", "0": "no", "0.0": "no"}
_CHECKS = {1: "background_color", 2: "colors_top_to_bottom"}  # by experiment
_METADATA_CELLS = 19  # id, session, trial, 3 of the film, x of 4 blocks, y, colours, fell
_X_OF_BLOCKS = slice(6, 10)


class Towers(NamedTuple):
    """What the study measured.

    Attributes:
        stimuli: 100 photographs; `will_fall`, and `n_blocks`, `background_color` and
            `colors_top_to_bottom` as answers where a task asks for them, else as factors.
        humans: 107 people's answers to `will_fall`, `h000` to `h106`.
        models: Published models' answers to it, an absent one left empty.
    """

    stimuli: StimulusSet
    humans: Judgments
    models: Judgments


def read_towers(repository: str | Path, *, out: str | Path | None = None) -> Towers:
    """Reads stimuli, people and models from a checkout of the study's repository.

    Args:
        repository: The checkout; nothing in it is changed or copied.
        out: Folder for `stimuli.csv`, `human_judgments.csv` and `model_judgments.csv`, which a
            config can name; the set then knows its `humans`.

    Raises:
        FileNotFoundError: If a file is absent; names it.
        ValueError: If a table cannot be read, two of them disagree, or there are not 100 images of
            which 49 fall, judged by 107 people.
    """
    folder = Path(repository)
    results = _Results(folder / "data" / "LERER_RESULTS_NEW.csv")
    rows = _rows(folder, results)
    humans = _humans(folder / "data" / "tower_human_data.csv", results.ids)
    models = results.models()
    place = None if out is None else _write(Path(out), rows, humans, models)
    return Towers(_stimuli(rows, place), humans, models)


class _Results:
    """The table of truth and models' answers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = _lines(path)
        self._header = lines[0]
        for name in ("Image", "Experiment", "GT"):
            if name not in self._header:
                raise ValueError(
                    f"expected column `{name}` in `{path}`, got {', '.join(self._header)}; "
                    "take the published file"
                )
        self._rows = [dict(zip(self._header, line, strict=False)) for line in lines[1:]]
        self.ids = [row["Image"] for row in self._of("3")]
        falls = sum(self.truth(3).values())
        if (len(set(self.ids)), len(self.ids), falls) != (IMAGES, IMAGES, FALLS):
            raise ValueError(
                f"expected {IMAGES} images of which {FALLS} fall in `{path}`, "
                f"got {len(self.ids)} of which {falls} fall; take the published file"
            )

    def _of(self, experiment: str) -> list[dict[str, str]]:
        return [row for row in self._rows if row.get("Experiment") == experiment]

    def truth(self, experiment: int) -> dict[str, Any]:
        """Image to its true answer; of experiment 3, whether it fell."""
        rows = {row["Image"]: row["GT"].strip().lower() for row in self._of(str(experiment))}
        if experiment != 3:
            return rows
        return {image: _answer(text, self._path, image) == "yes" for image, text in rows.items()}

    def models(self) -> Judgments:
        """Models' answers about stability."""
        first = self._header.index("GT") + 1
        names = list(_until_unnamed(self._header[first:]))
        answers = [
            (name, row["Image"], _answer(row[name], self._path, row["Image"]))
            for name in names
            for row in self._of("3")
        ]
        return _judgments(answers, "model")


def _until_unnamed(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if not name.strip():
            return
        yield name


def _rows(folder: Path, results: _Results) -> list[dict[str, Any]]:
    """The table of stimuli: `stimulus_id`, `image`, then what is known of each."""
    blocks = _blocks(folder / "eval" / "blocks_metadata.txt")
    falls = results.truth(3)
    for image in results.ids:
        if image not in blocks or blocks[image][1] != falls[image]:
            got = f"fell: {blocks[image][1]}" if image in blocks else "nothing"
            raise ValueError(
                f"expected image {image} (fell: {falls[image]}) in blocks_metadata.txt, got {got}; "
                "take both files from one state of the repository"
            )
    said = {name: results.truth(number) for number, name in _CHECKS.items()}
    return [
        {
            "stimulus_id": image,
            "image": path.resolve().as_posix(),
            _QUESTION: "yes" if falls[image] else "no",
            "n_blocks": blocks[image][0],
            **{name: truth[image] for name, truth in said.items() if image in truth},
        }
        for image, path in zip(results.ids, _images(folder / "eval", results.ids), strict=True)
    ]


def _stimuli(rows: Sequence[dict[str, Any]], humans: Path | None) -> StimulusSet:
    known, plain = known_questions(), ("stimulus_id", "image")
    source = _core.Source.photographs(
        [row["stimulus_id"] for row in rows],
        [row["image"] for row in rows],
        [{name: row[name] for name in row if name in known} for row in rows],
        [{name: row[name] for name in row if name not in (*known, *plain)} for row in rows],
    )
    return StimulusSet(_SET, source, domain="physics", humans=humans)


def _images(folder: Path, ids: Sequence[str]) -> Iterator[Path]:
    for image in ids:
        places = (
            folder / "images/lerer100" / f"{image}.png",
            folder / f"images/lerer/img_frame1_{image}.png",
        )
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"expected an image at `{places[0]}`, got nothing there; "
                "check that the checkout is complete"
            )
        yield found


def _blocks(path: Path) -> dict[str, tuple[int, bool]]:
    """Image → number of blocks, and whether they fell."""
    _require(path)
    found: dict[str, tuple[int, bool]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != _METADATA_CELLS or cells[-1] not in ("0", "1"):
            raise ValueError(
                f"expected {_METADATA_CELLS} numbers ending in 0 or 1 on line {number} of "
                f"`{path}`, got {line!r}; take the published file"
            )
        n_blocks = sum(x != "0" for x in cells[_X_OF_BLOCKS])
        found[cells[0]] = (n_blocks, cells[-1] == "1")
    return found


def _humans(path: Path, ids: Sequence[str]) -> Judgments:
    header, *rows = _lines(path)
    people = len(header) - 1
    if (len(rows), people) != (IMAGES, PEOPLE) or any(len(row) != len(header) for row in rows):
        raise ValueError(
            f"expected {IMAGES} rows of {PEOPLE} people in `{path}`, got {len(rows)} rows of "
            f"{people}; take the published file"
        )
    answers = [
        (f"h{person:03d}", image, _answer(row[1 + person], path, image))
        for person in range(people)
        for image, row in zip(ids, rows, strict=True)
    ]
    return _judgments(answers, "human")


def _judgments(answers: Sequence[tuple[str, str, str | None]], kind: str) -> Judgments:
    import pandas as pd

    table = pd.DataFrame(answers, columns=["observer_id", "stimulus_id", "response"])
    fixed = {"observer_kind": kind, "question": _QUESTION, "set": _SET, "scale": "binary"}
    return Judgments(table.assign(**fixed), source=f"the {kind} answers")


def _answer(text: str, path: Path, image: str) -> str | None:
    value = text.strip()
    if value and value not in _ANSWERS:
        raise ValueError(
            f"expected 1 or 0 for image {image} in `{path}`, got {text!r}; take the published file"
        )
    return _ANSWERS.get(value)


def _lines(path: Path) -> list[list[str]]:
    _require(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [line for line in csv.reader(file) if line]
    if len(lines) < 2:
        raise ValueError(f"expected a table in `{path}`, got {len(lines)} lines; take it anew")
    return lines


def _require(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a file at `{path}`, got nothing there; give the folder of a checkout of "
            "lsbuschoff/multimodal"
        )


def _write(out: Path, rows: list[dict[str, Any]], humans: Judgments, models: Judgments) -> Path:
    """Writes the three tables into `out` and gives the path of people's."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "stimuli.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    models.write(out / "model_judgments.csv")
    humans.write(out / "human_judgments.csv")
    return out / "human_judgments.csv"
