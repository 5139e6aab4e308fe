"""What a benchmark found, with the command that found it and the machine that it ran on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(out: Path, command: str, found: Mapping[str, Any]) -> None:
    """Writes `found` beside command and machine as JSON; folders are made."""
    # Imported here: contestants of a race import only themselves.
    from cogtrain import environment

    record = {"command": command, "machine": environment.describe(), **found}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
