"""A little study as plain data, and a stand-in for `fit` that can be killed and continued."""

from typing import Any

# What the engine and the tables see of `fit` and `test`: a run folder that grows step by step from
# the config alone, goes on where it was, and ends with judgments and a manifest.
STAND_IN = """
import json, os, pathlib, random, sys, time
import pyarrow as pa, pyarrow.parquet as pq, yaml

verb, name, pace_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
config = yaml.safe_load(pathlib.Path("configs", f"{name}.yaml").read_text())
if name in sys.argv[4:]:
    print("working" + chr(13) + "error: expected luck, got none; try again")
    sys.exit(2)
folder = pathlib.Path("runs", name)
folder.mkdir(parents=True, exist_ok=True)
place = folder / "steps.txt"
steps = len(place.read_text().splitlines()) if place.exists() else 0
while steps < 5 and verb == "fit":
    steps += 1
    aside = folder / "steps.part"
    aside.write_text("step\\n" * steps)
    aside.replace(place)
    if steps == 3 and f"{name}!" in sys.argv[4:]:
        os.kill(os.getpid(), 9)
    time.sleep(pace_s)
skill = 0.0 if verb == "test" else 0.2 * len(config["data"]["train"])
rng = random.Random(10 * config["seed_everything"] + len(config["data"]["train"]))
rows = []
for each in config["data"]["test"]:
    for item in range(each["count"]):
        truth = ("yes", "no")[item % 2]
        right = rng.random() < 0.5 + skill
        said = truth if right else ("no", "yes")[item % 2]
        rows.append(dict(observer_id=name, observer_kind="model", stimulus_id=f"{item:04}",
                         set=each["name"], question="will_fall", response=said, truth=truth,
                         probability=0.9 if said == "yes" else 0.1, scale="binary"))
(folder / "config.yaml").write_text(yaml.safe_dump(config))
(folder / "manifest.json").write_text(json.dumps({"format": 1, "command": [verb]}))
with open("../starts.txt", "a") as file:
    print(name, file=file)
pq.write_table(pa.Table.from_pylist(rows), folder / "judgments.parquet")
"""


def sets(name: str = "tower-small", count: int = 20, **options: Any) -> dict[str, Any]:
    return {"name": name, "count": count, "size_px": 56, "factors": {"size": "small"}} | options


PLAIN: dict[str, Any] = {
    "name": "little",
    "seeds": [0, 1],
    "validation": 8,
    "conditions": {
        "small": {"train": [sets()]},
        "joint": {"train": [sets(), sets("pyramid-small", task="pyramid")]},
    },
    "test": [sets(), sets("tower-large", factors={"size": "large"})],
    "trainer": {"accelerator": "cpu", "devices": 1},
}


def spelled_out(verb: str, config: Any) -> dict[str, Any]:
    """The few defaults that a plan reads, without LightningCLI and its seconds."""
    trainer = {
        "accelerator": "auto",
        "devices": "auto",
        "num_nodes": 1,
        "max_epochs": 1,
        "max_steps": -1,
        "max_time": None,
        "limit_train_batches": None,
        "accumulate_grad_batches": 1,
    }
    return config | {
        "trainer": trainer | config["trainer"],
        "model": {"pretrained": "tiny"} | config["model"],
        "data": {"batch_size": 64, "shares": None} | config["data"],
    }
