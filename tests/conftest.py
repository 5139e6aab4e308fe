"""What every test stands on: no network, no screen, fixed examples, and the real photographs."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Set before anything reads them. Nothing here may reach for the network.
os.environ.update(HF_HUB_OFFLINE="1", WANDB_MODE="offline", WANDB_SILENT="true", MPLBACKEND="Agg")

# The same examples in every run, and no clock: a slow machine is not a wrong program.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def lerer_towers() -> Path:
    """Folder of the 100 real photographs and their judgments; named by COGTRAIN_LERER."""
    fallback = ROOT.parent / "shared" / "data" / "lerer_towers"
    folder = Path(os.environ.get("COGTRAIN_LERER", fallback))
    if not (folder / "stimuli.csv").is_file():
        pytest.skip(f"needs the photographs of real towers, none at {folder}; set COGTRAIN_LERER")
    return folder


@pytest.fixture(scope="module")
def two_workers():
    """A Ray cluster of two CPUs on this machine; gone after the module, with all its processes."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'cogtrain[ray]'")
    from cogtrain.cluster import connect

    with connect("local", cpus=2) as cluster:
        yield cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips GPU tests cleanly where there is none; torch is imported only if one was collected."""
    wanted = [item for item in items if item.get_closest_marker("gpu")]
    if not wanted:
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, found none"))
