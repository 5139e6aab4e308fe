"""What do shared images, passes by length and packing save, and do they change an answer?

Run: python benchmarks/passes.py [--images 48] [--rounds 3] [--out FILE.json]

One thread, forward and backward of all weights, the embedded model and a Qwen2-VL of 8 M random
parameters (with a quarter of the images). *Questions*: four questions about each image of 224 px,
the image encoded and read for every item, or once. *Sizes*: one question about images whose sides
are 56 to 336 px, as photographs in their own resolution are: padded to the longest in one pass; in
passes of like length, as `fit` does; or packed, many images in one row of up to 2,048 tokens, each
seeing itself alone, which an attention with a mask can do. *One size*: the same for images of 224
px. Printed are processor seconds per 100 items, the share of what the language model reads that is
padding, and the largest difference of log-odds from items read one by one. About five minutes.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import record
import torch

from cogtrain import Preprocess
from cogtrain.models import checkpoint
from cogtrain.models.answers import Reading
from cogtrain.models.asked_images import AskedImages
from cogtrain.models.language import states_of
from cogtrain.models.lora import Tuning
from cogtrain.models.passes import partition
from cogtrain.models.sequences import Asked, Row, Sequences
from cogtrain.models.sight import side_by_side
from cogtrain.models.vlm import VLM

FOUR = [
    ("will_fall", "plain"),
    ("has_red_block", "plain"),
    ("background_color", "plain"),
    ("red_block_row", "plain"),
]
MOST_PACKED = 2048
Items = tuple[list[str], list[str], list[int]]  # questions, wordings, images


def medium(folder: Path) -> str:
    """A Qwen2-VL of 8 M parameters, with the tokenizer of the embedded one."""
    shutil.copytree(checkpoint.folder("tiny"), folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= {
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "rope_parameters": {
            **config["text_config"]["rope_parameters"],
            "mrope_section": [8, 12, 12],
        },
        "layer_types": ["full_attention"] * 6,
    }
    config["vision_config"] |= {"depth": 6, "embed_dim": 192, "hidden_size": 256, "num_heads": 6}
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def as_they_come(vlm: VLM, items: Items, arrays: dict, *, is_one_pass: bool = False):
    """What `fit` does, or all in one pass, padded to the longest."""
    vlm.is_sharded = is_one_pass
    question, wording, image = items
    return vlm.scores(question, arrays, wording=wording, image=image).log_mass


def for_every_item(vlm: VLM, items: Items, arrays: dict):
    """The image encoded and read anew for each of its questions."""
    question, wording, image = items
    arrays = vlm.family.images.pick(arrays, image)
    return vlm.scores(question, arrays, wording=wording).log_mass


def packed(vlm: VLM, items: Items, arrays: dict):
    """Images one behind the other in rows, under a mask of blocks."""
    question, wording, image = items
    menus = [vlm._menu(*pair) for pair in zip(question, wording, strict=True)]
    asked = [Asked(q, w, m.branches) for q, w, m in zip(question, wording, menus, strict=True)]
    shapes = vlm.family.images.of(vlm.model.config, arrays)
    rows = vlm._builder.rows(asked, shapes, image, vlm.device)
    features = AskedImages(arrays, shapes, menus).features(vlm, range(len(shapes)))
    masses = [None] * len(question)
    for chosen in bins([len(row) for row in rows]):
        part = [rows[index] for index in chosen]
        sequences = behind_each_other(part)
        own = features.of([row.image for row in part])
        states = states_of(vlm.model, vlm.family, sequences, own)
        reading = Reading.of([menus[item] for item in sequences.items], vlm.device)
        hidden = states[0, sequences.last[reading.item] + reading.offset]
        mass = reading.score(vlm.model.get_output_embeddings()(hidden)).log_mass
        for item, row in zip(sequences.items, mass, strict=True):
            masses[item] = row
    widest = max(len(row) for row in masses)
    pad = torch.nn.functional.pad
    return torch.stack([pad(row, (0, widest - len(row)), value=-torch.inf) for row in masses])


def bins(lengths: list[int]) -> list[list[int]]:
    """First fit of the longest first."""
    rows: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        room = (row for row in rows if lengths[index] + sum(lengths[i] for i in row) <= MOST_PACKED)
        fitting = next(room, None)
        if fitting is None:
            rows.append([index])
        else:
            fitting.append(index)
    return rows


def behind_each_other(rows: list[Row]) -> Sequences:
    tokens = [row.tokens for row in rows]
    begins = np.cumsum([0, *map(len, rows)])
    alone = [
        torch.ones(len(row), len(row), dtype=torch.bool).tril() if t.sight is None else t.sight
        for row, t in zip(rows, tokens, strict=True)
    ]
    last = [int(b) + end for b, t in zip(begins, tokens, strict=False) for end in t.lasts]
    return Sequences(
        torch.cat([t.input_ids for t in tokens])[None],
        torch.cat([t.position_ids for t in tokens]).T[:, None],
        side_by_side(0, alone)[None, None],
        images=tuple(row.image for row in rows),
        items=tuple(item for row in rows for item in row.items),
        row=torch.zeros(len(last), dtype=torch.int64),
        last=torch.tensor(last),
        tokens=int(begins[-1]),
    )


def padding(vlm: VLM, items: Items, arrays: dict, groups: Callable) -> float:
    """Share of what is read that is padding, of rows that are grouped so."""
    question, wording, image = items
    menus = [vlm._menu(*pair) for pair in zip(question, wording, strict=True)]
    asked = [Asked(q, w, m.branches) for q, w, m in zip(question, wording, menus, strict=True)]
    shapes = vlm.family.images.of(vlm.model.config, arrays)
    lengths = [len(row) for row in vlm._builder.rows(asked, shapes, image, vlm.device)]
    read = sum(len(rows) * max(lengths[row] for row in rows) for rows in groups(lengths))
    return 1 - sum(lengths) / read


def alone(vlm: VLM, items: Items, arrays: dict):
    """Every item by itself, as a reference."""
    widest, found = 0, []
    for question, wording, image in zip(*items, strict=True):
        one = vlm.family.images.pick(arrays, [image])
        found.append(vlm.scores([question], one, wording=[wording]).log_mass[0])
        widest = max(widest, len(found[-1]))
    pad = torch.nn.functional.pad
    return torch.stack([pad(row, (0, widest - len(row)), value=-torch.inf) for row in found])


def odds(log_mass):
    return log_mass[:, 0] - log_mass[:, 1:].logsumexp(dim=-1)


def timed(vlm: VLM, run: Callable, rounds: int) -> float:
    """Processor seconds of forward and backward."""
    spent = []
    for _ in range(rounds + 1):
        began_s = process_time()
        run()[:, 0].sum().backward()
        spent.append(process_time() - began_s)
        vlm.zero_grad()
    return median(spent[1:])


def jobs(images: int) -> dict[str, tuple[list[tuple[int, int]], Items]]:
    """Sizes of images, and what is asked of them."""
    rng = np.random.default_rng(0)
    sizes = [tuple(int(side) for side in 28 * rng.integers(2, 13, 2)) for _ in range(images)]
    same = [(224, 224)] * images
    one = ["will_fall"] * images, ["plain"] * images, [*range(images)]
    fewer = max(1, images // 4)
    four = [(*pair, image) for image in range(fewer) for pair in FOUR]
    several = tuple([*column] for column in zip(*four, strict=True))
    return {"questions": (same[:fewer], several), "sizes": (sizes, one), "one size": (same, one)}


def figures(vlm: VLM, images: int, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    preprocess = Preprocess.from_pretrained(vlm.origin.path)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for job, (sizes, items) in jobs(images).items():
        rng = np.random.default_rng(1)
        pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
        made = preprocess([[picture] for picture in pictures])
        arrays = {name: torch.from_numpy(each) for name, each in made.items()}
        whole = partial(as_they_come, is_one_pass=True)
        ways = {
            "one pass": (whole, lambda lengths: [[*range(len(lengths))]]),
            "passes by length": (as_they_come, partition),
            "packed": (packed, lambda lengths: [[row] for row in range(len(lengths))]),
        }
        if job == "questions":
            ways = {
                "image for every item": (for_every_item, None),
                "image once": (as_they_come, None),
            }
        with torch.no_grad():
            expected = odds(alone(vlm, items, arrays))
        found[job] = {}
        for way, (run, groups) in ways.items():
            with torch.no_grad():
                difference = (odds(run(vlm, items, arrays)) - expected).abs().max().item()
            seconds = timed(vlm, partial(run, vlm, items, arrays), rounds)
            each = {"cpu_s_per_100": 100 * seconds / len(items[0]), "difference": difference}
            if groups is not None:
                each["padding"] = padding(vlm, items, arrays, groups)
            found[job][way] = each
            print(f"{job:<10} {way:<22} " + ", ".join(f"{k} {v:.3g}" for k, v in each.items()))
    return found


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/passes.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        medium_one = {"pretrained": medium(Path(folder)), "init": "random"}
        for name, options in {"tiny": {}, "8 M parameters": medium_one}.items():
            vlm = VLM.load(**options, tuning=Tuning.full()).eval()
            count = sum(parameter.numel() for parameter in vlm.parameters())
            print(f"{name}: {count:,} parameters")
            images = arguments.images if name == "tiny" else max(4, arguments.images // 4)
            found[name] = figures(vlm, images, arguments.rounds)
    command = f"python benchmarks/passes.py --images {arguments.images} --rounds {arguments.rounds}"
    record.write(arguments.out, command, {"figures": found})


if __name__ == "__main__":
    main()
