"""Words: what the numbers say, and how they were made, in sentences for a paper."""

from collections.abc import Iterator, Mapping, Sequence

from cogtrain.evaluation.results import Results
from cogtrain.evaluation.run import Run
from cogtrain.evaluation.table import HUMAN_FIGURE, show, show_interval
from cogtrain.metrics import Estimate

_ALIGNED = {
    "spearman": "Its graded answers and the share of people who gave the first answer correlate",
    "error_consistency": "Its errors and those of individuals agree beyond chance",
}
_FACTS = (("git_commit", "commit"), ("command", "command"))


def sentences(results: Results) -> Iterator[str]:
    """What a results section says: accuracy against chance and people, then alignment."""
    for run, sets in results.items():
        for name, estimates in sets.items():
            if "accuracy" in estimates:
                yield " ".join(_told(run, name, estimates))


def methods(runs: Mapping[str, Run]) -> str:
    """How the numbers were made, from what the runs say of themselves."""
    sets = {
        each["name"]: each["count"]
        for run in runs.values()
        for each in _described(run.manifest, "test")
    }
    tested = ", ".join(f"{name} ({count} stimuli)" for name, count in sets.items())
    models = sorted(filter(None, (_model(run.manifest) for run in runs.values())))
    shown = f"Models: {', '.join(dict.fromkeys(models))}. " if models else ""
    return (
        f"{shown}{f'Tested on {tested}. ' if tested else ''}"
        "Every question was put as a forced choice: an answer's probability is the mass that the "
        "model gives to its declared spellings in one forward pass, without sampling. Accuracy "
        "counts the more probable option; its interval is Wilson's. Intervals of alignment are "
        "percentile intervals of 1,000 seeded resamples of stimuli and, where individual people "
        "enter, of people. All intervals are at 95 %. What is undefined is said to be so, never 0. "
        "Answers and numbers behind every figure are in answers.csv and results.csv."
    )


def about(name: str, run: Run) -> str:
    """Version, commit and command of a run, in one line."""
    versions = run.manifest.get("versions")
    version = versions.get("cogtrain") if isinstance(versions, dict) else None
    facts = [
        f"{word} `{_fact(run.manifest[key])}`" for key, word in _FACTS if run.manifest.get(key)
    ]
    facts = [f"cogtrain {version}", *facts] if version else facts
    return f"{name}: {', '.join(facts) or 'no manifest'}"


def _told(run: str, name: str, estimates: Mapping[str, Estimate]) -> Iterator[str]:
    own = estimates["accuracy"]
    if not own.is_defined:
        yield f"{run} on {name}: accuracy is undefined ({own.reason})."
        return
    yield (
        f"{run} answered {show('accuracy', own.value)} of {own.n} stimuli of {name} rightly "
        f"(95 % interval {show_interval('accuracy', own)}), {_against_chance(own)}."
    )
    people = estimates.get(HUMAN_FIGURE["accuracy"])
    if people is not None and people.is_defined:
        yield f"People reached {show('accuracy', people.value)} on the same stimuli."
    for metric, words in _ALIGNED.items():
        each = estimates.get(metric)
        if each is not None and each.is_defined:
            yield f"{words} by {show(metric, each.value)} {show_interval(metric, each)}."


def _against_chance(estimate: Estimate) -> str:
    chance = show("accuracy", estimate.chance)
    if estimate.low > estimate.chance:
        return f"above chance ({chance})"
    if estimate.high < estimate.chance:
        return f"below chance ({chance})"
    return f"not distinguishable from chance ({chance})"


def _described(manifest: Mapping[str, object], part: str) -> Sequence[Mapping[str, object]]:
    sets = manifest.get("sets")
    members = sets.get(part) if isinstance(sets, dict) else None
    return [
        each
        for each in members or []
        if isinstance(each, dict) and {"name", "count"} <= each.keys()
    ]


def _model(manifest: Mapping[str, object]) -> str:
    model = manifest.get("model")
    return str(model.get("pretrained", "")) if isinstance(model, dict) else ""


def _fact(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
