"""Browser: every judged stimulus in one table that sorts and filters, its picture one click away.

The tables are DataTables by itables, which brings its scripts along: nothing is fetched.
"""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cogtrain.evaluation.answers import PLACE
from cogtrain.evaluation.score import PEOPLE

_MIME = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
_FACTS = ("margin_m", "style", "n_blocks", "n_rows")


def browser(answers: Any) -> tuple[str, str]:
    """The table of stimuli and the cards that its pictures open, as HTML.

    Args:
        answers: Rows of `answers_of`; only stimuli with a picture (`file`) are shown.

    Returns:
        Table and cards; both empty without pictures.
    """
    shown = answers[answers["file"].fillna("") != ""] if "file" in answers else answers[:0]
    if not len(shown):
        return "", ""
    names = list(dict.fromkeys(shown["observer"]))
    rows, cards = [], []
    for number, (key, said) in enumerate(shown.groupby(list(PLACE), sort=False)):
        picture = _data_uri(Path(said["file"].iloc[0]))
        if picture:
            place: dict[str, str] = dict(zip(PLACE, key, strict=True))
            rows.append({"picture": _button(number, picture, place)} | _row(place, said, names))
            cards.append(_card(number, picture, place, said))
    if not rows:
        return "", ""
    import pandas as pd

    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    return table(frame, "table-of-stimuli", "Stimuli, answers and truth"), "\n".join(cards)


def table(frame: Any, name: str, caption: str) -> str:
    """`frame` as a table whose columns sort and filter by the buttons in their heads.

    Args:
        frame: Text is taken as HTML, numbers are shown with three digits.
        name: Id of the element.
        caption: What the table is called, on the screen and where it is read out.
    """
    from itables import to_html_datatable

    return to_html_datatable(
        frame,
        caption,
        table_id=name,
        connected=False,  # the scripts stand once, in the head of the page
        allow_html=True,
        showIndex=False,
        columnControl=["order", "searchDropdown"],
        ordering={"indicators": False, "handler": False},
        layout={"topStart": "pageLength", "topEnd": "search", "bottomStart": "info"},
        pageLength=10,
        lengthMenu=[10, 25, 100],
        classes="display compact",
        maxBytes=0,
    )


def _row(place: Mapping[str, str], said: Any, names: Sequence[str]) -> dict[str, Any]:
    first = said.iloc[0]
    by = said.set_index("observer")
    row: dict[str, Any] = {
        "set": html.escape(place["set"]),
        "question": html.escape(place["question"]),
        "stimulus": html.escape(place["stimulus_id"][:12]),
        "truth": _text(first["truth"]),
    }
    for name in names:
        if name in by.index:
            row |= _of_observer(name, by.loc[name])
    models = [name for name in names if name != PEOPLE and name in by.index]
    if models and PEOPLE in by.index:
        apart = by.loc[models[0], "probability"] - by.loc[PEOPLE, "probability"]
        row["disagreement"] = round(abs(float(apart)), 3)
    for fact in _FACTS:
        if fact in first and not _is_missing(first[fact]):
            row[fact.removesuffix("_m")] = _rounded(first[fact])
    return row


def _of_observer(name: str, said: Any) -> dict[str, Any]:
    shown = html.escape(name)
    if _is_missing(said["probability"]):
        return {f"{shown} says": _text(said["response"])}
    verdict = {1.0: "right", 0.0: "wrong"}.get(said["correct"], "")
    cells: dict[str, Any] = {f"P, {shown}": round(float(said["probability"]), 3)}
    return cells if name == PEOPLE else cells | {f"{shown} is": verdict}


def _button(number: int, picture: str, place: Mapping[str, str]) -> str:
    told = f"open stimulus {html.escape(place['stimulus_id'][:12], quote=True)}"
    return (
        f'<button class="open" popovertarget="stimulus-{number}" aria-label="{told}">'
        f'<img src="{picture}" alt="" width="56"></button>'
    )


def _card(number: int, picture: str, place: Mapping[str, str], said: Any) -> str:
    truth = _text(said["truth"].iloc[0]) or "unknown"
    told = html.escape(f"stimulus {place['stimulus_id']} of {place['set']}", quote=True)
    lines = "".join(
        f"<li><b>{html.escape(each.observer)}</b>: {_said(each)}</li>" for each in said.itertuples()
    )
    return (
        f'<div popover id="stimulus-{number}" class="card" role="dialog" aria-label="{told}">'
        f'<img src="{picture}" alt="{told}" loading="lazy">'
        f"<p>{html.escape(place['set'])}, {html.escape(place['question'])}: truth {truth}</p>"
        f"<ul>{lines}</ul><p class='id'>{html.escape(place['stimulus_id'])}</p>"
        f'<button popovertarget="stimulus-{number}" popovertargetaction="hide" autofocus>'
        "close</button></div>"
    )


def _said(each: Any) -> str:
    response = _text(each.response)
    if _is_missing(each.probability):
        return response
    crowd = f" of {each.n:.0f}" if each.observer == PEOPLE else ""
    return f"{response} ({100 * each.probability:.0f} %{crowd} for the first answer)"


def _data_uri(path: Path) -> str:
    """The picture itself, so that the page needs no file beside it; empty if it cannot be read."""
    from PIL import Image

    kind = _MIME.get(path.suffix.lower())
    try:
        content = path.read_bytes()
        with Image.open(path) as image:
            image.verify()
    except (OSError, SyntaxError):  # Pillow's word for a broken PNG
        return ""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""


def _is_missing(value: Any) -> bool:
    return value is None or value != value or value == ""


def _text(value: Any) -> str:
    return "" if _is_missing(value) else html.escape(str(value))


def _rounded(value: Any) -> Any:
    return round(float(value), 3) if isinstance(value, (float, np.floating)) else value
