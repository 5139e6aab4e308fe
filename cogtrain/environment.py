"""What this process runs on: versions, hardware, and the share of it that it may use."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cogtrain import _core

PACKAGES = (
    "cogtrain",
    "numpy",
    "torch",
    "lightning",
    "transformers",
    "peft",
    "torchmetrics",
    "jsonargparse",
    "wandb",
    "pandas",
    "pyarrow",
    "pillow",
)
NO_ASSEMBLER = (
    "decoding JPEG takes about 2.5 times as long, to the same bits; on x86, install nasm and run "
    "`make install`"
)
_CGROUP = Path("/sys/fs/cgroup")


def describe() -> dict[str, Any]:
    """Versions and hardware as plain values, for people, manifests and benchmark files.

    Costs a few milliseconds and imports nothing heavy: versions are read from package metadata,
    graphics cards from their driver's own tool.
    """
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "processor": processor(),
        "instruction_set": _core.instruction_set(),
        "jpeg_assembler": _core.jpeg_assembler(),
        "cores": os.cpu_count(),
        "usable_threads": usable_threads(),
        "memory_gib": memory_gib(),
        "gpus": gpus(),
    }


def versions() -> dict[str, str | None]:
    """Version of Python and of each package that decides results; ``None`` if not installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def usable_threads(cgroup: Path = _CGROUP) -> int:
    """How many threads can run at once: the smaller of CPU affinity and cgroup quota, at least 1.

    A container with a quota still sees every core of its machine; a pool sized by the core count
    is then throttled.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, cores if quota is None else min(cores, int(quota)))


def processor() -> str:
    """Name of the processor as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def memory_gib() -> float | None:
    """Physical memory in GiB, ``None`` where the system does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


def gpus() -> list[str]:
    """Names of the graphics cards, empty without an NVIDIA driver."""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.strip()]


def table() -> str:
    """``describe`` as aligned lines."""
    facts = describe()
    rows = [(name, found or "not installed") for name, found in facts.pop("versions").items()]
    facts["gpus"] = ", ".join(facts["gpus"]) or "none"
    facts["jpeg_assembler"] = "yes" if facts["jpeg_assembler"] else f"no; {NO_ASSEMBLER}"
    rows += [(name.replace("_", " "), str(value)) for name, value in facts.items()]
    rows.append(("executable", sys.executable))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _quota(cgroup: Path) -> float | None:
    """CPUs granted by the cgroup (version 2, else 1); ``None`` if unlimited or unknown."""
    try:
        if (cgroup / "cpu.max").exists():
            limit, period = (cgroup / "cpu.max").read_text().split()
        else:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        granted = float(limit) / float(period)
    except (OSError, ValueError):  # "max" is no number: no limit
        return None
    return granted if granted > 0 else None
