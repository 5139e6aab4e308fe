"""Pseudonyms: names that stand for people and do not lead back to them.

The ids of recruiting platforms are personal data: few, known to the platform and to everyone who
ran a study there. A plain hash of one is found by hashing them all, and so is one salted by
anything that is published with it. Hence keyed BLAKE2b with a secret that nobody else has. The
same secret gives the same names in every import, so that sessions of one person can be joined.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

FILE = "observer_ids.salt"
"""Name of the secret beside raw exports: who may see those knows the ids anyway."""

_LEAST, _MOST = 16, 64  # characters; more than 64 bytes do not fit the key of BLAKE2b
_BYTES = 8  # of a name; two of a million people share one with a chance of 3 in 100 million
_PLAIN = 8  # characters from which an id is looked for in other columns; `12` is everywhere


class Pseudonyms:
    """Gives every person a name by a secret.

    Example:
        >>> Pseudonyms(b"sixteen or more characters").of("5e9088a8a4b6ed018b45ba7b")
        'p7551bbd1493be883'

    Args:
        secret: 16 to 64 bytes.
        source: Where it comes from, for errors.

    Raises:
        ValueError: For a shorter or longer secret.
    """

    def __init__(self, secret: bytes, *, source: str = "the secret") -> None:
        if not _LEAST <= len(secret) <= _MOST:
            raise ValueError(
                f"expected {_LEAST} to {_MOST} characters in {source}, got {len(secret)}; name a "
                "new file, and a secret is drawn into it"
            )
        self._secret = secret

    @classmethod
    def of_file(cls, path: Path) -> "Pseudonyms":
        """Reads the secret from `path`; draws one into a new file that only its owner can read.

        Raises:
            OSError: If the file cannot be written.
            ValueError: If its content is no secret.
        """
        if not path.exists():
            _draw(path)
        return cls(path.read_bytes().strip(), source=f"`{path}`")

    def of(self, observer_id: str) -> str:
        """The name of one person: `p` and 16 hexadecimal digits.

        The letter keeps spreadsheets from reading a number such as `12e4`.
        """
        hashed = hashlib.blake2b(
            observer_id.encode(), digest_size=_BYTES, key=self._secret, person=b"cogtrain.people"
        )
        return f"p{hashed.hexdigest()}"


def require_hidden(texts: Iterable[str], ids: Iterable[str], column: str) -> None:
    """Raises a `ValueError` if a cell of a column that is kept holds somebody's id."""
    known = [name for name in ids if len(name) >= _PLAIN]
    for text in dict.fromkeys(texts):
        if any(name in text for name in known):
            raise ValueError(
                f"expected column `{column}` to tell nothing of who people are, got a person's id "
                "in it; do not keep it"
            )


def _draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(_MOST // 2) + "\n")
