"""Tidy tables under any column names."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogtrain.judgments import Judgments
from cogtrain.people.importing import import_people
from cogtrain.people.reading import Reading


def read(path, **reading):
    given = import_people(path, format="tidy", pseudonyms=None, reading=Reading(**reading))
    return given.judgments


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_have_any_name_and_times_a_unit(tmp_path):
    path = write(
        tmp_path / "t.csv",
        "participant,item,choice,rt,phase,age\np1,007,1,850,main,31\np1,008,,,main,31\n",
    )
    names = {"observer_id": "participant", "stimulus_id": "item", "response": "choice"}
    table = read(path, columns=names | {"response_time_ms": "rt"}).table
    assert table["stimulus_id"].tolist() == ["007", "008"]
    assert table["response"].fillna("-").tolist() == ["yes", "-"]
    assert table["response_time_s"].tolist()[0] == 0.85
    assert "age" not in table
    kept = read(path, columns=names | {"response_time_s": "rt"}, keep=["age"]).table
    assert kept["response_time_s"].tolist()[0] == 850
    assert kept["age"].tolist() == ["31", "31"]


def test_the_columns_of_judgments_need_no_names(tmp_path):
    path = write(
        tmp_path / "t.tsv",
        "observer_id\tstimulus_id\tresponse\tquestion\tset\np\ta\t3\tblock_count\tX\n",
    )
    table = read(path).table
    row = table[["question", "set", "response", "scale"]].iloc[0].tolist()
    assert row == ["block_count", "X", "3", "count"]


def test_the_truth_is_written_by_the_words_of_the_answers(tmp_path):
    head = "observer_id,stimulus_id,response,truth\n"
    path = write(tmp_path / "t.csv", f"{head}p,a,j,1\np,b,f,no\np,c,f,\n")
    how = {"answers": {"will_fall": {"f": "yes", "j": "no"}}}
    table = read(path, **how).table
    assert table["response"].tolist() == ["no", "yes", "yes"]
    assert table["truth"].fillna("-").tolist() == ["yes", "no", "-"]
    write(path, f"{head}p,a,j,falls\n")
    with pytest.raises(ValueError, match=r"yes/no, 1/0.* got 'falls' in row 1"):
        read(path, **how)
    rated = write(tmp_path / "r.csv", f"{head}p,a,30,25\n")
    assert read(rated, scale_max={"will_fall": 100}).table["truth"].tolist() == ["25"]


def test_a_platforms_rows_are_selected_by_a_column(tmp_path):
    path = write(
        tmp_path / "data_exp_1-v2_task-x.csv",
        "Event Index,Participant Private ID,Screen Name,Reaction Time,Response,Spreadsheet: image\n"
        "1,9001,,,,\n"
        "2,9001,Fixation,500.5,,t1.png\n"
        "3,9001,Trials,812.5,Yes,t1.png\n"
        "4,9001,Trials,640,No,t2.png\n",
    )
    table = read(
        path,
        columns={
            "observer_id": "Participant Private ID",
            "image": "Spreadsheet: image",
            "response": "Response",
            "response_time_ms": "Reaction Time",
        },
        where={"Screen Name": "Trials"},
    ).table
    assert table[["observer_id", "stimulus_id", "response", "response_time_s"]].values.tolist() == [
        ["9001", "t1", "yes", 0.8125],
        ["9001", "t2", "no", 0.64],
    ]


def test_each_question_is_read_by_what_is_said_of_it(tmp_path):
    path = write(
        tmp_path / "t.csv",
        "observer_id,stimulus_id,question,response\n"
        "p,a,will_fall,J\np,a,bricks,12.0\np,a,responsible,65\np,a,leaf,Oak\np,a,liking,7\n",
    )
    table = read(
        path,
        answers={"will_fall": {"J": "yes", "N": "no"}},
        scale={"bricks": "count"},
        scale_max={"responsible": 100, "liking": 7},
        scale_min={"liking": 1},
        options={"leaf": ["oak", "elm", "ash"]},
    ).table
    assert table["response"].tolist() == ["yes", "12", "65", "oak", "7"]
    assert table["scale"].tolist() == ["binary", "count", "rating", "choice", "rating"]
    assert table["probability"].tolist()[2:] == pytest.approx(
        [0.65, float("nan"), 1.0], nan_ok=True
    )


def test_the_same_response_means_what_its_question_says(tmp_path):
    head = "observer_id,stimulus_id,question,response\n"
    questions = ("will_fall", "block_count", "liking")
    path = write(tmp_path / "t.csv", head + "".join(f"p,a,{name},1\n" for name in questions))
    table = read(path, scale_max={"liking": 4}).table
    assert table["response"].tolist() == ["yes", "1", "1"]
    assert table["scale"].tolist() == ["binary", "count", "rating"]
    assert table["probability"].tolist()[2] == 0.25


def test_several_files_are_one_experiment(tmp_path):
    header = "observer_id,stimulus_id,response\n"
    paths = [write(tmp_path / f"{n}.csv", f"{header}p{n},a,1\n") for n in range(3)]
    assert read(tmp_path) == read(paths)
    assert read(paths).names("observer_id") == ["p0", "p1", "p2"]


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
NAMES = CELLS.map(str.strip).filter(bool)


@settings(max_examples=40)
@given(
    rows=st.dictionaries(
        st.tuples(NAMES, NAMES),
        st.sampled_from(["1", "0", "", "NA", "yes", "no", "TRUE"]),
        min_size=1,
    )
)
def test_says_the_same_as_the_plain_reader(tmp_path_factory, rows):
    """Oracle: `Judgments.humans`, which reads the same table without any of this."""
    path = tmp_path_factory.mktemp("t") / "t.parquet"
    table = [(person, stimulus, response) for (person, stimulus), response in rows.items()]
    pd.DataFrame(table, columns=["observer_id", "stimulus_id", "response"]).to_parquet(path)
    assert read(path) == Judgments.humans(path, question="will_fall")


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (
            {"columns": {"participant": "observer_id"}},
            "our name to the export's, got `participant: ",
        ),
        ({"columns": {"respnse": "r"}}, "known column, got `respnse`; the nearest is `response`"),
        (
            {"columns": {"response": "answer"}},
            r"column `answer` \(for `response`\) in .*t\.csv`, got ",
        ),
        ({"columns": {"stimulus_id": "item"}}, r"column `item` \(for `stimulus_id`\)"),
        ({"keep": ["agee"]}, "known column, got `agee`; the nearest is `age`"),
        ({"where": {"phaze": 1}}, "got `phaze`"),
        (
            {"where": {"age": 99}},
            r"none in 2 rows of 1 files, whose `age` is '31'; correct `where`",
        ),
        ({"scale": {"q": "likert"}}, "binary, choice or count, got 'likert'"),
        ({"scale_max": {"q": 0}}, "above its bottom 0, got 0"),
        ({"scale_min": {"q": 1}}, "above its bottom 1, got None"),
        ({"scale_max": {"wil_fall": 100}}, "question, got `wil_fall`; the nearest is `will_fall`"),
        ({"scale_max": {"will_fall": 0.5}}, r"a rating from 0 to 0\.5 in row 1 of .*got '1'"),
    ],
)
def test_what_is_said_wrongly_is_one_line(tmp_path, reading, words):
    path = write(tmp_path / "t.csv", "observer_id,stimulus_id,response,age\np,a,1,31\np,b,0,31\n")
    with pytest.raises(ValueError, match=words) as caught:
        read(path, **reading)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("observer_id,response\np,1\n", "a column `stimulus_id` in .*got none; say which one"),
        ("stimulus_id,response\np,1\n", "a column `observer_id` in"),
        ("observer_id,stimulus_id,response\np,,1\n", "a stimulus in row 1 of .*got none"),
        ("observer_id,stimulus_id,response\n,a,1\n", "a person's id in row 1 of"),
        ("observer_id,stimulus_id,response\np,a,1,2\n", "expected 3 cells on line 2"),
        ("observer_id,stimulus_id,response\n", "at least one row in .*got none; fill it in"),
        (
            "observer_id,stimulus_id,response\np,a,0.5\n",
            r"scale of a rating ends, got '0\.5' in row 1",
        ),
        ("observer_id,stimulus_id,response\np,a,73\n", r"got '73' in row 1; .*ends by `scale_max`"),
        ("observer_id,stimulus_id,response\np,a,perhaps\n", r"got 'perhaps' in row 1; .*`answers`"),
        (
            "observer_id,stimulus_id,response,response_time_s,response_time_ms\np,a,1,1,1\n",
            "one unit",
        ),
        ("observer_id,stimulus_id,response,response_time_s\np,a,1,1_0\n", "got '1_0'; correct it"),
        ("observer_id,stimulus_id,response,response_time_s\np,a,1,inf\n", "got 'inf'; correct it"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as caught:
        read(write(tmp_path / "t.csv", text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rating", ["-1", "101", "nan?", "1e999", "1_0", "seventy"])
def test_a_rating_off_its_scale_is_named_with_its_row(tmp_path, rating):
    rows = [f"p,{n},50\n" for n in range(6)] + [f"p,x,{rating}\n"]
    path = write(tmp_path / "t.csv", "observer_id,stimulus_id,response\n" + "".join(rows))
    with pytest.raises(ValueError, match=f"from 0 to 100 in row 7 of .*got '{rating[:4]}"):
        read(path, scale_max={"will_fall": 100})


@given(
    value=st.floats(0, 1000, allow_nan=False),
    bottom=st.floats(-100, 0),
    top=st.floats(1, 1000),
)
def test_a_rating_keeps_its_place_on_the_scale(tmp_path_factory, value, bottom, top):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    write(path, f"observer_id,stimulus_id,response\np,a,{value!r}\n")
    scale = {"scale_max": {"will_fall": top}, "scale_min": {"will_fall": bottom}}
    if value > top:
        with pytest.raises(ValueError, match="expected a rating from"):
            read(path, **scale)
        return
    place = read(path, **scale).table["probability"][0]
    assert 0 <= place <= 1
    assert bottom + place * (top - bottom) == pytest.approx(value, abs=1e-9)
