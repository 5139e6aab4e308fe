"""Is the set whole: readable, named once, answered in its own words, of one size?"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cogtrain import _core
from cogtrain.audit.finding import Finding, Section, ranked
from cogtrain.audit.measure import Measurements
from cogtrain.audit.optimum import FALLS
from cogtrain.photographs import known_questions

_SHOWN = 3


def integrity(seen: Measurements, stored: Sequence[Finding] = ()) -> Section:
    """Checks every stimulus of a set by itself, and ids and sizes over all of them.

    Args:
        seen: The measured set.
        stored: What `shards` found.
    """
    findings = [
        *stored,
        _readable(seen),
        _unique(seen),
        *_answered(seen),
        _one_size(seen),
        *_signs(seen),
    ]
    data = {"stimuli": len(seen), "faults": [list(fault) for fault in seen.faults]}
    return Section("Integrity", ranked(findings), data=data)


def shards(source: _core.Source, folder: Path) -> list[Finding]:
    """Compares every shard of a set on disk with its hash; nothing for other sets."""
    if not (folder / "manifest.json").is_file():
        return []
    numbers = range(len(json.loads(_core.read_manifest(folder))["shards"]))
    for number in numbers:
        try:
            source.verify(number)
        except (ValueError, OSError) as error:
            return [Finding("fail", f"shard {number}: {' '.join(str(error).split())}")]
    return [Finding("pass", f"{len(numbers)} shards are what was written")] if numbers else []


def _readable(seen: Measurements) -> Finding:
    if not seen.faults:
        return Finding("pass", f"all {len(seen)} stimuli can be read")
    total, first = len(seen) + len(seen.faults), seen.faults[0]
    return Finding(
        "fail",
        f"{len(seen.faults)} of {total} stimuli cannot be read; the first is stimulus {first[0]}: "
        f"{first[1]}",
    )


def _unique(seen: Measurements) -> Finding:
    twice = [name for name, count in Counter(look.id for look in seen.looks).items() if count > 1]
    if not twice:
        return Finding("pass", "every id occurs once")
    return Finding("fail", f"{len(twice)} ids occur more than once: {_some(twice)}")


def _answered(seen: Measurements) -> list[Finding]:
    known, findings = known_questions(), []
    for question in seen.questions:
        allowed = set(known.get(question, ()))
        given = Counter(look.answers.get(question) for look in seen.looks)
        strange = [str(a) for a in given if a and allowed and not allowed.issuperset(_parts(a))]
        if strange:
            text = f"answers to `{question}` outside {', '.join(known[question])}: {_some(strange)}"
            findings.append(Finding("fail", text))
        if None in given:
            text = f"{given[None]} stimuli have no answer to `{question}`"
            findings.append(Finding("warn", text))
    if not seen.questions:
        return [Finding("fail", "no stimulus answers any question")]
    return findings or [Finding("pass", f"all answers are known: {', '.join(seen.questions)}")]


def _parts(answer: str) -> list[str]:
    """A sequence is checked by its parts."""
    return answer.split(", ")


def _one_size(seen: Measurements) -> Finding:
    sizes = Counter(look.size_px for look in seen.looks)
    words = [f"{height} × {width} px ({count})" for (height, width), count in sizes.most_common()]
    if len(sizes) <= 1:
        return Finding("pass", f"one size: {words[0] if words else 'no images'}")
    return Finding("warn", f"{len(sizes)} sizes, which one batch cannot hold: {_some(words)}")


def _signs(seen: Measurements) -> list[Finding]:
    """The sign of the margin is the answer, where there is a margin."""
    findings = []
    for question in FALLS:
        judged = [k for k in seen.looks if question in k.answers and k.margin == k.margin]
        wrong = [k.id for k in judged if (k.margin < 0) != (k.answers[question] == "yes")]
        if wrong:
            text = f"{len(wrong)} of {len(judged)} answers to `{question}` contradict the sign of"
            findings.append(Finding("fail", f"{text} the margin: {_some(wrong)}"))
        elif judged:
            text = f"the sign of the margin agrees with `{question}` in all {len(judged)}"
            findings.append(Finding("pass", text))
    return findings


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:_SHOWN]) + more
