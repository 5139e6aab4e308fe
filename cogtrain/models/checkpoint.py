"""Where a checkpoint lives, and which one it is; no torch.

A checkpoint is a Hugging Face folder. A name is looked up in this order: the embedded default, a
folder on this machine, a repository of the model hub.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

EMBEDDED = "tiny"

# What belongs to a checkpoint; images, other frameworks' weights and demos stay on the hub.
_WANTED = ("*.json", "*.jinja", "*.txt", "*.model")
_WEIGHTS = "*.safetensors"

# The part of a checkpoint that is not the model.
_PROCESSOR = (
    "tokenizer*.json",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.*",
    "*preprocessor_config.json",
    "processor_config.json",
)

# Up to this size a weight file is read whole for its fingerprint. Beyond it, blocks spread evenly
# over the file stand for it: a fine-tune moves practically every weight, so no block misses it.
_WHOLE_BYTES = 64 * 2**20
_BLOCKS = 256
_BLOCK_BYTES = 64 * 2**10

# Say how a checkpoint was stored, not what it computes.
_INCIDENTAL = frozenset(
    {"transformers_version", "_name_or_path", "dtype", "torch_dtype", "use_cache"}
)


def folder(name: str, *, weights: bool = True) -> Path:
    """Folder of the checkpoint called ``name``; a hub name is downloaded once and then kept.

    Args:
        name: ``"tiny"``, a path, or ``owner/repository`` on the model hub.
        weights: Whether they are needed; without, none are downloaded or looked for.

    Raises:
        FileNotFoundError: If it is none of these, or the hub cannot be reached and nothing is kept.

    >>> folder("tiny").name
    'tiny'
    """
    if name == EMBEDDED:
        return Path(__file__).parent / "tiny"
    path = Path(name).expanduser()
    if name and path.is_dir():
        return _complete(path, weights)
    if path.exists() or not _is_hub_name(name):
        raise FileNotFoundError(
            f"expected a checkpoint (`{EMBEDDED}`, a folder, or a hub name `owner/repository`), "
            f"got `{name}`; check the spelling"
        )
    return _complete(_snapshot(name, weights), weights)


def fingerprint(path: Path, *, seed: int | None = None) -> str:
    """Hash that tells one base checkpoint from another: what its config computes and its weights.

    32 hex digits of BLAKE2b. Files beyond 64 MiB are sampled (256 blocks of 64 KiB), so the figure
    costs the same for 1 B and for 70 B parameters.

    Args:
        path: Checkpoint folder, as `folder` gives it.
        seed: Of weights that are drawn at random instead of read.

    Raises:
        FileNotFoundError: Without ``config.json`` or without weights.
    """
    digest = hashlib.blake2b(digest_size=16)
    config = json.loads(_required(path, "config.json").read_text(encoding="utf-8"))
    digest.update(json.dumps(_essence(config), sort_keys=True).encode())
    if seed is not None:
        digest.update(f"\0random {seed}".encode())
        return digest.hexdigest()
    for file in _weight_files(path):
        digest.update(f"\0{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            for block in _blocks(stream, file.stat().st_size):
                digest.update(block)
    return digest.hexdigest()


def copy_processor(source: Path, target: Path) -> None:
    """Copies tokenizer, chat template and preprocessing of one checkpoint folder into another.

    Byte for byte: a processor that was read and written again may differ in version or defaults.
    """
    for pattern in _PROCESSOR:
        for file in source.glob(pattern):
            shutil.copyfile(file, target / file.name)


def _complete(path: Path, weights: bool) -> Path:
    """``path``, if everything that a checkpoint needs is in it."""
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        _required(path, name)
    if weights:
        _weight_files(path)
    return path


def _required(path: Path, name: str) -> Path:
    file = path / name
    if not file.is_file():
        raise FileNotFoundError(
            f"expected `{name}` in the checkpoint folder, got `{path}` without it; "
            "give the folder that `save_pretrained` of model and processor wrote"
        )
    return file


def _weight_files(path: Path) -> list[Path]:
    files = sorted(path.glob("model*.safetensors"))
    if not files:
        raise FileNotFoundError(
            f"expected weights `model*.safetensors` in the checkpoint folder, got `{path}` without "
            "them; convert the weights to safetensors or fetch them again"
        )
    return files


def _is_hub_name(name: str) -> bool:
    """``owner/repository``, and not something that only a path can be."""
    parts = name.split("/")
    return len(parts) == 2 and all(parts) and not name.startswith((".", "~", os.sep))


def _snapshot(name: str, weights: bool) -> Path:
    # Imported here: the embedded default and a local folder never need the hub's client.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        wanted = [*_WANTED, *([_WEIGHTS] if weights else [])]
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (OSError, HfHubHTTPError, ValueError) as error:
        raise FileNotFoundError(
            f"expected `{name}` to be a folder or to be reachable on the model hub, got "
            f"{type(error).__name__}; check the name and the network, or give the path of a copy"
        ) from error


def _essence(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _essence(value) for key, value in config.items() if key not in _INCIDENTAL}
    return config


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    if size <= _WHOLE_BYTES:
        yield stream.read()
        return
    for index in range(_BLOCKS):
        stream.seek((size - _BLOCK_BYTES) * index // (_BLOCKS - 1))
        yield stream.read(_BLOCK_BYTES)
