"""The examples run as they stand and say what they promise."""

import subprocess
import sys
from pathlib import Path


def test_batches_with_numpy_alone(repository: Path, tmp_path: Path) -> None:
    script = f"""
import runpy, sys
runpy.run_path({str(repository / "examples" / "load_batches.py")!r}, run_name="__main__")
assert "torch" not in sys.modules
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("(2048, 1176) patches")
    assert lines[-1] == "two ranks continue the same sequence: True"
