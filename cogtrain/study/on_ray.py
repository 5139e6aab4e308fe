"""OnRay: processes on the machines of a Ray cluster, which sees to it that each has its place."""

import signal
import time
from dataclasses import replace
from typing import Any

from cogtrain.cluster import Cluster, forwarded
from cogtrain.study.engine import Ended
from cogtrain.study.process import LOOK_EVERY_S, Job, RunProcess
from cogtrain.study.record import Record, StudyFolder

_STOP_S = 60.0


class OnRay:
    """Places each process as a Ray task.

    All machines see the study's folder, and this package, at the same path. Ray itself retries
    nothing: the engine does, whatever the placement.

    Args:
        cluster: That this process is connected to.
        cpus: CPU cores of a run.
        gpus: GPUs of a run.
    """

    def __init__(self, cluster: Cluster, *, cpus: int, gpus: int) -> None:
        import ray

        self.cluster = cluster
        self.cpus = cpus
        self._task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(carry_out)
        self._at_work: dict[Any, Job] = {}  # by task

    def has_room(self) -> bool:
        """Always: Ray holds what has no place yet."""
        return True

    def begin(self, job: Job) -> str:
        """Hands a job to Ray."""
        environ = {**forwarded(), "OMP_NUM_THREADS": str(self.cpus), **job.environ}
        folder = StudyFolder(job.folder.path.absolute())
        sent = replace(job, environ=environ, folder=folder)
        self._at_work[self._task.remote(sent)] = job
        return f"handed to the Ray cluster at {self.cluster.address}"

    def ended(self) -> list[Ended]:
        """Jobs whose tasks have ended.

        Raises:
            LostClusterError: If the cluster goes away.
        """
        import ray

        self.cluster.check()
        done, _ = ray.wait(list(self._at_work), timeout=LOOK_EVERY_S)
        return [self._ended(task) for task in done]

    def stop(self) -> None:
        """Asks all to stop at their next step, and waits for them a while."""
        import ray

        for task in self._at_work:
            ray.cancel(task)
        until_s = time.monotonic() + _STOP_S
        while self._at_work and time.monotonic() < until_s:
            self.ended()

    def _ended(self, task: Any) -> Ended:
        import ray
        from ray.exceptions import RayError

        job = self._at_work.pop(task)
        try:
            return Ended(job, ray.get(task))
        except RayError as error:  # the worker or its machine, or a lock it met
            reason = str(error).strip().splitlines()[-1]
            return Ended(job, None, reason)


def carry_out(job: Job) -> Record:
    """The whole of a job, on the machine that is to do it.

    Cancelled, it waits until the process has written its checkpoint.
    """
    # Ray cancels a task by a Ctrl-C in its process, which one that was begun in the background
    # (`study … &`) has been told to ignore.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = RunProcess(job)
    try:
        return process.wait()
    except BaseException:
        process.stop()
        process.wait()
        raise
