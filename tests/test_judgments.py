import stat

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogtrain.judgment_table import COLUMNS
from cogtrain.judgments import Judgments

ODD_IDS = ["001", "1", "1.0", "NA", "nan", "a,b", 'say "x"', "é", "-0", "1e5"]


def example() -> Judgments:
    return Judgments.from_model(
        "tiny",
        ODD_IDS,
        np.linspace(0.05, 0.95, len(ODD_IDS)),
        set="tower",
        question="will_fall",
        truth="yes",
        off_menu_mass=1 / 3,
        session="s1",
        viewing_distance_cm=57,
        room=["007", *"bcdefghij"],
    )


def test_has_all_columns_in_order_and_the_unknown_after_them():
    table = example().table
    assert tuple(table)[: len(COLUMNS)] == COLUMNS
    assert list(table)[len(COLUMNS) :] == ["viewing_distance_cm", "room"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv"])
def test_survives_a_round_trip(tmp_path, suffix):
    path = tmp_path / f"new folder/judgments{suffix}"
    judgments = example()
    judgments.write(path)
    again = Judgments.read(path)
    assert again == judgments
    assert again.table["stimulus_id"].tolist() == ODD_IDS
    assert again.table["viewing_distance_cm"].dtype == "int64"
    assert again.table["room"].iloc[0] == "007"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@given(probability=st.lists(st.floats(0, 1) | st.just(float("nan")), min_size=1, max_size=20))
def test_keeps_every_bit_of_a_probability(tmp_path_factory, suffix, probability):
    path = tmp_path_factory.mktemp("bits") / f"j{suffix}"
    ids = [str(i) for i in range(len(probability))]
    Judgments.from_model("m", ids, probability).write(path)
    again = Judgments.read(path).table["probability"].to_numpy()
    np.testing.assert_array_equal(again, probability)


def test_writes_in_one_piece(tmp_path, monkeypatch):
    path = tmp_path / "judgments.parquet"
    example().write(path)
    before = path.read_bytes()

    def fail(self, aside, **_):
        aside.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fail)
    with pytest.raises(OSError, match="disk full"):
        example().write(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["judgments.parquet"]


def test_a_written_file_can_be_read_by_others(tmp_path):
    example().write(tmp_path / "j.csv")
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE((tmp_path / "j.csv").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_model_answers_with_the_likelier_option():
    judgments = Judgments.from_model("m", list("abcd"), [0.9, 0.5, 0.1, np.nan])
    assert judgments.table["response"].tolist()[:3] == ["yes", "yes", "no"]
    assert judgments.table["response"].isna().tolist() == [False, False, False, True]
    np.testing.assert_array_equal(judgments.answers(graded=False), [1, 1, 0, np.nan])
    np.testing.assert_array_equal(judgments.answers(), [0.9, 0.5, 0.1, np.nan])


# --- people ---------------------------------------------------------------------------------------


def tidy(path, responses, header="observer_id,stimulus_id,response"):
    rows = [f"p{i},{i:03d},{response}" for i, response in enumerate(responses)]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "responses",
    [["1", "0", ""], ["yes", "no", "NA"], ["TRUE", "False", "nan"], ["1.0", "0.0", "n/a"]],
)
def test_reads_the_spellings_of_the_field(tmp_path, responses):
    table = Judgments.humans(tidy(tmp_path / "h.csv", responses)).table
    assert table["response"].tolist()[:2] == ["yes", "no"]
    assert table["response"].isna().tolist() == [False, False, True]
    assert table["stimulus_id"].tolist() == ["000", "001", "002"]
    assert set(table["scale"]) == {"binary"}
    assert set(table["observer_kind"]) == {"human"}


def test_reads_graded_answers_as_ratings(tmp_path):
    judgments = Judgments.humans(tidy(tmp_path / "h.csv", ["0.25", "1", "0", ""]))
    assert set(judgments.table["scale"]) == {"rating"}
    assert judgments.table["response"].tolist()[:3] == ["0.25", "1", "0"]
    np.testing.assert_array_equal(judgments.answers(), [0.25, 1, 0, np.nan])


def test_reads_other_options(tmp_path):
    path = tidy(tmp_path / "h.csv", ["Red", "blue", ""])
    table = Judgments.humans(path, options=("red", "green", "blue"), question="colour").table
    assert table["response"].tolist()[:2] == ["red", "blue"]
    assert set(table["scale"]) == {"choice"}
    assert set(table["question"]) == {"colour"}


def test_reads_each_question_by_its_own_answers(tmp_path):
    path = tmp_path / "h.csv"
    rows = [
        "p,1,will_fall,1",
        "p,1,block_count,3.0",
        "p,1,background_color,Grey",
        "p,1,red_block_row,None",
        "p,1,colors_top_to_bottom,Red; grey green",
        "p,2,will_fall,0",
        "p,2,block_count,20",
        "p,2,background_color,NA",
        "p,2,red_block_row,2",
        "p,2,colors_top_to_bottom,blue",
    ]
    rows = [row.replace("grey ", "cyan ") for row in rows]
    path.write_text("\n".join(["observer_id,stimulus_id,question,response", *rows]) + "\n")
    table = Judgments.humans(path).table
    assert table["response"].fillna("-").tolist() == [
        "yes",
        "3",
        "gray",
        "none",
        "red, cyan, green",
        "no",
        "20",
        "-",
        "2",
        "blue",
    ]
    assert table["scale"].tolist() == ["binary", "count", "choice", "choice", "sequence"] * 2
    assert table["probability"].isna().all()


@pytest.mark.parametrize(
    ("question", "response", "message"),
    [
        ("block_count", "2.5", r"a whole number from 0 in .*got '2\.5' in row 2; recode it"),
        ("background_color", "mauve", "white/gray/beige/blue/black in .*got 'mauve' in row 2"),
        ("colors_top_to_bottom", "red, mauve", "parted by commas, of red/.*got 'red, mauve'"),
    ],
)
def test_names_what_is_no_answer_to_its_question(tmp_path, question, response, message):
    path = tmp_path / "h.csv"
    rows = ["p,1,will_fall,1", f'p,1,{question},"{response}"']
    path.write_text("\n".join(["observer_id,stimulus_id,question,response", *rows]) + "\n")
    with pytest.raises(ValueError, match=message):
        Judgments.humans(path)


def test_counts_and_choices_of_a_model_have_no_probability_of_the_first(tmp_path):
    counted = Judgments.from_choices(
        "m", ["a", "b"], ["3", "12"], scale="count", question="block_count", wording=["plain", "x"]
    )
    counted.write(tmp_path / "j.csv")
    again = Judgments.read(tmp_path / "j.csv")
    assert again == counted
    assert again.table["response"].tolist() == ["3", "12"]
    assert again.table["wording"].tolist() == ["plain", "x"]
    assert again.table["probability"].isna().all()
    with pytest.raises(ValueError, match="to be yes or no, got '3'"):
        counted.answers()
    with pytest.raises(ValueError, match=r"expected two options, got 3 \(3, 12, 4\)"):
        counted.answers(options=("3", "12", "4"))


def test_tables_without_a_wording_can_still_be_read(tmp_path):
    table = example().table.drop(columns="wording")
    table.to_parquet(tmp_path / "old.parquet")
    assert Judgments.read(tmp_path / "old.parquet").table["wording"].isna().all()


def test_reads_a_spreadsheet_with_a_byte_order_mark(tmp_path):
    path = tidy(tmp_path / "h.csv", ["1"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(Judgments.humans(path)) == 1


def test_keeps_further_columns_of_a_tidy_table(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text("observer_id,stimulus_id,response,response_time_s,age\np,1,1,0.75,031\n")
    table = Judgments.humans(path).table
    assert table["response_time_s"].tolist() == [0.75]
    assert table["age"].tolist() == ["031"]


def test_a_gap_in_numeric_ids_leaves_them_whole(tmp_path):
    frame = pd.DataFrame({"observer_id": [1.0, 2.0], "stimulus_id": [7, 8], "response": [1, 0]})
    frame.to_parquet(tmp_path / "h.parquet")
    table = Judgments.humans(tmp_path / "h.parquet").table
    assert table["observer_id"].tolist() == ["1", "2"]
    assert table["stimulus_id"].tolist() == ["7", "8"]


# --- mistakes -------------------------------------------------------------------------------------


def test_names_the_missing_column_and_those_there(tmp_path):
    path = tidy(tmp_path / "people.csv", ["1"], header="participant,stimulus_id,response")
    with pytest.raises(ValueError, match=r"`observer_id` in .*people\.csv`, got .*`participant`"):
        Judgments.humans(path)


def test_sees_semicolons(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text("observer_id;stimulus_id;response\np;1;1\n")
    with pytest.raises(ValueError, match="separate the columns by commas"):
        Judgments.humans(path)


def test_names_some_unknown_stimuli_and_counts_all(tmp_path):
    path = tidy(tmp_path / "people.csv", ["1"] * 9)
    with pytest.raises(ValueError, match=r"people\.csv`, got 8 unknown .*`001`, `002`.*, \.\.\."):
        Judgments.humans(path, stimuli=iter(["000", "x"]))


def test_names_the_unreadable_response_and_its_row(tmp_path):
    path = tidy(tmp_path / "h.csv", ["1", "maybe"])
    with pytest.raises(ValueError, match=r"yes/no, 1/0.*got 'maybe' in row 2"):
        Judgments.humans(path)


def test_wants_ratings_between_0_and_1(tmp_path):
    with pytest.raises(ValueError, match=r"got '73' in row 1; .*top of its scale"):
        Judgments.humans(tidy(tmp_path / "h.csv", ["73"]))


def test_names_a_repeated_judgment(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text("observer_id,stimulus_id,response\np,7,1\np,8,1\np,7,0\n")
    with pytest.raises(ValueError, match="got 1 more, first: observer `p`, stimulus `7`"):
        Judgments.humans(path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("observer_kind", "robot", r"one of human, model, simulated.*got 'robot' in row 1"),
        ("scale", "likert", "got 'likert'"),
        ("probability", 1.5, r"in \[0, 1\].*got 1\.5 in row 1"),
        ("probability", "high", "numbers in column `probability`.*got 'high' in row 1"),
        ("stimulus_id", None, "`stimulus_id` in every row.*none in row 1"),
    ],
)
def test_refuses_values_outside_their_domain(column, value, message):
    row = {"observer_id": "p", "stimulus_id": "1", "response": "yes"} | {column: value}
    with pytest.raises(ValueError, match=message):
        Judgments(pd.DataFrame([row]))


def test_missing_file_and_wrong_suffix(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv`, got no such file"):
        Judgments.read(tmp_path / "nothing.csv")
    with pytest.raises(ValueError, match=r"ending in \.parquet, \.csv or \.tsv, got .*x\.xlsx"):
        Judgments.read(tmp_path / "x.xlsx")


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 0.5, 0.9, 0.999])
def test_a_truncated_parquet_file_is_named(tmp_path, keep):
    path = tmp_path / "judgments.parquet"
    example().write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(ValueError, match=r"readable \.parquet table in .*judgments\.parquet"):
        Judgments.read(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00bad", b"a,b\n1,2,3\n4\n5,6,7,8\n"])
def test_a_damaged_text_file_is_named(tmp_path, content):
    path = tmp_path / "h.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"h\.csv"):
        Judgments.read(path)


# --- putting together and taking apart ------------------------------------------------------------


def test_concatenates_models_and_people(tmp_path):
    people = Judgments.humans(tidy(tmp_path / "h.csv", ["1", "0"]))
    both = Judgments.concat([example(), people])
    assert len(both) == len(ODD_IDS) + 2
    humans, others = both.split_people()
    assert humans.names("observer_id") == ["p0", "p1"]
    assert others.names("observer_id") == ["tiny"]
    assert "room" in both.table
    assert Judgments.concat([Judgments.read(_written(both, tmp_path))]) == both


def _written(judgments, folder):
    judgments.write(folder / "both.parquet")
    return folder / "both.parquet"


def test_concatenating_nothing_gives_an_empty_table(tmp_path):
    empty = Judgments.concat([])
    assert len(empty) == 0
    empty.write(tmp_path / "empty.parquet")
    assert len(Judgments.read(tmp_path / "empty.parquet")) == 0


def test_concatenating_the_same_judgment_twice_is_refused():
    with pytest.raises(ValueError, match="the concatenation, got 10 more"):
        Judgments.concat([example(), example()])


def test_selects_and_lets_an_open_question_answer_any(tmp_path):
    people = Judgments.humans(tidy(tmp_path / "h.csv", ["1"]))
    assert len(people.select(question="will_fall")) == 1
    assert len(example().select(question="other")) == 0
    with pytest.raises(KeyError, match="got `colour`"):
        example().select(colour="red")


def test_fills_in_the_truth_where_it_is_empty():
    filled = Judgments.from_model("m", ["a", "b"], [0.5, 0.5], truth=["no", None])
    assert filled.with_truth({"a": "yes", "b": "yes"}).table["truth"].tolist() == ["no", "yes"]


def test_the_table_is_a_copy():
    judgments = example()
    table = judgments.table
    table.loc[0, "response"] = "changed"
    assert judgments == example()


def test_responses_outside_the_options_are_named():
    table = pd.DataFrame({"observer_id": ["p"], "stimulus_id": ["1"], "response": ["red"]})
    with pytest.raises(ValueError, match="to be yes or no, got 'red'"):
        Judgments(table).answers()


def test_reads_the_real_tables(lerer_towers):
    people = Judgments.humans(lerer_towers / "human_judgments.csv")
    assert repr(people) == "Judgments(10700 rows, 107 observers, 100 stimuli)"
    models = Judgments.tidy(lerer_towers / "model_judgments.csv", observer_kind="model")
    assert int(models.table["response"].isna().sum()) == 1
