"""The loader under bad luck: damaged files, forks, Ctrl-C, disks that do not answer."""

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from cogtrain import Batch, Loader, StimulusSet, _core


def ids(batches: Iterable[Batch]) -> list[str]:
    return [stimulus_id for batch in batches for stimulus_id in batch.ids]


@pytest.mark.parametrize("damage", ["truncated", "corrupt", "missing"])
def test_a_bad_image_is_named_at_its_turn(tmp_path: Path, damage: str) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(12)]
    for path in paths:
        Image.new("RGB", (8, 8), (1, 2, 3)).save(path)
    source = _core.Source.photographs([path.stem for path in paths], paths, [{}] * 12)
    content = paths[7].read_bytes()
    if damage == "truncated":
        paths[7].write_bytes(content[:-20])
    elif damage == "corrupt":
        paths[7].write_bytes(b"not an image")
    else:
        paths[7].unlink()
    loader = Loader(StimulusSet("bad", source), batch_size=3, seed=0, shuffle=False, threads=4)
    stream = iter(loader)
    assert [next(stream).ids[0] for _ in range(2)] == ["0", "3"]
    expected = FileNotFoundError if damage == "missing" else _core.CorruptImageError
    for _ in range(2):
        with pytest.raises(expected, match=r"7\.png"):
            next(stream)
    assert loader.state_dict()["consumed"] == 6
    paths[7].write_bytes(content)
    assert [batch.ids[0] for batch in stream] == ["6", "9"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, this system has none")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_continues_the_same_sequence(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=4, seed=2, threads=3)
    stream = iter(loader)
    next(stream)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # In the child: no assertion may leave this branch.
        try:
            os.write(writer, " ".join(ids(stream)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        theirs = pipe.read().split()
    assert os.waitpid(child, 0)[1] == 0
    assert theirs == ids(stream)
    assert len(theirs) == 52  # 53 stimuli fill 14 batches of 4, one of them taken before.


class SlowFile:
    """An image behind a named pipe: who reads it waits until it is fed."""

    def __init__(self, folder: Path) -> None:
        path = folder / "x.png"
        Image.new("RGB", (8, 8)).save(path)
        self.content = path.read_bytes()
        self.stimuli = StimulusSet("slow", _core.Source.photographs(["x"], [path], [{}]))
        path.unlink()
        os.mkfifo(path)
        self.path = path

    def wait_for_reader(self) -> int:
        """Descriptor to write to; opening a pipe returns when someone reads it."""
        return os.open(self.path, os.O_WRONLY)

    def feed(self, descriptor: int) -> None:
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.content)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, even where the suite was begun in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_interrupts_a_wait_and_loses_nothing(tmp_path: Path) -> None:
    slow = SlowFile(tmp_path)
    loader = Loader(slow.stimuli, batch_size=1, seed=0)
    stream = iter(loader)
    descriptors: list[int] = []

    def interrupt() -> None:
        descriptors.append(slow.wait_for_reader())
        signal.raise_signal(signal.SIGINT)

    presser = threading.Thread(target=interrupt)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    presser.join()
    assert loader.state_dict()["consumed"] == 0
    slow.feed(descriptors[0])
    assert next(stream).ids == ["x"]


def test_a_pass_that_is_stuck_can_be_given_up(tmp_path: Path) -> None:
    slow = SlowFile(tmp_path)
    loader = Loader(slow.stimuli, batch_size=1, seed=0)
    state = loader.state_dict()
    stream = iter(loader)

    def wait() -> None:
        with pytest.raises(ValueError, match="the newest of its loader"):
            next(stream)

    waiter = threading.Thread(target=wait)
    waiter.start()
    descriptor = slow.wait_for_reader()
    loader.load_state_dict(state)  # Gives up the pass, and with it the stuck thread.
    waiter.join()
    assert loader.state_dict() == state
    slow.feed(descriptor)


def test_other_threads_run_while_one_waits(tmp_path: Path) -> None:
    slow = SlowFile(tmp_path)
    loader = Loader(slow.stimuli, batch_size=1, seed=0)
    taken: list[str] = []
    waiter = threading.Thread(target=lambda: taken.extend(next(iter(loader)).ids))
    waiter.start()
    descriptor = slow.wait_for_reader()
    assert loader.state_dict()["consumed"] == 0
    slow.feed(descriptor)
    waiter.join()
    assert taken == ["x"]
    assert loader.state_dict()["consumed"] == 1


def read_together(stream: Iterator[Batch], readers: int) -> list[list[str]]:
    """Ids of the batches that threads take from one pass."""
    taken: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: taken.extend(batch.ids for batch in stream))
        for _ in range(readers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def test_threads_may_share_a_pass(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=2, seed=0)
    start = loader.state_dict()
    expected = sorted(batch.ids for batch in loader)
    for _ in range(5):
        loader.load_state_dict(start)
        assert sorted(read_together(iter(loader), 4)) == expected
        assert loader.state_dict()["consumed"] == len(photographs)
