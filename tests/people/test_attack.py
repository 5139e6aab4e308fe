"""Exports as nobody meant them: one clear line, or judgments that hold; never a traceback."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cogtrain.complaint import is_users_mistake
from cogtrain.judgments import Judgments
from cogtrain.people.importing import import_people
from cogtrain.people.reading import Reading

ODD = st.sampled_from(
    ["", "null", "NaN", "-1", "1e999", "[", "{}", "<img src=", "<img src='a.png'>", "//[", "a.png",
     "data:image/png;base64,AAAA", "\x00", "\u202e", "0", "1", "yes", "ÿ" * 50]
)  # fmt: skip
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | ODD
NESTED = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
KINDS = st.sampled_from(
    ["image-button-response", "html-slider-response", "image-keyboard-response"]
)
NAMES = st.sampled_from([f"{letter}.png" for letter in "abcdefgh"])
TRIALS = st.fixed_dictionaries(
    {
        "trial_type": KINDS | KINDS | NESTED,
        "stimulus": NAMES | NAMES | NESTED,
        "response": st.integers(0, 1) | st.integers(0, 1) | NESTED,
        "subject_id": st.just("p") | st.just("q") | NESTED,
    },
    optional={"rt": st.integers(0, 9999) | NESTED} | dict.fromkeys(["choices", "file"], NESTED),
)
MEANT = {"answers": {"will_fall": {"0": "yes", "1": "no"}}}


def imported(path, form, rows=None, **reading):
    """Number of judgments; 0 if it is a user's mistake. Nothing else may happen."""
    try:
        given = import_people(
            path, format=form, pseudonyms=None, reading=Reading(**reading), rows=rows
        )
    except Exception as error:
        if not is_users_mistake(error):
            raise
        return 0
    given.judgments.write(path.with_name("out.csv"))
    assert Judgments.read(path.with_name("out.csv")) == given.judgments
    return len(given.judgments)


@settings(max_examples=150)
@given(trials=st.lists(TRIALS, min_size=1, max_size=4), rated=st.booleans())
@example(
    trials=[{"trial_type": "image-button-response", "stimulus": "//[", "subject_id": 1}], rated=True
)
def test_no_trial_of_jspsych_breaks_the_reader(tmp_path_factory, trials, rated):
    path = tmp_path_factory.mktemp("a") / "p.json"
    path.write_text(json.dumps(trials), encoding="utf-8")
    how = {"scale_max": {"will_fall": 100}} if rated else MEANT
    assert imported(path, "jspsych", **how) <= len(trials)


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.none() | st.integers(0, 255))
@pytest.mark.parametrize("kind", ["json", "csv"])
def test_no_damage_to_a_file_breaks_the_reader(whole, tmp_path_factory, kind, place, byte):
    content = whole[kind]
    at = int(place * len(content))
    rest = b"" if byte is None else bytes([byte]) + content[at + 1 :]
    path = tmp_path_factory.mktemp("d") / f"p.{kind}"
    path.write_bytes(content[:at] + rest)
    assert imported(path, "jspsych", **MEANT) <= 3


def test_an_undamaged_file_is_read(whole, tmp_path):
    for kind, content in whole.items():
        path = tmp_path / f"p.{kind}"
        path.write_bytes(content)
        assert imported(path, "jspsych", **MEANT) == 3


@settings(max_examples=60)
@given(text=st.text(alphabet='ab,;"\n\t 01', max_size=60), form=st.sampled_from(["tidy", "wide"]))
def test_no_text_breaks_the_readers_of_tables(tmp_path_factory, text, form):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text(("observer_id,stimulus_id,response\n" if form == "tidy" else "") + text)
    imported(path, form, "stimuli" if form == "wide" else None)


@pytest.fixture(scope="module")
def whole():
    """Bytes of one session as JSON or CSV."""
    trials = [
        {"trial_type": "preload", "subject_id": "p"},
        *(
            {
                "trial_type": "image-button-response",
                "stimulus": f"img/{n}.png",
                "response": n % 2,
                "rt": 812.5,
                "subject_id": "p",
            }
            for n in range(3)
        ),
    ]
    columns = ["trial_type", "stimulus", "response", "rt", "subject_id"]
    rows = [columns, *([str(trial.get(name, "")) for name in columns] for trial in trials)]
    table = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    return {"json": json.dumps(trials).encode(), "csv": table.encode()}
