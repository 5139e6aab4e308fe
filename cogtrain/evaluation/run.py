"""Run: what a run folder says, read without the software that wrote it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cogtrain.evaluation.axis import Declared
from cogtrain.evaluation.score import by_observer, score
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, read_estimates
from cogtrain.metrics.log import Logged

_INDEX = ("set", "stimulus_id", "file")
_PARTS = ("manifest.json", "judgments.parquet", "metrics.jsonl")
_STAGES = ("test", "val")  # what was held back to the end says more than what was watched


@dataclass(frozen=True)
class Run:
    """One run folder; a part that is missing or damaged is empty, and `notes` says so.

    Attributes:
        path: The folder.
        manifest: Versions, commit, hardware, sets.
        config: Every option of the run.
        logged: Every estimate of `metrics.jsonl`, in order.
        judgments: Every answer of the tested weights, people's too if they were saved; or nothing.
        stimuli: What is known of the tested stimuli: `set, stimulus_id, file` (its picture, empty
            without one), `margin_m`, `style` and the factors.
        notes: One line per part that is not there.
    """

    path: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    logged: list[Logged] = field(default_factory=list)
    judgments: Judgments | None = None
    stimuli: Any = field(default_factory=lambda: _no_stimuli())
    notes: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Reads a run folder.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If the folder holds none of a run's parts.
        """
        if not path.is_dir():
            raise FileNotFoundError(
                f"expected a run folder, got `{path}`, which does not exist; check the path"
            )
        if not any((path / part).exists() for part in _PARTS):
            raise ValueError(
                f"expected a run folder, got `{path}`, which holds none of {', '.join(_PARTS)}; "
                "give a folder that `fit` or `test` has written"
            )
        notes: list[str] = []
        readers = {
            "manifest": (path / "manifest.json", _manifest),
            "config": (path / "config.yaml", _config),
            "logged": (path / "metrics.jsonl", read_estimates),
            "judgments": (path / "judgments.parquet", Judgments.read),
            "stimuli": (path / "report" / "stimuli" / "index.csv", _stimuli),
        }
        parts: dict[str, Any] = {}
        for name, (file, read) in readers.items():
            try:
                parts[name] = read(file)
            except FileNotFoundError:
                notes.append(f"no `{file.relative_to(path)}`")
            except (ValueError, KeyError, OSError) as error:
                notes.append(f"`{file.relative_to(path)}` cannot be read: {error}")
        return cls(path, notes=notes, **parts)

    @property
    def images(self) -> dict[tuple[str, str], Path]:
        """File of each kept picture by (set, stimulus id)."""
        kept = self.stimuli[self.stimuli["file"] != ""]
        keys = zip(kept["set"], kept["stimulus_id"], strict=True)
        return dict(zip(keys, map(Path, kept["file"]), strict=True))

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.resolve().name

    @property
    def pretrained(self) -> str:
        """The checkpoint that was trained from, or judged; empty if it is not known."""
        return str((self.config.get("model") or {}).get("pretrained") or "")

    @property
    def trained(self) -> list[Declared]:
        """The sets that were trained on; none if the run only judged."""
        is_fit = (self.manifest.get("command") or [""])[0] == "fit"
        return [Declared.of(each) for each in self._data.get("train") or []] if is_fit else []

    @property
    def tested(self) -> dict[str, Declared]:
        """The tested sets by name."""
        sets = [Declared.of(each) for each in self._data.get("test") or []]
        photographs = self._data.get("photographs")
        if photographs:
            sets.append(Declared.of_photographs(photographs))
        controls = self._data.get("controls") or []
        sets += [each.under(control) for control in controls for each in sets]
        return {each.name: each for each in sets}

    @property
    def _data(self) -> dict[str, Any]:
        return self.config.get("data") or {}

    @property
    def stage(self) -> str:
        """`test` if anything was tested, else `val`; empty without logged estimates."""
        stages = {each.stage for each in self.logged}
        return next((stage for stage in _STAGES if stage in stages), "")

    def results(self) -> dict[str, dict[str, Estimate]]:
        """Latest estimates by set and metric; computed from the judgments if none were logged."""
        results: dict[str, dict[str, Estimate]] = {}
        for each in self.logged:
            if each.stage == self.stage:
                results.setdefault(each.set, {})[each.metric] = each.estimate
        if not results and self.judgments is not None and len(self.judgments):
            scored = by_observer(score(self.judgments))
            results = {name: estimates for (_, name), estimates in scored.items()}
        return results

    def curve(self, metric: str) -> dict[str, list[tuple[int, Estimate]]]:
        """Validation estimates of `metric` over training, by set."""
        curves: dict[str, dict[int, Estimate]] = {}
        for each in self.logged:
            if each.stage == "val" and each.metric == metric:
                curves.setdefault(each.set, {})[each.step] = each.estimate
        return {name: sorted(points.items()) for name, points in curves.items()}


def _manifest(path: Path) -> dict[str, Any]:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError(f"expected a JSON object, got {type(manifest).__name__}")
    return manifest


def _config(path: Path) -> dict[str, Any]:
    import yaml

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"expected YAML, got {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"expected a mapping, got {type(config).__name__}")
    return config


def _no_stimuli() -> Any:
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=object) for name in _INDEX})


def _stimuli(index: Path) -> Any:
    import pandas as pd

    table = pd.read_csv(index, dtype=dict.fromkeys(_INDEX, str), low_memory=False)
    if missing := [name for name in _INDEX if name not in table]:
        raise ValueError(f"expected the columns {', '.join(_INDEX)}, got no `{missing[0]}`")
    table["file"] = [str(index.parent / each) if each == each else "" for each in table["file"]]
    return table
