"""Tables: what a stage has to show, in Weights & Biases and, the same, as Parquet and HTML."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import WandbLogger
from PIL import Image

from cogtrain.judgment_table import write_table

if TYPE_CHECKING:
    import pandas as pd

IMAGE = "image"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font-family:sans-serif}} table{{border-collapse:collapse}}
th,td{{padding:4px 8px;border-bottom:1px solid #ddd;text-align:left}}</style>
<h1>{title}</h1>
{table}
</html>
"""


def wandb_loggers(trainer: Trainer) -> Iterator[WandbLogger]:
    """Those of the trainer that show tables; none on other ranks than the first."""
    if trainer.is_global_zero:
        yield from (each for each in trainer.loggers if isinstance(each, WandbLogger))


def wandb_table(table: "pd.DataFrame") -> Any:
    """The rows as Weights & Biases shows them; what is no number is empty there."""
    import wandb

    shown = wandb.Table(columns=list(table))
    for row in table.itertuples(index=False, name=None):
        shown.add_data(*map(_cell, row))
    return shown


def write_both(table: "pd.DataFrame", folder: Path, name: str) -> None:
    """Writes `<name>.parquet` and `<name>.html` into ``folder``.

    Args:
        table: Pictures stand in the column `image`, ``(H, W, 3)`` uint8: PNG files in Parquet
            (`bytes`, as Hugging Face `datasets` has them) and in the page.
        folder: Made if it is not there.
        name: Of the files and, in words, of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = shown = table
    formats: Any = {}
    if IMAGE in table:
        files = [_png(image) for image in table[IMAGE]]
        kept = table.assign(image=[{"bytes": file, "path": None} for file in files])
        shown, formats = table.assign(image=files), {IMAGE: _tag}
    write_table(kept, folder / f"{name}.parquet")
    body = _escaped(shown).to_html(
        index=False, border=0, formatters=formats, escape=False, na_rep="", float_format="%.4g"
    )
    page = _PAGE.format(title=name.replace("_", " "), table=body)
    (folder / f"{name}.html").write_text(page, encoding="utf-8")


def _cell(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        import wandb

        return wandb.Image(value)
    return None if isinstance(value, float) and np.isnan(value) else value


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG", compress_level=1)  # quick, little larger
    return file.getvalue()


def _tag(png: bytes) -> str:
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _escaped(table: "pd.DataFrame") -> "pd.DataFrame":
    """``table`` with text that is shown as it is, whatever names a user has chosen."""
    from html import escape

    return table.map(lambda value: escape(value) if isinstance(value, str) else value)
