"""What jsPsych saves, in every way that it can be saved."""

import json
import math

import pytest

from cogtrain.people.importing import import_people
from cogtrain.people.jspsych import device, jspsych_trials
from cogtrain.people.reading import Reading
from cogtrain.people.shown import Shown

YES_NO = {"will_fall": {"0": "yes", "1": "no"}}


def read(path, **reading):
    reading = {"answers": YES_NO} | reading
    return import_people(path, format="jspsych", pseudonyms=None, reading=Reading(**reading))


def one(tmp_path, *trials, name="p.json", **reading):
    """Judgments of a file that holds `trials`."""
    path = tmp_path / name
    shared = {"trial_type": "image-button-response", "subject_id": "p", "rt": 500}
    path.write_text(json.dumps([shared | trial for trial in trials]))
    return read(path, **reading).judgments.table


def test_json_and_csv_say_the_same(save, make_session, people):
    answers = {"tower_00": 0, "tower_01": 1, "tower_02": None}
    sessions = {p: make_session(p, answers, rt=812.5) for p in people}
    judgments = read(save(sessions, "json", "j")).judgments
    assert judgments == read(save(sessions, "csv", "c")).judgments
    table = judgments.table
    assert len(table) == 3 * len(people)
    assert table["observer_id"].unique().tolist() == people
    assert table["stimulus_id"].tolist()[:3] == list(answers)
    assert table["response"].tolist()[:2] == ["yes", "no"]
    assert table["response"].isna().sum() == len(people)
    assert table["response_time_s"].tolist()[:2] == [0.8125, 0.8125]
    assert math.isnan(table["response_time_s"][2])
    assert set(table["question"]) == {"will_fall"}
    assert set(table["observer_kind"]) == {"human"}


def test_what_is_no_judgment_is_counted_by_its_plugin(save, people, make_session):
    folder = save({p: make_session(p) for p in people[:2]})
    (folder / "notes.md").write_text("room 3")
    words = str(read(folder).report)
    assert "- read 2 files, not 1 .md" in words
    assert "44 rows: 16 judgments, 28 others (16 html-keyboard-response, 4 html-button-" in words
    assert "2 preload, " in words


@pytest.mark.parametrize(
    "layout",
    [
        lambda sessions: json.dumps(sessions),
        lambda sessions: "\n".join(map(json.dumps, sessions)) + "\n",
        lambda sessions: "\n".join(json.dumps(t) for s in sessions for t in s),
        lambda sessions: "\ufeff" + json.dumps([t for s in sessions for t in s], indent=1),
    ],
    ids=["list of lists", "a list a line", "a trial a line", "one list, marked"],
)
def test_several_people_in_one_file(tmp_path, layout, make_session, people):
    path = tmp_path / "jatos_results.txt"
    path.write_text(layout([make_session(p) for p in people]), encoding="utf-8")
    table = read(path).judgments.table
    assert table["observer_id"].unique().tolist() == people
    assert len(table) == 8 * len(people)


@pytest.mark.parametrize(
    ("stimulus", "name"),
    [
        ("img/12.png", "12"),
        ("https://lab.example/a/12.JPG?v=2#top", "12"),
        ("img/my%20tower.webp", "my tower"),
        ('<img src="img/12.png">', "12"),
        ("<div><p>Falls?</p><IMG class='x' SRC='./img/12.v2.png' /></div>", "12.v2"),
        ("<img src=img/12.png><img src=img/12.png>", "12"),
        ("img/7.png", "seven"),
    ],
)
def test_the_stimulus_is_the_image_that_was_shown(tmp_path, stimulus, name):
    shown = Shown(by_image={"7.png": "seven"})
    table = one(tmp_path, {"stimulus": stimulus, "response": 0}, shown=shown)
    assert table["stimulus_id"].tolist() == [name]


def test_known_stimuli_name_the_images_and_others_are_an_error(tmp_path):
    path = tmp_path / "stimuli.csv"
    path.write_text("stimulus_id,image\nseven,a/7.png\n8,\n")
    shown = Shown.table(path)
    trials = [{"stimulus": f"img/{n}.png", "response": 0} for n in (7, 8)]
    assert one(tmp_path, *trials, shown=shown)["stimulus_id"].tolist() == ["seven", "8"]
    with pytest.raises(ValueError, match=r"got 1 unknown `stimulus_id`: `9`"):
        one(tmp_path, {"stimulus": "img/9.png", "response": 0}, shown=shown)


def test_a_data_property_can_name_the_stimulus(tmp_path):
    trial = {"trial_type": "canvas-button-response", "response": 1, "item": "t/1.png"}
    table = one(tmp_path, trial, columns={"stimulus_id": "item"})
    assert table[["stimulus_id", "response"]].values.tolist() == [["t/1.png", "no"]]


def test_keys_mean_what_is_said(tmp_path):
    answers = {"will_fall": {"f": True, "j": False}}  # as YAML reads a bare yes and no
    trials = [
        {"trial_type": "image-keyboard-response", "stimulus": f"{key}.png", "response": key}
        for key in ("f", "j", None)
    ]
    table = one(tmp_path, *trials, answers=answers)
    assert table["response"].fillna("-").tolist() == ["yes", "no", "-"]


def test_version_6_named_the_answers_otherwise(tmp_path):
    answers = {"will_fall": {"70": "yes", "74": "no", "0": "yes", "1": "no"}}
    trials = [
        {"trial_type": "image-keyboard-response", "stimulus": "a.png", "key_press": 70},
        {"trial_type": "image-button-response", "stimulus": "b.png", "button_pressed": "1"},
        {"trial_type": "image-slider-response", "stimulus": "c.png", "response": "0"},
    ]
    for trial in trials:
        trial["rt"] = 812
    table = one(tmp_path, *trials, answers=answers)
    assert table["response"].tolist() == ["yes", "no", "yes"]


def test_saved_choices_say_what_a_shuffled_button_meant(tmp_path):
    trials = [
        {"stimulus": "a.png", "response": 0, "choices": ["<b>No</b>", "Yes"]},
        {"stimulus": "b.png", "response": 0, "choices": ["Yes", "No"]},
        {"stimulus": "c.png", "response": None, "choices": ["Yes", "No"]},
    ]
    table = one(tmp_path, *trials, answers={})
    assert table["response"].fillna("-").tolist() == ["no", "yes", "-"]


def test_sliders_are_ratings_on_a_stated_scale(tmp_path):
    trials = [
        {"trial_type": "image-slider-response", "stimulus": f"{n}.png", "response": value}
        for n, value in enumerate([0, 100, 73, None])
    ]
    table = one(tmp_path, *trials, answers={}, scale_max={"will_fall": 100})
    assert table["probability"].tolist()[:3] == [0.0, 1.0, 0.73]
    assert table["response"].fillna("-").tolist() == ["0", "100", "73", "-"]
    assert set(table["scale"]) == {"rating"}
    with pytest.raises(ValueError, match=r"where the scale of a rating ends, got '0' in row 1 of"):
        one(tmp_path, *trials, answers={})


def test_where_takes_the_judgments_and_wants_each_to_show_something(tmp_path, save):
    folder = save()
    assert len(read(folder, where={"task": "judgment"}).judgments) == 48
    with pytest.raises(ValueError, match=r"row 20 of .*session-0\.json`, got stimulus '<p>Press"):
        read(folder, where={"task": "attention"})
    with pytest.raises(ValueError, match=r"none in 132 rows of 6 files, whose `task` is '', 'judg"):
        read(folder, where={"task": "practice"})
    with pytest.raises(ValueError, match=r"known column, got `tusk`; the nearest is `task`"):
        read(folder, where={"tusk": "judgment"})


def test_practice_can_be_told_from_the_rest(tmp_path):
    trials = [
        {"stimulus": "a.png", "response": 0, "practice": True},
        {"stimulus": "a.png", "response": 1, "practice": False},
    ]
    assert one(tmp_path, *trials, where={"practice": False})["response"].tolist() == ["no"]


def test_a_file_can_stand_for_a_person(tmp_path):
    path = tmp_path / "session-5f2a.json"
    path.write_text(
        json.dumps([{"trial_type": "image-button-response", "stimulus": "a.png", "response": 0}])
    )
    with pytest.raises(ValueError, match=r"says who answered .*none of observer_id, subject_id"):
        read(path)
    table = read(path, columns={"observer_id": "file"}).judgments.table
    assert table["observer_id"].tolist() == ["session-5f2a"]
    assert table["response_time_s"].isna().all()


def test_two_columns_of_people_are_asked_about(tmp_path):
    trial = {"stimulus": "a.png", "response": 0, "participant": "q"}
    with pytest.raises(ValueError, match=r"got `subject_id` and `participant`; name it by"):
        one(tmp_path, trial)
    table = one(tmp_path, trial, columns={"observer_id": "participant"})
    assert table["observer_id"].tolist() == ["q"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "a list of trials|expected JSON"),
        ("[]", r"a list of trials in .*got '\[\]'"),
        ("[1, 2]", r"a list of trials in .*got '\[1, 2\]'"),
        ('[{"trial_type": "image-button-resp', r"expected JSON in .*p\.json`, got: Unterminated"),
        ('{"a": 1}', r"with `trial_type` in .*got columns a"),
        ("[" * 100_000, r"expected JSON in|a list of trials in"),
    ],
)
def test_damaged_json_is_one_line(tmp_path, content, words):
    path = tmp_path / "p.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=words) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_files_that_are_none(tmp_path):
    path = tmp_path / "p.json"
    path.write_bytes(b"[\xff\xfe]")
    with pytest.raises(ValueError, match=r"text in UTF-8 in .*p\.json"):
        read(path)
    with pytest.raises(FileNotFoundError, match=r"nothing\.json`, got nothing there"):
        read(tmp_path / "nothing.json")
    with pytest.raises(ValueError, match=r"ending in \.json or \.csv, got .*p\.xlsx"):
        read(tmp_path / "p.xlsx")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"jspsych exports \(\.json, .*folder`, got 0 other files"):
        read(tmp_path / "folder")


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        ({"response": 2}, r"expected one of 0, 1 in row 1 of .*got '2'; add it to `answers`"),
        ({"response": 0, "rt": -3}, r"at least 0 in row 1 of .*got '-3'"),
        ({"response": 0, "rt": "soon"}, "got 'soon'"),
        ({"response": 0, "subject_id": None}, "a person's id in row 1 of .*got none"),
        ({"response": 5, "choices": ["Yes", "No"]}, r'one of the buttons \["Yes", "No"\] .*\'5\''),
        ({"response": 0, "choices": "Yes"}, "one of the buttons Yes in row 1"),
        ({"response": "²", "choices": ["Yes", "No", "?"]}, "got '²'; correct it"),
        (
            {"response": 0, "stimulus": "<img src=a.png><img src=b.png>"},
            r"got 2 \(a\.png, b\.png\)",
        ),
    ],
)
def test_a_trial_that_cannot_be_read_is_named(tmp_path, trial, words):
    with pytest.raises(ValueError, match=words):
        one(tmp_path, {"stimulus": "a.png"} | trial)


def test_a_button_without_meaning_is_not_guessed(tmp_path):
    with pytest.raises(ValueError, match=r"what button 0 means in row 1 .*no `answers`.*from 0"):
        one(tmp_path, {"stimulus": "a.png", "response": 0}, answers={})


def test_times_are_milliseconds(tmp_path):
    with pytest.raises(ValueError, match="milliseconds, got `response_time_s: rt`; leave it out"):
        one(tmp_path, {"stimulus": "a.png"}, columns={"response_time_s": "rt"})


def test_plugins_are_known_by_their_names():
    kinds = {
        "image-button-response": "button",
        "html-slider-response": "slider",
        "video-keyboard-response": "key",
        "categorize-image": "key",
        "survey-text": "",
        "preload": "",
    }
    assert {name: device(name) for name in kinds} == kinds


def test_rows_keep_what_the_experiment_saved(save):
    trials = list(jspsych_trials([save() / "session-0.json"], Reading()))
    assert trials[4].cells["task"] == "judgment"
    assert trials[4].cells["file"] == "session-0"
    assert [trial.is_judgment for trial in trials[:5]] == [False] * 4 + [True]


def test_who_stopped_early_is_no_mistake(save, make_session, people):
    folder = save({p: make_session(p) for p in people[:2]})
    stopped = [{"trial_type": "preload", "subject_id": people[2]}]
    (folder / "session-9.json").write_text(json.dumps(stopped))
    result = read(folder, where={"task": "judgment"}, keep=["task"])
    assert result.judgments.names("observer_id") == people[:2]
    assert "- people without a judgment: 1" in str(result.report)


def test_pages_that_are_no_judgments_may_show_what_they_like(tmp_path):
    both = "<img src=a.png><img src=b.png>"
    trials = [
        {"stimulus": both, "response": 9, "task": "example", "choices": "Go on", "rt": "?"},
        {"stimulus": "c.png", "response": 0, "task": "judgment"},
    ]
    table = one(tmp_path, *trials, where={"task": "judgment"})
    assert table["stimulus_id"].tolist() == ["c"]


@pytest.mark.parametrize("about", ["answers", "options", "scale", "scale_max"])
def test_a_question_that_nobody_was_asked_is_named(tmp_path, about):
    said = {"answers": {}, "options": ["a"], "scale": "count", "scale_max": 100}[about]
    how = {about: {"wil_fall": said}}
    with pytest.raises(ValueError, match="question, got `wil_fall`; the nearest is `will_fall`"):
        one(tmp_path, {"stimulus": "a.png", "response": 0}, **how)
