"""Shown: which stimulus an export means by the image that it names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from cogtrain.photograph_table import read_rows

_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".svg", ".avif"})


@dataclass(frozen=True)
class Shown:
    """Images and the stimuli that they show.

    Attributes:
        ids: Known stimuli; others are an error. `None` takes any.
        by_image: File name of an image → its stimulus; any other is called as its file without
            the suffix.
    """

    ids: frozenset[str] | None = None
    by_image: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def table(cls, path: Path) -> "Shown":
        """Reads a table with `stimulus_id` and, where files are called otherwise, `image`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: Without `stimulus_id`, or if two stimuli have images of one name.
        """
        columns, rows = read_rows(path)
        if "stimulus_id" not in columns:
            raise ValueError(
                f"expected a column `stimulus_id` in `{path}`, got {', '.join(columns)}; "
                "rename the column that holds the ids"
            )
        by_image: dict[str, str] = {}
        for row in rows:
            name = PurePosixPath(row.cells.get("image", "").strip()).name
            stimulus = row.cells["stimulus_id"].strip()
            if name and by_image.setdefault(name, stimulus) != stimulus:
                raise ValueError(
                    f"expected images of different names in `{path}`, got `{name}` of "
                    f"`{by_image[name]}` and `{stimulus}`; rename one"
                )
        return cls(frozenset(row.cells["stimulus_id"].strip() for row in rows), by_image)

    def stimulus(self, image: str, *, is_judgment: bool = True) -> str:
        """Stimulus of an image: a path, an address, or HTML with one `<img>`; empty if of none.

        Raises:
            ValueError: If a judgment shows several images.
        """
        addresses = _addresses(image)
        if len(addresses) > 1 and is_judgment:
            raise ValueError(
                f"expected one image per trial, got {len(addresses)} ({', '.join(addresses)}); "
                "say which column holds the stimulus by `columns` {stimulus_id: ...}"
            )
        if len(addresses) != 1 or addresses[0].startswith("data:"):
            return ""
        name = PurePosixPath(unquote(_path(addresses[0]))).name
        return self.by_image.get(name, PurePosixPath(name).stem)


def shows_image(text: str) -> bool:
    """Whether `text` is the path of an image, or HTML that shows one."""
    if "<" in text:
        return bool(_addresses(text))
    return PurePosixPath(_path(text.strip())).suffix.lower() in _IMAGES


def words(markup: str) -> str:
    """What HTML says, without its tags."""
    parser = _Parser()
    parser.feed(markup)
    parser.close()
    return "".join(parser.words).strip()


def _path(address: str) -> str:
    return address.partition("?")[0].partition("#")[0]


def _addresses(image: str) -> list[str]:
    text = image.strip()
    if "<" not in text:
        return [text] if text else []
    parser = _Parser()
    parser.feed(text)
    parser.close()
    return list(dict.fromkeys(parser.images))


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        address = dict(attrs).get("src")
        if tag == "img" and address:
            self.images.append(address)

    def handle_data(self, data: str) -> None:
        self.words.append(data)
