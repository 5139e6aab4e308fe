"""Local: processes of this machine, each with its GPUs and its share of threads."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cogtrain.environment import usable_threads
from cogtrain.study.engine import Ended
from cogtrain.study.process import LOOK_EVERY_S, Job, RunProcess


class Local:
    """Places processes on this machine.

    Args:
        slots: Per process at a time the environment variables that it gets.
    """

    def __init__(self, slots: Sequence[Mapping[str, str]]) -> None:
        self.slots = slots
        self._at_work: dict[int, RunProcess] = {}  # by slot

    def has_room(self) -> bool:
        """Whether a slot is free."""
        return len(self._at_work) < len(self.slots)

    def begin(self, job: Job) -> str:
        """Starts the process of a job; returns its number.

        Raises:
            BusyError: If another process is at work on its run.
        """
        slot = next(each for each in range(len(self.slots)) if each not in self._at_work)
        process = RunProcess(replace(job, environ={**job.environ, **self.slots[slot]}))
        self._at_work[slot] = process
        return f"process {process.pid}"

    def ended(self) -> list[Ended]:
        """Jobs whose processes have ended."""
        time.sleep(LOOK_EVERY_S)
        polled = {slot: process.poll() for slot, process in self._at_work.items()}
        done = {slot: record for slot, record in polled.items() if record is not None}
        return [Ended(self._at_work.pop(slot).job, record) for slot, record in done.items()]

    def stop(self) -> None:
        """Asks all to stop at their next step, and waits for them."""
        for process in self._at_work.values():
            process.stop()
        for process in self._at_work.values():
            process.wait()
        self._at_work.clear()


def slots(
    processes: int, devices: int, *, environ: Mapping[str, str] = os.environ, gpus: int = 0
) -> list[dict[str, str]]:
    """Environment of each of several processes: its GPUs, its share of threads.

    Args:
        processes: Runs at a time.
        devices: GPUs of each; 0 for runs on the CPU.
        environ: Variables of this process: what it may see is dealt out.
        gpus: Of the machine, where `CUDA_VISIBLE_DEVICES` does not name them.

    Raises:
        ValueError: For no process, or more than there are GPUs for.
    """
    if processes < 1:
        raise ValueError(f"expected `processes` to be at least 1, got {processes}; give 1")
    if processes == 1:
        return [{}]
    listed = environ.get("CUDA_VISIBLE_DEVICES")
    visible = [str(each) for each in range(gpus)] if listed is None else listed.split(",")
    visible = [each for each in visible if each]
    share = {"OMP_NUM_THREADS": str(max(1, usable_threads() // processes))}
    if "OMP_NUM_THREADS" in environ:
        share = {}
    if not devices or not visible:
        return [dict(share) for _ in range(processes)]
    if processes * devices > len(visible):
        raise ValueError(
            f"expected a GPU for each device of {processes} processes ({processes * devices}), got "
            f"{len(visible)}; give --processes {max(1, len(visible) // devices)}"
        )
    dealt = [visible[slot * devices : (slot + 1) * devices] for slot in range(processes)]
    return [share | {"CUDA_VISIBLE_DEVICES": ",".join(own)} for own in dealt]
