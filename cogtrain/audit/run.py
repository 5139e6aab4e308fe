"""The whole audit: opens sets, looks at every stimulus once, writes the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cogtrain.audit.correlations import correlations
from cogtrain.audit.counts import counts
from cogtrain.audit.duplicates import duplicates
from cogtrain.audit.finding import Finding, Section
from cogtrain.audit.integrity import integrity, shards
from cogtrain.audit.leakage import leakage
from cogtrain.audit.measure import Measurements, measure
from cogtrain.audit.optimum import FALLS, MARGIN_NOISE_M
from cogtrain.audit.report import Report, SetReport
from cogtrain.audit.sheet import draw_sheet
from cogtrain.audit.shortcuts import shortcut_audit
from cogtrain.complaint import unknown
from cogtrain.stimuli import StimulusSet

_PREFERRED = (FALLS[1], FALLS[0], "fall_count_if_removed")


@dataclass(frozen=True)
class AuditOptions:
    """How to audit.

    Attributes:
        questions: Those whose shortcuts are looked for; by default each set's main one.
        margin_noise_m: Perceptual noise of the ideal observer on the margin, in metres.
        bound: Accuracy above which a predictor is a shortcut; by default chance + 0.05.
        threads: Stimuli looked at at once; by default what this process may use.
    """

    questions: Sequence[str] = ()
    margin_noise_m: float = MARGIN_NOISE_M
    bound: float | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if not self.margin_noise_m >= 0:
            raise ValueError(
                f"expected `margin_noise_m` to be 0 or more, got {self.margin_noise_m}; give metres"
            )
        if self.bound is not None and not 0 < self.bound <= 1:
            raise ValueError(
                f"expected `bound` to be a share above 0 and up to 1, got {self.bound}; "
                "write 0.55 for 55 %"
            )


def audit(
    sets: Mapping[str, StimulusSet], out: Path, options: AuditOptions | None = None
) -> Report:
    """Audits sets by themselves and against each other.

    Args:
        sets: What is opened by where it comes from; at least one.
        out: Folder for `audit.md`, `audit.json` and one contact sheet per set; older files of
            these names are replaced.
        options: How to audit.

    Raises:
        ValueError: If a set does not answer a question that is asked for.
        OSError: If the folder cannot be written.
    """
    chosen = options or AuditOptions()
    out.mkdir(parents=True, exist_ok=True)
    reports: list[SetReport] = []
    looked: list[Measurements] = []
    for number, (where, stimuli) in enumerate(sets.items()):
        seen = measure(stimuli, threads=chosen.threads)
        suffix = f"_{number + 1}" if len(sets) > 1 else ""
        sheet = out / f"contact_sheet{suffix}.png"
        sections = [_integrity(where, stimuli, seen), *_sections(stimuli, seen, chosen, sheet)]
        count = len(stimuli)
        reports.append(SetReport(stimuli.name, where, stimuli.fingerprint, count, sections))
        looked.append(seen)
    report = Report(reports, leakage(looked) if len(looked) > 1 else None)
    report.write(out)
    return report


def default_folder(path: Path) -> Path:
    """Where the report on the set at `path` goes: `audit` in its folder, or beside its file."""
    return path / "audit" if path.is_dir() else path.with_name(f"{path.stem}-audit")


def main_question(seen: Measurements) -> str | None:
    """What the set is about: the physics or causal question, else one with few answers."""
    asked = seen.questions
    preferred = [question for question in _PREFERRED if question in asked]
    if preferred or not asked:
        return next(iter(preferred), None)
    return min(asked, key=lambda question: len(set(seen.answers(question))))


def _sections(
    stimuli: StimulusSet, seen: Measurements, options: AuditOptions, sheet: Path
) -> list[Section]:
    main = main_question(seen)
    if main is None:
        return []
    questions = list(options.questions) or [main]
    for question in questions:
        if question not in seen.questions:
            known = unknown("question", question, seen.questions)
            raise ValueError(f"in set `{seen.name}`: {known}")
    shown = draw_sheet(stimuli, seen, questions[0], sheet)
    sections = [counts(seen, questions[0]), _sheet(shown, sheet), duplicates(seen)]
    noise, bound = options.margin_noise_m, options.bound
    for question in questions:
        sections.append(shortcut_audit(seen, question, margin_noise_m=noise, bound=bound))
        sections.append(correlations(seen, question))
    return sections


def _integrity(where: str, stimuli: StimulusSet, seen: Measurements) -> Section:
    return integrity(seen, shards(stimuli.source, Path(where)))


def _sheet(shown: int, path: Path) -> Section:
    text = f"{shown} stimuli at even distances in `{path.name}`; look at them"
    return Section("Contact sheet", [Finding("pass", text)])
