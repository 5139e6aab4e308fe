"""What the machine grants, read from files of known content."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cogtrain import StimulusSet, _core, environment


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("quota", "threads"),
    [
        ("100000 100000", 1),
        ("150000 100000", 1),  # a part of a core runs no thread of its own
        ("50000 100000", 1),  # and yet one thread there is always
        ("max 100000", None),
        ("99900000 100000", None),  # more than the machine has
        ("nonsense", None),
    ],
)
def test_threads_follow_the_quota_of_cgroup_2(tmp_path: Path, quota: str, threads: int | None):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert environment.usable_threads(tmp_path) == (threads or cores())


@pytest.mark.parametrize(("quota", "threads"), [("100000", 1), ("-1", None)])
def test_threads_follow_the_quota_of_cgroup_1(tmp_path: Path, quota: str, threads: int | None):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert environment.usable_threads(tmp_path) == (threads or cores())


def test_without_cgroups_all_cores_are_ours(tmp_path: Path):
    assert environment.usable_threads(tmp_path / "none") == cores()


def test_the_description_is_plain_and_complete():
    facts = environment.describe()
    assert facts["versions"]["numpy"]
    assert facts["usable_threads"] >= 1
    assert isinstance(facts["gpus"], list)


@pytest.mark.parametrize("asked", [*_core.instruction_sets(), "avx1024", None])
def test_an_instruction_set_can_be_chosen_and_changes_no_byte(asked: str | None):
    code = (
        "import hashlib; from cogtrain import StimulusSet, _core, environment;"
        "pixels = b''.join(s.image.tobytes() for s in StimulusSet.recipe(count=4, size_px=64));"
        "assert environment.describe()['instruction_set'] == _core.instruction_set();"
        "print(_core.instruction_set(), hashlib.sha256(pixels).hexdigest())"
    )
    environ = {name: value for name, value in os.environ.items() if name != "COGTRAIN_SIMD"}
    environ |= {} if asked is None else {"COGTRAIN_SIMD": asked}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    used, found = run.stdout.split()
    assert used == (asked if asked in _core.instruction_sets() else _core.instruction_sets()[-1])
    pixels = b"".join(s.image.tobytes() for s in StimulusSet.recipe(count=4, size_px=64))
    assert found == hashlib.sha256(pixels).hexdigest()


def test_a_missing_package_is_said_so(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package-here"))
    assert environment.versions()["no-such-package-here"] is None
    assert "no-such-package-here  not installed" in environment.table()


@pytest.mark.parametrize(
    ("has", "told"), [(True, "yes"), (False, "no; decoding JPEG takes about 2.5 times as long")]
)
def test_says_how_photographs_are_decoded(monkeypatch, has: bool, told: str):
    assert environment.describe()["jpeg_assembler"] is _core.jpeg_assembler()
    monkeypatch.setattr(_core, "jpeg_assembler", lambda: has)
    line = next(row for row in environment.table().splitlines() if row.startswith("jpeg assembler"))
    assert line.split("  ", 1)[1].strip().startswith(told)
