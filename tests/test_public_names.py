"""The public face: every promised name, fetched from its home, none of it heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cogtrain

HEAVY = ("torch", "pandas", "transformers", "lightning", "scipy", "matplotlib", "wandb")


def imported_by(statement: str) -> list[str]:
    """Heavy packages that a fresh interpreter holds after ``statement``."""
    code = f"import sys\n{statement}\nprint(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("name", cogtrain.__all__)
def test_every_public_name_is_there(name: str):
    assert getattr(cogtrain, name) is not None
    assert name in dir(cogtrain)


def test_the_type_checker_sees_the_same_names():
    tree = ast.parse(Path(cogtrain.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in ast.walk(guarded) if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert sorted(homes) == cogtrain.__all__
    for name, home in homes.items():
        assert cogtrain._ELSEWHERE.get(name, "cogtrain._core") == home


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'cogtrain' has no attribute 'Lodaer'"):
        _ = cogtrain.Lodaer


def test_it_has_a_version():
    assert cogtrain.__version__.count(".") >= 2


def test_the_package_itself_imports_nothing_heavy():
    assert imported_by("import cogtrain") == []


def test_the_public_names_need_no_torch():
    names = ", ".join(cogtrain.__all__)
    assert "torch" not in imported_by(f"from cogtrain import {names}")
