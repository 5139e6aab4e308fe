"""Memory of batches: lent without a copy, used again, bounded; and what the threads count."""

import gc
import os
import signal
import threading

import numpy as np
import pytest
import torch

from cogtrain import Loader, Preprocess, StimulusSet

IMAGE_BYTES = 28 * 28 * 3


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_arrays_lie_on_cache_lines_and_leave_by_dlpack_without_a_copy() -> None:
    towers = StimulusSet.recipe(count=5, size_px=56)
    batch = next(iter(Loader(towers, batch_size=5, seed=0, preprocess=Preprocess.qwen2_vl())))
    images = next(iter(Loader(towers, batch_size=5, seed=0))).images
    for array in (batch.arrays["pixel_values"], images):
        assert address(array) % 64 == 0
        assert array.flags.writeable
        tensor = torch.from_dlpack(array)
        assert tensor.data_ptr() == address(array)
        assert tensor.shape == array.shape
        again = np.from_dlpack(tensor)
        assert np.shares_memory(again, array)


def test_memory_outlives_its_batch_and_is_used_again_once_let_go(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=4, seed=0, threads=1)
    stream = iter(loader)
    batch = next(stream)
    tensor = torch.from_numpy(batch.images)
    expected = batch.images.copy()
    del batch
    kept = [each.images for each in stream]
    assert len({address(each) for each in kept}) == len(kept), "what is held is not used again"
    np.testing.assert_array_equal(tensor.numpy(), expected)
    assert loader.statistics()["pool"]["lent_bytes"] == len(loader) * 4 * IMAGE_BYTES
    del tensor, kept
    gc.collect()
    assert loader.statistics()["pool"]["lent_bytes"] == 0
    before = loader.statistics()["pool"]["allocated"]
    for _ in range(10):
        for batch in loader:
            assert batch.images.any()
    assert loader.statistics()["pool"]["allocated"] <= before + 4
    assert loader.statistics()["pool"]["free_bytes"] < 5 * (4 * IMAGE_BYTES + 64)


def test_a_bound_on_bytes_changes_no_batch(photographs: StimulusSet) -> None:
    expected = [batch.images for batch in Loader(photographs, batch_size=4, seed=0)]
    for max_bytes in (0, 5 * IMAGE_BYTES, 2**40):
        tight = Loader(photographs, batch_size=4, seed=0, threads=3, max_bytes=max_bytes)
        for images, batch in zip(expected, tight, strict=True):
            np.testing.assert_array_equal(batch.images, images)
        # An image and its place in the batch, for the oldest batch and for what threads are at.
        most = max_bytes + (4 + 3) * 2 * IMAGE_BYTES
        assert tight.statistics()["peak_in_flight_bytes"] <= most
        assert tight.statistics()["in_flight_bytes"] == 0


def test_counters_count_what_passed(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=4, seed=0, threads=2)
    fresh = loader.statistics()
    assert (fresh["threads"], fresh["batches"]) == (2, 0)
    list(loader)
    statistics = loader.statistics()
    assert statistics["batches"] == len(loader)
    for stage in ("make", "prepare", "deliver"):
        assert statistics[stage]["samples"] == len(loader) * 4
        assert statistics[stage]["bytes"] == len(loader) * 4 * IMAGE_BYTES
        assert statistics[stage]["wait_s"] >= 0
    assert statistics["make"]["busy_s"] > 0
    assert 0 < statistics["make"]["occupancy"] + statistics["prepare"]["occupancy"] <= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, this system has none")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forks_amid_other_threads_hang_nobody(photographs: StimulusSet) -> None:
    """Children are forked while another thread reads the loader and its threads work."""
    loader = Loader(photographs, batch_size=2, seed=2, threads=3)
    expected = [name for batch in Loader(photographs, batch_size=2, seed=2) for name in batch.ids]
    is_done = threading.Event()

    def read() -> None:
        while not is_done.is_set():
            for batch in loader:
                batch.images.sum()

    reader = threading.Thread(target=read)
    reader.start()
    state = Loader(photographs, batch_size=2, seed=2).state_dict()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:  # In the child: no assertion may leave this branch.
                signal.alarm(60)  # A hang is an error, not a wait.
                try:
                    loader.load_state_dict(state)
                    names = [name for batch in loader for name in batch.ids]
                    os._exit(0 if names == expected else 1)
                finally:
                    os._exit(2)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        is_done.set()
        reader.join()
