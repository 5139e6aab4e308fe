"""The floors of the house, read from the imports of both languages, and its sizes.

This file is the architecture document: what may import what stands in the tables below, and a
change that needs another door changes a table here first.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cogtrain"
CORE = ROOT / "rust" / "cogtrain-core" / "src"
BINDING = ROOT / "rust" / "cogtrain-py" / "src"

# The two wings meet only in a stimulus set ("give me stimulus i"), which is ground.
MAKING = {"scene", "physics", "render", "style", "task", "recipe", "generate"}
SERVING = {"codec", "encoded", "photographs", "preprocess", "shard", "loader"}
GROUND = {"error", "fuzz", "image", "naming", "rng", "simd", "stimulus"}

# Python rooms: who must not know whom. A room is a file or folder directly under `cogtrain`.
FORBIDDEN = {
    "training": {"study"},
    "data": {"models", "training", "evaluation", "metrics", "study"},
    "models": {"data", "training", "evaluation", "metrics"},
    "evaluation": {"training", "data", "models", "audit", "people", "study"},
    # Runs of a study are processes; it knows their declarations and what they leave behind.
    "study": {"training", "models", "people", "audit"},
    "metrics": {"training", "data", "models", "evaluation", "people"},
    "judgments": {"training", "data", "models", "evaluation", "people"},
    "judgment_table": {"training", "data", "models", "evaluation", "people", "judgments"},
    "people": {"training", "data", "models", "evaluation", "metrics", "audit", "stimuli"},
    "stimuli": {"training", "data", "models", "evaluation", "metrics", "judgments"},
    "control": {"training", "data", "models", "evaluation", "metrics", "judgments"},
    "shown": {"training", "data", "models", "evaluation", "metrics", "judgments", "control"},
    "photographs": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "webdataset": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "image_column": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "shard_cache": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "multimodal": {"training", "data", "models", "evaluation", "metrics"},
    "sheet": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "palette": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "audit": {"training", "data", "models", "evaluation", "judgments"},
    "rendering": {"training", "data", "models", "evaluation", "metrics", "judgments"},
    "frames": {"training", "data", "models", "evaluation", "metrics", "judgments"},
    "datasheet": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
    "stimulus_table": {"training", "data", "models", "evaluation", "metrics", "judgments"},
    "observers": {"training", "data", "models", "evaluation", "metrics"},
    "prompts": {"training", "data", "models", "evaluation", "metrics", "judgments", "stimuli"},
}
NO_DRAWERS = {"utils", "util", "common", "helpers", "helper", "base", "misc"}
MAX_FILE, MAX_FUNCTION = 400, 60


def _python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _rust_files(source: Path) -> list[Path]:
    return sorted(source.rglob("*.rs"))


def _sources() -> list[Path]:
    """Every hand-written source file, tests and benchmarks included."""
    roots = ["cogtrain", "tests", "benchmarks", "examples", "rust"]
    return [
        path
        for root in roots
        for path in sorted((ROOT / root).rglob("*"))
        if path.suffix in {".py", ".pyi", ".rs"} and "target" not in path.relative_to(ROOT).parts
    ]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- Python -------------------------------------------------------------------------------------


def _python_imports(path: Path) -> set[str]:
    """Dotted names of `cogtrain` that a file imports, inside functions and type checks too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "cogtrain"}


def _rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in _python_imports(path) if "." in name}


@pytest.mark.parametrize("path", _python_files(), ids=_name)
def test_python_rooms_keep_apart(path: Path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    met = _rooms(path) & FORBIDDEN.get(room, set())
    assert not met, f"{_name(path)} imports {sorted(met)}, which `{room}` must not know"


@pytest.mark.parametrize("path", _python_files(), ids=_name)
def test_nothing_imports_the_command_line(path: Path):
    if path.name != "__main__.py":
        assert "cli" not in _rooms(path), f"{_name(path)} imports cogtrain.cli"


# --- Rust ---------------------------------------------------------------------------------------


def _without_tests(text: str) -> str:
    """Rust source up to its inline test module, which may look into the other wing."""
    return re.split(r"^#\[cfg\(test\)\]", text, maxsplit=1, flags=re.MULTILINE)[0]


def _blank(text: str) -> str:
    """Rust source with comments, strings and characters emptied, lines kept."""
    token = re.compile(
        r"//[^\n]*|/\*.*?\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\.[^']*|[^'\\])'",
        re.DOTALL,
    )
    return token.sub(lambda found: "\n" * found[0].count("\n"), text)


def _module_path(path: Path) -> list[str]:
    parts = list(path.relative_to(CORE).with_suffix("").parts)
    return [part for part in parts if part not in {"mod", "lib"}]


def _heads(tree: str) -> Iterator[str]:
    """First name of each branch of a use-tree: `{a::b, C}` gives a and C; `a::b` gives a."""
    if not tree.startswith("{"):
        yield tree.split("::")[0].split()[0]
        return
    depth, branch = 0, ""
    for letter in tree[1:-1] + ",":
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if branch.strip():
                yield branch.strip().split("::")[0].split()[0]
            branch = ""
        else:
            branch += letter


def _braced(text: str, start: int) -> str:
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[start : end + 1]
    return text[start:]


def _crate_names(path: Path) -> set[str]:
    """Names directly under the crate root that a Rust file mentions."""
    text = _blank(_without_tests(path.read_text(encoding="utf-8")))
    found: set[str] = set()
    for match in re.finditer(r"\b(crate|(?:super::)*super)::(\{|\w+)", text):
        ups = 0 if match[1] == "crate" else match[1].count("super")
        if ups and ups < len(_module_path(path)):
            continue  # stays inside its own module
        tree = _braced(text, match.start(2)) if match[2] == "{" else match[2]
        found |= set(_heads(tree))
    return found


def _reexports() -> dict[str, str]:
    """Public name at the crate root → the module that it comes from."""
    text = _blank((CORE / "lib.rs").read_text(encoding="utf-8"))
    homes: dict[str, str] = {}
    for module, tree in re.findall(r"pub use (?:crate::|self::)?(\w+)::([^;]+);", text):
        homes |= dict.fromkeys(re.findall(r"\w+", tree), module)
    return homes


@pytest.mark.parametrize("path", _rust_files(CORE), ids=_name)
def test_rust_wings_keep_apart(path: Path):
    parts = _module_path(path)
    if not parts or parts[0] not in MAKING | SERVING | GROUND:
        assert not parts, f"`{parts[0]}` is on no floor; say in this test which wing it belongs to"
        return
    closed = {
        **dict.fromkeys(MAKING, SERVING),
        **dict.fromkeys(SERVING, MAKING),
        **dict.fromkeys(GROUND, MAKING | SERVING),
    }[parts[0]]
    homes = _reexports()
    met = {homes.get(name, name) for name in _crate_names(path)} & closed
    assert not met, f"{_name(path)} imports {sorted(met)} from the other wing"


def test_the_core_does_not_know_python():
    manifest = (CORE.parent / "Cargo.toml").read_text(encoding="utf-8")
    assert not re.search(r"^(pyo3|numpy)\b", manifest, re.MULTILINE)


def test_the_binding_stays_thin():
    def size(folder: Path) -> int:
        return sum(
            len(path.read_text(encoding="utf-8").splitlines()) for path in _rust_files(folder)
        )

    rust, binding = size(ROOT / "rust"), size(BINDING)
    assert binding <= 0.15 * rust, f"binding {binding} lines of {rust} in all"


# --- Sizes and names ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", _sources(), ids=_name)
def test_no_file_is_a_drawer_or_a_hall(path: Path):
    assert path.stem not in NO_DRAWERS, f"{_name(path)}: name the file for the noun it holds"
    text = path.read_text(encoding="utf-8")
    lines = len((_without_tests(text) if path.suffix == ".rs" else text).splitlines())
    assert lines <= MAX_FILE, f"{_name(path)} has {lines} lines, at most {MAX_FILE} fit in a head"


def _python_functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            is_documented = ast.get_docstring(node) is not None
            words = (first.end_lineno or 0) - first.lineno + 1 if is_documented else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - words


def _rust_functions(path: Path) -> Iterator[tuple[str, int]]:
    text = _blank(path.read_text(encoding="utf-8"))
    for match in re.finditer(r"\bfn (\w+)[^;{}]*\{", text):
        body = _braced(text, match.end() - 1)
        yield match[1], (match[0] + body[1:]).count("\n") + 1


@pytest.mark.parametrize("path", _sources(), ids=_name)
def test_functions_fit_on_a_screen(path: Path):
    functions = _rust_functions(path) if path.suffix == ".rs" else _python_functions(path)
    long = [f"{name} ({lines})" for name, lines in functions if lines > MAX_FUNCTION]
    assert not long, f"{_name(path)}: {', '.join(long)} exceed {MAX_FUNCTION} lines"
