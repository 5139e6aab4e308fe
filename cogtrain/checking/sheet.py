"""A contact sheet: the first stimuli of every set, and what is true of them."""

from pathlib import Path

from cogtrain import palette
from cogtrain.checking.sets import Sets
from cogtrain.sheet import COLUMNS, LINE, Sheet, show

_PARTS = ("train", "val", "test")


def draw(sets: Sets, out: Path) -> int:
    """Writes a PNG with a row of stimuli per set of `train`, `val` and `test`.

    Returns:
        Pictures on it; without any, no file is written.
    """
    chosen = [
        (f"{part}: {each.name}", each[place])
        for part in _PARTS
        for each in sets[part]
        for place in range(min(COLUMNS, len(each)))
    ]
    if not chosen:
        return 0
    sheet = Sheet(len(chosen), below=LINE * 3.6)
    with palette.house_style():
        figure = sheet.figure()
        for (name, stimulus), (picture, words) in zip(chosen, sheet.cells(figure), strict=True):
            show(picture, stimulus.image, frame=palette.RUNS[0])
            question, answer = next(iter(stimulus.answers.items()), ("no answer", ""))
            words.set_axis_off()
            words.text(0, 1, f"{name}\n{question}: {answer}", va="top", fontsize=7)
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out)
    return len(chosen)
