"""Where a run's numbers come from: versions, fingerprints, commit, machine."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cogtrain.environment import describe
from cogtrain.stimuli import StimulusSet

FORMAT = 1


def write_manifest(
    path: Path, *, sets: Mapping[str, Sequence[StimulusSet]], model: Mapping[str, Any]
) -> None:
    """Writes ``manifest.json`` aside and renames it, so that readers never see half of it.

    Args:
        path: File to write.
        sets: The run's stimulus sets by part (`train`, `val`, `test`).
        model: What identifies the model: `pretrained`, `fingerprint`, parameter counts, attention.
    """
    environment = describe()
    record = {
        "format": FORMAT,
        "command": sys.argv[1:],
        "versions": environment.pop("versions"),
        "git_commit": git_commit(),
        "hardware": environment,
        "model": dict(model),
        "sets": {part: [_describe(member) for member in members] for part, members in sets.items()},
    }
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)


def git_commit() -> str | None:
    """Commit of the working folder, ending in `-dirty` if it has changes; nothing outside one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _describe(member: StimulusSet) -> dict[str, Any]:
    return {"name": member.name, "fingerprint": member.fingerprint, "count": len(member)}
