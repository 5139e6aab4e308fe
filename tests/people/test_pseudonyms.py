"""Names that stand for people and do not lead back to them."""

import hashlib
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogtrain.people.importing import import_people
from cogtrain.people.pseudonyms import Pseudonyms
from cogtrain.people.reading import Reading

SECRET = b"sixteen or more characters"
READING = Reading(answers={"will_fall": {"0": "yes", "1": "no"}})


def imported(path, pseudonyms, **reading):
    how = Reading(answers=READING.answers, **reading)
    return import_people(path, format="jspsych", pseudonyms=pseudonyms, reading=how)


@given(ids=st.lists(st.text(min_size=1), unique=True, min_size=2))
def test_the_same_person_has_the_same_name_and_others_have_others(ids):
    names = [Pseudonyms(SECRET).of(name) for name in ids]
    assert names == [Pseudonyms(SECRET).of(name) for name in ids]
    assert len(set(names)) == len(ids)
    assert not set(names) & {Pseudonyms(SECRET + b"!").of(name) for name in ids}


def test_a_dictionary_of_known_ids_does_not_lead_back(people):
    """Attack: every hash of every id that somebody could try without the secret."""
    names = {Pseudonyms(SECRET).of(person)[1:] for person in people}
    for person in people:
        tried = {
            hashlib.new(kind, text.encode()).hexdigest()
            for kind in ("md5", "sha1", "sha256", "blake2b", "blake2s")
            for text in (person, person.upper(), f"cogtrain.people{person}")
        }
        keyless = hashlib.blake2b(person.encode(), digest_size=8, person=b"cogtrain.people")
        tried.add(keyless.hexdigest())
        assert not any(guess.startswith(name) for guess in tried for name in names)


def test_a_name_is_never_a_number():
    names = [Pseudonyms(SECRET).of(str(n)) for n in range(200)]
    for name in names:
        with pytest.raises(ValueError, match="could not convert"):
            float(name)


def test_no_id_is_left_anywhere_in_table_or_report(save, people, tmp_path):
    result = imported(save(), Pseudonyms(SECRET), keep=["task"])
    for name in ("j.csv", "j.parquet"):
        result.judgments.write(tmp_path / name)
        written = (tmp_path / name).read_bytes()
        for person in people:
            assert person.encode() not in written
        assert SECRET not in written
    assert not any(person in str(result.report) for person in people)
    assert result.judgments.names("observer_id") == [Pseudonyms(SECRET).of(p) for p in people]


@pytest.mark.parametrize("column", ["subject_id", "link"])
def test_a_column_that_tells_who_somebody_is_cannot_be_kept(save, make_session, people, column):
    link = f"https://platform.example/?PROLIFIC_PID={people[0]}"
    folder = save({people[0]: make_session(people[0], link=link)})
    with pytest.raises(
        ValueError, match=f"column `{column}` to tell nothing .*do not keep it"
    ) as caught:
        imported(folder, Pseudonyms(SECRET), keep=[column])
    assert people[0] not in str(caught.value)
    assert len(imported(folder, None, keep=[column]).judgments) == 8


def test_sessions_are_kept_only_if_asked_for(save, make_session, people):
    folder = save({people[0]: make_session(people[0], session="S-1")})
    assert imported(folder, None).judgments.table["session"].isna().all()
    table = imported(folder, None, columns={"session": "session"}).judgments.table
    assert set(table["session"]) == {"S-1"}


def test_a_secret_is_drawn_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "new" / "salt"
    first = Pseudonyms.of_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().strip()) == 64
    assert Pseudonyms.of_file(path).of("p") == first.of("p")
    assert Pseudonyms.of_file(tmp_path / "other").of("p") != first.of("p")


@pytest.mark.parametrize("text", ["", "\n", "short", "x" * 65])
def test_what_is_no_secret_is_refused_without_telling_it(tmp_path, text):
    path = tmp_path / "salt"
    path.write_text(text)
    length = len(text.strip())
    with pytest.raises(
        ValueError, match=rf"16 to 64 characters in .*salt`, got {length}; "
    ) as caught:
        Pseudonyms.of_file(path)
    assert "short" not in str(caught.value)
