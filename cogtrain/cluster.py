"""A Ray cluster: connecting to one or starting one here, and noticing that it went away.

Ray is an optional extra. Left to itself, a program that loses its cluster hangs, or is ended a
minute later without a word that its user could act on; so whoever waits here asks `Cluster.check`.
"""

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cogtrain.complaint import UsageError

_ADDRESS = "RAY_ADDRESS"
_HERE = "local"
_CHECK_EVERY_S = 2.0
_PATIENCE_S = 5.0  # of one attempt to reach the cluster
_FORWARDED = ("COGTRAIN_", "HF_", "WANDB_")


class LostClusterError(RuntimeError):
    """The cluster is gone; what was at work on it continues with the same command."""


@dataclass
class Cluster:
    """A cluster that this process is connected to.

    Attributes:
        address: Host and port of its head.
        node: Id of the node that this process hangs on.
    """

    address: str
    node: str
    _checked_s: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Asks now and then whether the cluster still answers.

        Raises:
            LostClusterError: If it does not.
        """
        if time.monotonic() - self._checked_s < _CHECK_EVERY_S:
            return
        import ray

        host, _, port = self.address.rpartition(":")
        try:  # before Ray asks: without a head that would end this process
            socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
        except OSError:
            raise LostClusterError(self._lost("its head does not answer")) from None
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        if self.node not in alive:
            raise LostClusterError(self._lost("the node of this process is gone"))
        self._checked_s = time.monotonic()

    def results(self, tasks: Sequence[Any]) -> Iterator[Any]:
        """Tasks as they end.

        Raises:
            LostClusterError: If the cluster goes away.
        """
        import ray

        waiting = list(tasks)
        while waiting:
            done, waiting = ray.wait(waiting, timeout=0.5)
            yield from done
            self.check()

    def _lost(self, why: str) -> str:
        return (
            f"expected the Ray cluster at {self.address} until the end, got none: {why}; the same "
            "command goes on where this one was"
        )


@contextmanager
def connect(address: str | None = None, *, cpus: int = 1) -> Iterator[Cluster]:
    """A cluster for as long as the context lasts.

    Args:
        address: Of an existing one, `auto` for the one of this machine, `local` for a new one on
            this machine; left out, what the environment says (RAY_ADDRESS), or else `local`.
        cpus: CPU cores of a new one.

    Raises:
        UsageError: If Ray is not installed, or there is no such cluster.
    """
    ray = _imported()
    address = address or os.environ.get(_ADDRESS)
    quiet: Any = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    where: Any = {"address": address} if address not in (None, _HERE) else _new(cpus)
    try:
        ray.init(**where, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split("\n")[0].split())
        raise UsageError(
            f"expected a Ray cluster at `{address or 'this machine'}`, got none ({reason}); start "
            "one with `ray start --head`, or leave --address out for one on this machine"
        ) from None
    context = ray.get_runtime_context()
    try:
        yield Cluster(context.gcs_address, context.get_node_id())
    finally:
        ray.shutdown()


def _new(cpus: int) -> dict[str, Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call home
    as_our_own = {"worker_niceness": 0}
    where = {"address": _HERE, "num_cpus": cpus, "include_dashboard": False}
    return where | {"_system_config": as_our_own}


def _imported() -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError(
            "expected Ray for `--engine ray`, got none; install the extra: "
            "pip install 'cogtrain[ray]'"
        ) from None
    return ray


def forwarded(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a process on another machine needs of this one's environment.

    >>> forwarded({"WANDB_MODE": "offline", "HOME": "/home/me"})
    {'WANDB_MODE': 'offline'}
    """
    return {name: value for name, value in environ.items() if name.startswith(_FORWARDED)}
