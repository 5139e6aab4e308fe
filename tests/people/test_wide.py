"""Matrices of stimuli and observers, both ways round."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogtrain.people.importing import import_people
from cogtrain.people.reading import Reading
from cogtrain.people.shown import Shown

IDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)


def read(path, rows=None, known=None, **reading):
    shown = Shown(None if known is None else frozenset(known))
    how = Reading(shown=shown, **reading)
    return import_people(path, format="wide", pseudonyms=None, reading=how, rows=rows)


def write(path, cells, down, across):
    """A matrix of `cells` by (down, across)."""
    lines = [["", *across]] + [[name, *(cells.get((name, o), "") for o in across)] for name in down]
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    return path


@settings(max_examples=40)
@given(
    people=st.lists(IDS, min_size=1, max_size=5, unique=True),
    stimuli=st.lists(IDS, min_size=1, max_size=5, unique=True),
    data=st.data(),
)
def test_tidy_and_wide_both_ways_are_the_same(tmp_path_factory, people, stimuli, data):
    folder = tmp_path_factory.mktemp("w")
    answers = st.sampled_from(["1", "0", "NA", ""])
    cells = {(p, s): data.draw(answers) for p in people for s in stimuli}
    if not any(cells.values()):
        cells[people[0], stimuli[0]] = "1"
    tidy = [f"{p},{s},{text}" for (p, s), text in cells.items() if text]
    (folder / "t.csv").write_text("\n".join(["observer_id,stimulus_id,response", *tidy]) + "\n")
    expected = import_people(folder / "t.csv", format="tidy", pseudonyms=None).judgments.table
    turned = {(s, p): text for (p, s), text in cells.items()}
    order = ["observer_id", "stimulus_id"]
    for name, rows, matrix in (
        ("o", "observers", (cells, people, stimuli)),
        ("s", "stimuli", (turned, stimuli, people)),
    ):
        table = read(write(folder / f"{name}.csv", *matrix), rows).judgments.table
        ours, theirs = (t.sort_values(order, ignore_index=True) for t in (table, expected))
        assert ours.equals(theirs)


@pytest.fixture
def matrix(tmp_path):
    cells = {("a", "p"): "1", ("b", "p"): "0", ("a", "q"): "", ("b", "q"): "NA"}
    return write(tmp_path / "m.csv", cells, ["a", "b"], ["p", "q"])


def test_known_stimuli_say_what_a_row_is(matrix):
    found = read(matrix, known=["a", "b", "c"])
    assert found.judgments == read(matrix, "stimuli").judgments
    assert found.judgments.names("observer_id") == ["p", "q"]
    assert read(matrix, known=["p", "q"]).judgments == read(matrix, "observers").judgments


def test_an_empty_cell_was_not_asked_and_is_counted(matrix):
    found = read(matrix, "stimuli")
    assert found.judgments.table["response"].fillna("-").tolist() == ["yes", "no", "-"]
    assert "1 of 4 cells are empty: not asked, so no judgments" in str(found.report)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (None, "told what a row of .* got neither `rows` nor known stimuli"),
        (["a", "b", "p", "q"], "got 2 of 2 and 2 of 2; say rows"),
        (["a", "p"], "got 1 of 2 and 1 of 2; say rows"),
        (["x"], "got 0 of 2 and 0 of 2; say rows"),
    ],
)
def test_what_a_row_is_is_never_guessed(matrix, known, words):
    with pytest.raises(ValueError, match=words):
        read(matrix, known=known)


def test_unknown_stimuli_are_an_error_when_rows_are_told(matrix):
    with pytest.raises(ValueError, match=r"got 1 unknown `stimulus_id`: `b`"):
        read(matrix, "stimuli", known=["a"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",p,p\na,1,0\n", r"to differ, got `p` twice"),
        (",p,p \na,1,0\n", r"differ in the first row of .*got 'p' twice"),
        (",p,q\na,1,0\na,0,1\n", r"differ in the first column of .*got 'a' twice"),
        (",p,\na,1,0\n", r"first row of .*got ''; give each its own"),
        ("id\na\nb\n", r"ids in the first row of .*got none; separate the columns by commas"),
        (",p,q\na,1,maybe\n", r"column `q` of .*m\.csv`, got 'maybe' in row 1"),
        (",p,q\na,,\n", "judgments of stimuli, got none in 0 rows"),
    ],
)
def test_a_broken_matrix_is_one_line(tmp_path, text, words):
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        read(path, "stimuli")
    assert "\n" not in str(caught.value)


def test_columns_do_not_apply(matrix):
    with pytest.raises(ValueError, match="no `columns`, `where` or `keep` with the matrix"):
        read(matrix, "stimuli", columns={"observer_id": "p"})


def test_the_real_towers_are_the_same_wide_and_tidy(lerer_towers, tmp_path):
    tidy = lerer_towers / "human_judgments.csv"
    rows = [line.split(",") for line in tidy.read_text().split()[1:]]
    people, stimuli = (list(dict.fromkeys(row[n] for row in rows)) for n in (0, 1))
    cells = {(s, p): text for p, s, text in rows}
    wide = write(tmp_path / "w.csv", cells, stimuli, people)
    known = Shown.table(lerer_towers / "stimuli.csv").ids
    order = ["observer_id", "stimulus_id"]
    ours, theirs = (
        table.sort_values(order, ignore_index=True)
        for table in (
            read(wide, known=known).judgments.table,
            import_people(tidy, format="tidy", pseudonyms=None).judgments.table,
        )
    )
    assert len(ours) == 10_700
    assert ours.equals(theirs)
