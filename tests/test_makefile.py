"""When `make install` builds the core, and when it builds the JPEG library anew."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("make", "sh", "find", "sort", "grep")
INPUTS = ("pyproject.toml", "Cargo.toml", "Cargo.lock", "requirements.lock", ".venv/pyvenv.cfg")
CONFIGURED = "target/release/build/mozjpeg-sys-0/out/include/jconfig.h"
AGAIN = 'nasm >/dev/null && [ -n "{}" ]'

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make")


class Checkout:
    """Only what `make install` looks at, and a path on which there is no nasm."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "path"
        for name in (*INPUTS, "rust/src/lib.rs", CONFIGURED, "path/tool"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        shutil.copy(ROOT / "Makefile", folder)
        for name in TOOLS:
            (self.path / name).symlink_to(shutil.which(name) or name)
        for stamp in (".stamp-requirements", ".stamp-core"):
            (folder / ".venv" / stamp).touch()

    def would(self) -> str:
        """What `make install` would run."""
        return subprocess.run(
            ["make", "--dry-run", "install"],
            cwd=self.folder,
            env={"PATH": str(self.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def offer_nasm(self) -> None:
        nasm = self.path / "nasm"
        nasm.touch(mode=0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_nothing_is_built_twice(checkout: Checkout):
    assert "maturin" not in checkout.would()
    checkout.offer_nasm()
    (checkout.folder / ".venv/.stamp-core-nasm").touch()
    assert "maturin" not in checkout.would()


def test_nasm_that_came_later_is_used(checkout: Checkout):
    checkout.offer_nasm()
    told = checkout.would()
    assert "maturin develop" in told
    assert AGAIN.format(CONFIGURED) in told


def test_a_library_with_its_assembler_is_kept(checkout: Checkout):
    (checkout.folder / CONFIGURED).write_text("#define WITH_SIMD 1\n")
    checkout.offer_nasm()
    told = checkout.would()
    assert "maturin develop" in told
    assert AGAIN.format("") in told
