"""Page: a whole report as one HTML file that works from disk, offline, for ever.

Charts are drawn by Vega and tables by DataTables; both stand in the file, and a content policy
keeps the page from asking anybody for anything.
"""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TEMPLATE = "page.html.jinja"
_MOST_SENTENCES = 12  # of a section that are read at once; more are folded


@dataclass(frozen=True)
class Figure:
    """A chart with its words.

    Attributes:
        id: Name of its files, and of its place in the page.
        caption: What it shows; also read out for it.
        chart: The Altair chart.
        png: The same, drawn.
    """

    id: str
    caption: str
    chart: Any
    png: Path

    def told(self) -> dict[str, str]:
        """What the template asks for."""
        # The drawn chart is named by its description, whatever its element was called before.
        spec = self.chart.to_dict() | {"description": self.caption}
        drawn = base64.b64encode(self.png.read_bytes()).decode()
        return {
            "id": self.id,
            "caption": self.caption,
            # No name that a user chose can end the script that it stands in.
            "spec": json.dumps(spec, sort_keys=True).replace("<", "\\u003c"),
            "png": f"data:image/png;base64,{drawn}",
        }


@dataclass(frozen=True)
class Section:
    """One part of the page, in the order in which it is read.

    Attributes:
        title: Its heading; its anchor is the same in lower case.
        paragraphs: Plain text.
        notes: Plain text, one line each.
        table: HTML of a table.
        figures: Charts.
        cards: HTML that is shown when it is asked for.
    """

    title: str
    paragraphs: Sequence[str] = ()
    notes: Sequence[str] = ()
    table: str = ""
    figures: Sequence[Figure] = field(default_factory=list)
    cards: str = ""

    def told(self) -> dict[str, Any]:
        """What the template asks for."""
        words = ("title", "paragraphs", "notes", "table", "cards")
        plain = {name: getattr(self, name) for name in words}
        anchor = self.title.lower().replace(" ", "-")
        return plain | {"id": anchor, "figures": [figure.told() for figure in self.figures]}


def page(title: str, sections: Sequence[Section]) -> str:
    """The HTML of a page.

    Args:
        title: Heading.
        sections: Its parts; the navigation lists them.
    """
    from importlib.resources import files

    from jinja2 import Environment, StrictUndefined

    source = files("cogtrain.evaluation").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    told = [section.told() for section in sections]
    return template.render(
        title=title,
        sections=told,
        most=_MOST_SENTENCES,
        tables_init=_tables_init(),
        charts_init=_charts_init(),
    )


def _charts_init() -> str:
    import altair
    import vl_convert

    bundle: Any = vl_convert.javascript_bundle  # its stub asks for a snippet

    version = altair.SCHEMA_VERSION.lstrip("v").rpartition(".")[0]
    return _inert(bundle(vl_version=version))


def _tables_init() -> str:
    from itables.javascript import generate_init_offline_itables_html
    from itables.utils import find_package_file

    return generate_init_offline_itables_html(find_package_file("html/dt_bundle.js"))


def _inert(script: str) -> str:
    """Somebody's script with nothing in it that would end the element it stands in."""
    return re.sub(r"</(?=script)", r"<\\/", script, flags=re.IGNORECASE)
