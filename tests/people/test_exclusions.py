"""Who and what is left out: rule by rule, against a count in pandas, and what cannot be meant."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogtrain.people.exclusions import Exclusions
from cogtrain.people.importing import import_people
from cogtrain.people.reading import Reading


def screened(path, *, reading=None, prolific=None, **rules):
    reading = Reading(**(reading or {}))
    exclusions = Exclusions(**rules)
    return import_people(
        path,
        format="jspsych" if path.is_dir() else "tidy",
        pseudonyms=None,
        reading=reading,
        exclusions=exclusions,
        prolific=prolific,
    )


def table(path, rows):
    """A tidy table of (person, stimulus, response, seconds)."""
    columns = ["observer_id", "stimulus_id", "response", "response_time_s"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def kept(result):
    return result.judgments.names("observer_id")


def reasons(result):
    return result.report.people()[["observer_id", "detail"]].values.tolist()


YES_NO = {"answers": {"will_fall": {"0": "yes", "1": "no"}}}


def test_nothing_is_left_out_by_default(save, make_session, people, prolific):
    sessions = {
        people[0]: make_session(people[0], passed=(False, False), rt=1),
        people[1]: make_session(people[1], dict.fromkeys(["a", "b"]), passed=()),
    }
    result = screened(
        save(sessions), reading=YES_NO, prolific=prolific({people[0]: "REJECTED", "x": "RETURNED"})
    )
    assert kept(result) == people[:2]
    assert result.report.table().empty
    assert "No rule of exclusion was set. 2 people and 10 judgments remain, 2 of them" in str(
        result.report
    )
    assert "Prolific: 2 people, 1 of them without a judgment here" in str(result.report)


# --- attention ------------------------------------------------------------------------------------


def attentive(save, make_session, people):
    passed = [(True, True), (True, False), (False, False), ()]
    return save({p: make_session(p, passed=each) for p, each in zip(people, passed, strict=False)})


@pytest.mark.parametrize(
    "how",
    [
        {"attention_passed": "correct"},
        {"attention_passed": "correct", "attention_where": {"task": "attention"}},
    ],
)
def test_failed_attention_checks(save, make_session, people, how):
    folder = attentive(save, make_session, people)
    result = screened(folder, reading=YES_NO, max_failed_checks=1, **how)
    assert kept(result) == [people[0], people[1], people[3]]
    assert reasons(result) == [[people[2], "2 of 2"]]
    words = str(result.report)
    assert "Left out for more than 1 failed attention check: 1 person with 8 judgments." in words
    assert "people without an attention check: 1, who failed none" in words
    assert ", 6 attention checks, " in words
    strict = screened(folder, reading=YES_NO, max_failed_checks=0, **how)
    assert kept(strict) == [people[0], people[3]]


@pytest.mark.parametrize("right", [True, "yes", "Yes", 1])
def test_attention_checks_by_their_right_answer_are_no_judgments(tmp_path, right):
    answers = {"p": "1", "q": "0", "r": ""}
    rows = [
        (p, s, a if s == "catch" else "1", 1) for p, a in answers.items() for s in ("a", "catch")
    ]
    result = screened(
        table(tmp_path / "t.csv", rows), attention_answers={"catch": right}, max_failed_checks=0
    )
    assert kept(result) == ["p"]
    assert result.judgments.names("stimulus_id") == ["a"]
    assert reasons(result) == [["q", "1 of 1"], ["r", "1 of 1"]]


def test_the_right_answer_of_a_slider_or_key_is_written_as_it_is_meant(tmp_path):
    rows = [(p, s, a, 1) for p, a in (("p", "100"), ("q", "99")) for s in ("x", "catch")]
    result = screened(
        table(tmp_path / "t.csv", rows),
        reading={"scale_max": {"will_fall": 100}},
        attention_answers={"catch": 100.0},
        max_failed_checks=0,
    )
    assert kept(result) == ["p"]
    keys = [(p, s, a, 1) for p, a in (("p", "f"), ("q", "j")) for s in ("x", "catch")]
    result = screened(
        table(tmp_path / "k.csv", keys),
        reading={"answers": {"will_fall": {"f": "yes", "j": "no"}}},
        attention_answers={"catch": "yes"},
        max_failed_checks=0,
    )
    assert kept(result) == ["p"]


# --- the other rules ------------------------------------------------------------------------------


def test_prolific_status_and_time_taken(save, people, prolific):
    status = dict(zip(people, ["APPROVED", "REJECTED", "RETURNED", "TIMED-OUT"], strict=False))
    export = prolific(status, {people[0]: 1150})
    result = screened(
        save(), reading=YES_NO, prolific=export, prolific_status=["approved", "TIMED-OUT"]
    )
    assert kept(result) == [people[0], people[3]]
    outside = "not in Prolific's export"
    assert [detail for _, detail in reasons(result)] == ["REJECTED", "RETURNED", outside, outside]
    export = prolific(dict.fromkeys(people, "APPROVED"), {people[0]: 30, people[1]: ""})
    result = screened(save(), reading=YES_NO, prolific=export, min_time_taken_s=60)
    assert reasons(result) == [[people[0], "30 s"], [people[1], "time not known"]]


def test_a_person_who_came_back_is_judged_by_the_allowed_submission(tmp_path):
    path = table(tmp_path / "t.csv", [("p", "a", 1, 1)])
    export = tmp_path / "api.csv"
    export.write_text(
        "submission_id,participant_id,submission_status,time_taken_seconds\n"
        "1,p,RETURNED,5\n2,p,APPROVED,600\n"
    )
    result = screened(path, prolific=export, prolific_status=["APPROVED"], min_time_taken_s=60)
    assert kept(result) == ["p"]


def test_response_times_drop_judgments_and_medians_drop_people(tmp_path):
    times = {"p": [0.1, 1, 2], "q": [0.1, 0.1, 9], "r": [3, "", 30]}
    rows = [(p, f"s{n}", 1, t) for p, own in times.items() for n, t in enumerate(own)]
    path = table(tmp_path / "t.csv", rows)
    result = screened(path, min_response_time_s=1, max_response_time_s=30)
    assert len(result.judgments) == 6
    steps = result.report.table()
    assert steps["rule"].tolist() == ["response time not 1–30 s"]
    assert steps["judgments"].tolist() == [3]
    assert steps["broken_by"].isna().all()
    assert "1 judgments without a response time" in str(result.report)
    result = screened(path, min_median_response_time_s=0.5)
    assert reasons(result) == [["q", "0.1 s"]]
    result = screened(path, max_median_response_time_s=1, max_response_time_s=1)
    assert reasons(result) == [["r", "16.5 s"]]
    assert len(result.judgments) == 4


def test_missing_few_and_constant_answers(tmp_path):
    said = {"p": "1010", "q": "11--", "r": "1111", "s": "----", "t": "10--"}
    rows = [
        (p, f"s{n}", "NA" if a == "-" else a, 1)
        for p, own in said.items()
        for n, a in enumerate(own)
    ]
    path = table(tmp_path / "t.csv", rows)
    result = screened(path, max_missing_share=0.5)
    assert reasons(result) == [["s", "4 of 4"]]
    assert reasons(screened(path, min_answers=3)) == [["q", "2"], ["s", "0"], ["t", "2"]]
    result = screened(path, constant_answers_to=["will_fall"])
    assert reasons(result) == [["q", "always yes"], ["r", "always yes"]]


def test_answers_out_of_time_count_as_missing(tmp_path):
    rows = [("p", f"s{n}", n % 2, 0.1 if n < 3 else 1) for n in range(10)]
    rows += [("q", f"s{n}", n % 2, 1) for n in range(10)]
    path = table(tmp_path / "t.csv", rows)
    result = screened(path, min_response_time_s=0.2, max_missing_share=0.2)
    assert reasons(result) == [["p", "3 of 10"]]


def test_a_share_on_the_bound_stays(tmp_path):
    rows = [("p", f"s{n}", "NA" if n < 29 else "1", 1) for n in range(100)]
    path = table(tmp_path / "t.csv", rows)
    assert kept(screened(path, max_missing_share=0.29)) == ["p"]
    with pytest.raises(ValueError, match=r"more than 0\.28 of the answers missing: 1"):
        screened(path, max_missing_share=0.28)


def test_duplicates_are_an_error_or_the_first_counts(tmp_path):
    path = table(tmp_path / "t.csv", [("p", "a", 1, 1), ("p", "b", 0, 1), ("p", "a", 0, 1)])
    with pytest.raises(
        ValueError, match=r"got 1 more, first: `a` in row 1 of .* again in row 3 of"
    ):
        screened(path)
    result = screened(path, duplicates="first")
    assert result.judgments.table["response"].tolist() == ["yes", "no"]
    assert "Left out for a judgment that was given before: 1 judgment." in str(result.report)


def test_who_breaks_several_rules_is_counted_once_and_named_for_each(tmp_path):
    rows = [(p, f"s{n}", 1, t) for p, t in (("p", 0.1), ("q", 1), ("r", 1)) for n in range(3)]
    rows[-1] = ("r", "s2", 0, 1)
    result = screened(
        table(tmp_path / "t.csv", rows),
        min_median_response_time_s=0.5,
        constant_answers_to=["will_fall"],
    )
    steps = result.report.table()
    assert steps["broken_by"].tolist() == [1, 2]
    assert steps["people"].tolist() == [1, 1]
    assert steps["judgments"].tolist() == [3, 3]
    assert reasons(result) == [["p", "0.1 s"], ["p", "always yes"], ["q", "always yes"]]
    assert result.report.before.people - steps["people"].sum() == result.report.after.people == 1


# --- oracle ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    rules=st.tuples(
        st.sampled_from([None, 0.3]),
        st.sampled_from([None, 0.4]),
        st.sampled_from([None, 0.0, 0.25, 0.6]),
        st.sampled_from([None, 4]),
    ),
)
def test_agrees_with_a_count_in_pandas(tmp_path_factory, seed, rules):
    fastest, median, share, least = rules
    rng = np.random.default_rng(seed)
    n_people, n_stimuli = 6, 8
    frame = pd.DataFrame(
        {
            "observer_id": np.repeat([f"p{n}" for n in range(n_people)], n_stimuli),
            "stimulus_id": np.tile([f"s{n}" for n in range(n_stimuli)], n_people),
            "response": rng.choice(["1", "0", ""], n_people * n_stimuli, p=[0.5, 0.3, 0.2]),
            "response_time_s": rng.gamma(2, 0.3, n_people * n_stimuli).round(3),
        }
    )
    frame.loc[frame["response"] == "", "response_time_s"] = np.nan
    path = tmp_path_factory.mktemp("x") / "t.csv"
    frame.to_csv(path, index=False)

    late = frame["response_time_s"] < (fastest or 0)
    valid = (frame["response"] != "") & ~late
    by = frame.assign(valid=valid).groupby("observer_id")
    out = pd.Series(False, index=by.size().index)
    if median is not None:
        out |= by["response_time_s"].median() < median
    if share is not None:
        out |= 1 - by["valid"].mean() > share + 1e-12
    if least is not None:
        out |= by["valid"].sum() < least
    expected = frame[~late & ~frame["observer_id"].map(out)]

    rules = {
        "min_response_time_s": fastest,
        "min_median_response_time_s": median,
        "max_missing_share": share,
        "min_answers": least,
    }
    if expected.empty:
        with pytest.raises(ValueError, match="got none of 6"):
            screened(path, **rules)
        return
    result = screened(path, **rules)
    pairs = ["observer_id", "stimulus_id"]
    assert result.judgments.table[pairs].values.tolist() == expected[pairs].values.tolist()
    report = result.report
    assert report.before[:2] == (6, 48)
    assert report.after[:2] == (expected["observer_id"].nunique(), len(expected))
    assert 48 - report.table()["judgments"].sum() == len(expected)
    assert 6 - report.table()["people"].sum() == report.after.people


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"min_response_time_s": -1}, "`min_response_time_s` to be at least 0, got -1"),
        ({"max_missing_share": math.nan}, "at least 0, got nan"),
        ({"max_missing_share": 20}, r"from 0 to 1, got 20; 20 per cent is 0\.2"),
        ({"min_response_time_s": 3, "max_response_time_s": 1}, "got 3 and 1; swap them"),
        (
            {"max_failed_checks": 1},
            "expected attention checks beside `max_failed_checks`, got none",
        ),
        (
            {"attention_passed": "ok"},
            "expected `max_failed_checks` beside attention checks, got none",
        ),
        ({"attention_where": {"task": "x"}}, r"beside `attention_where` {'task': 'x'}, got none"),
    ],
)
def test_rules_that_cannot_be_meant(rules, words):
    with pytest.raises(ValueError, match=words):
        Exclusions(**rules)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            {"min_response_time_s": 5},
            r"got none of 2 \(response time not at least 5 s: 2\); loosen",
        ),
        ({"min_answers": 9}, r"got none of 2 \(fewer than 9 answers: 2\)"),
        ({"prolific_status": ["APPROVED"]}, "Prolific's export for `prolific_status`.*got none"),
        ({"constant_answers_to": ["will_fal"]}, "got `will_fal`; the nearest is `will_fall`"),
        (
            {"attention_answers": {"ctch": "yes"}, "max_failed_checks": 0},
            "shows the attention check `ctch`, got none in 2 trials",
        ),
        (
            {"attention_passed": "corect", "max_failed_checks": 0},
            "known column, got `corect`; the nearest is `correct`",
        ),
        (
            {"attention_passed": "correct", "max_failed_checks": 0},
            r"true or false in column `correct` .*got 'maybe' in row 1 of",
        ),
        (
            {
                "attention_passed": "correct",
                "attention_where": {"correct": "x"},
                "max_failed_checks": 0,
            },
            r"attention checks with {'correct': 'x'}, got none in 2 trials",
        ),
    ],
)
def test_rules_that_do_not_fit_the_data(tmp_path, rules, words):
    path = tmp_path / "t.csv"
    path.write_text(
        "observer_id,stimulus_id,response,response_time_s,correct\np,a,1,1,maybe\nq,b,0,2,\n"
    )
    with pytest.raises(ValueError, match=words) as caught:
        screened(path, **rules)
    assert "\n" not in str(caught.value)


def test_bounds_need_times_and_statuses_need_to_exist(tmp_path, prolific):
    path = tmp_path / "t.csv"
    path.write_text("observer_id,stimulus_id,response\np,a,1\n")
    with pytest.raises(
        ValueError, match="times for the bounds on `response_time_s`, got none in 1"
    ):
        screened(path, max_response_time_s=1)
    with pytest.raises(
        ValueError, match="Prolific status, got `APROVED`; the nearest is `APPROVED`"
    ):
        screened(path, prolific=prolific({"p": "APPROVED"}), prolific_status=["APROVED"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", r"Prolific's column `participant_id` in .*got a, b; export"),
        ("Participant id,Time taken\np,3\n", "Prolific's column `status`"),
        (
            "Participant id,Status,Time taken\np,APPROVED,soon\n",
            "`Time taken` of .*got 'soon' in row 1",
        ),
    ],
)
def test_what_is_not_prolifics_export(tmp_path, text, words):
    path = tmp_path / "t.csv"
    path.write_text("observer_id,stimulus_id,response\np,a,1\n")
    export = tmp_path / "x.csv"
    export.write_text(text)
    with pytest.raises(ValueError, match=words):
        screened(path, prolific=export)
