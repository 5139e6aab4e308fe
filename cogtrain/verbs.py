"""Verbs: what the command line can do, besides training and judging; one typed function each.

A function's signature makes its options and its docstring their help. Heavy imports happen only
inside, so that ``--help`` answers at once.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from cogtrain.complaint import UsageError
from cogtrain.people.exclusions import Exclusions
from cogtrain.schema import schema

Verb = Callable[..., int | None]


def render(
    *,
    out: Path,
    task: str = "tower",
    style: str = "cubeworld",
    count: int = 64,
    seed: int = 0,
    split: str = "test",
    factors: dict[str, Any] | None = None,
    size_px: int = 224,
    recipe_only: bool = False,
    frames: int = 0,
    film: Literal["png", "gif", "mp4"] = "png",
    licence: str = "not stated",
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    cpus: int = 1,
) -> int:
    """Render a stimulus set to disk: tar shards, a table of answers, a datasheet.

    After an interruption the same command goes on where it was.

    Args:
        out: New or empty folder to write.
        task: Question family that makes the scenes and decides their truth.
        style: How the scenes look.
        count: Number of stimuli.
        seed: Same seed, same stimuli, on every machine.
        split: train, val or test; no stimulus is in two of them.
        factors: Parameters of the task, e.g. --factors.size large.
        size_px: Side of the images; a multiple of 28 needs no resize before a model.
        recipe_only: Write no images: the set is drawn when it is read.
        frames: Stimuli, from the first, whose motion after release is filmed.
        film: What a film is: a folder of numbered PNG images, a GIF, or an MP4.
        licence: Terms of use, for the datasheet.
        engine: Where it is drawn, to the same bytes: here, or on a Ray cluster (extra `ray`).
        address: Of a Ray cluster, `auto` for this machine's; left out, RAY_ADDRESS, or a new one
            here.
        cpus: CPU cores of a task on a cluster.
    """
    if recipe_only and engine == "ray":
        raise UsageError(
            "expected images to render with `--engine ray`, got `--recipe_only`; leave one out"
        )
    from cogtrain.cluster import LostClusterError
    from cogtrain.rendering import Extras
    from cogtrain.rendering_progress import render_and_tell

    recipe = {
        "task": task,
        "style": style,
        "seed": seed,
        "count": count,
        "split": split,
        "factors": factors or {},
        "size_px": size_px,
    }
    extras = Extras(licence=licence, frames=frames, film=film)
    ray = {"address": address, "cpus": cpus} if engine == "ray" else None
    try:
        render_and_tell(out, recipe, extras, recipe_only=recipe_only, ray=ray)
    except LostClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def audit(
    *sets: Path,
    out: Path | None = None,
    questions: list[str] | None = None,
    margin_noise_m: float = 0.2,
    bound: float | None = None,
    threads: int | None = None,
) -> int:
    """Audit stimulus sets: integrity, balance, duplicates, leakage, and shortcuts to the truth.

    Several sets are compared with each other, too: give train, val and test to find leaks. The exit
    code is 1 if anything fails.

    Args:
        sets: Folders that were rendered, tables of photographs, or recipes (YAML or JSON).
        out: Folder to write; left out, `audit` in the first set, or beside it if it is a file.
        questions: Whose shortcuts to look for, e.g. '[will_fall]'; by default the main question.
        margin_noise_m: Noise in metres through which the ideal observer sees the margin.
        bound: Accuracy above which nuisance is a shortcut; by default 0.05 above chance.
        threads: Stimuli looked at at once; by default what this process may use.
    """
    from cogtrain.audit.opening import open_set
    from cogtrain.audit.run import AuditOptions, default_folder
    from cogtrain.audit.run import audit as audit_sets

    options = AuditOptions(questions or (), margin_noise_m, bound, threads)
    folder = out or default_folder(sets[0])
    result = audit_sets({str(path): open_set(path) for path in sets}, folder, options)
    print(result.markdown())
    print(f"written: {folder}")
    for failure in result.failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if result.failures else 0


def judgments(
    *exports: Path,
    out: Path,
    format: Literal["tidy", "wide", "jspsych"],
    question: str = "will_fall",
    set: str | None = None,
    columns: dict[str, str] | None = None,
    where: dict[str, Any] | None = None,
    answers: dict[str, dict[str, Any]] | None = None,
    options: dict[str, list[str]] | None = None,
    scale: dict[str, str] | None = None,
    scale_max: dict[str, float] | None = None,
    scale_min: dict[str, float] | None = None,
    rows: Literal["stimuli", "observers"] | None = None,
    stimuli: Path | None = None,
    prolific: Path | None = None,
    exclude: Exclusions = Exclusions(),  # noqa: B008  # frozen
    keep: list[str] | None = None,
    salt: Path | None = None,
    keep_ids: bool = False,
) -> None:
    """Import what people answered: exports of an experiment to a judgments table without names.

    Prints who was left out by which rule; without --exclude nobody is.

    Args:
        exports: Files, or folders with one file per person.
        out: Table to write: .parquet, .csv or .tsv.
        format: One row per answer, a matrix of stimuli and observers, or what jsPsych saved.
        question: What was asked, where no column says it.
        set: Stimulus set, where no column says it.
        columns: Our names for theirs, e.g. --columns.observer_id participant; of observer_id,
            stimulus_id or image, response, response_time_s or response_time_ms, question, set,
            session, truth. `file` is the file's name.
        where: Rows that are judgments, by column and value, e.g. --where.task judgment.
        answers: What the export writes for the answers, by question, e.g.
            --answers.will_fall '{f: yes, j: no}'; buttons of jsPsych count from 0.
        options: Answers to a question that no task asks.
        scale: binary, choice or count, for a question that no task asks.
        scale_max: Where the scale of a rating ends, by question, e.g. --scale_max.will_fall 100.
        scale_min: Where it begins; 0 by default.
        rows: What a row of a matrix is; left out, known stimuli decide.
        stimuli: Table of the known stimuli with stimulus_id, and image if files are called
            otherwise; others are then an error.
        prolific: Prolific's export of the study, joined by the person's id.
        exclude: Rules of exclusion; also a YAML file of them.
        keep: Further columns of the export that the table keeps.
        salt: File with the secret by which ids are hidden; by default `observer_ids.salt` beside
            the exports. It is drawn if there is none.
        keep_ids: Do not hide ids: they tell nothing already.
    """
    from cogtrain.people.telling import Export, import_and_tell

    reading = {
        "columns": columns,
        "where": where,
        "question": question,
        "set": set,
        "answers": answers,
        "options": options,
        "scale": scale,
        "scale_max": scale_max,
        "scale_min": scale_min,
        "keep": keep,
    }
    export = Export(exports, format, rows=rows, stimuli=stimuli, prolific=prolific)
    import_and_tell(export, out, reading, exclude, salt=salt, keep_ids=keep_ids)


def score(
    *judgments: Path,
    humans: Path | None = None,
    truth: Path | None = None,
    question: str = "will_fall",
    against: str | None = None,
    out: Path | None = None,
    seed: int = 0,
    replicates: int = 1000,
    method: Literal["percentile", "bca"] = "percentile",
) -> None:
    """Score saved judgments: accuracy, bias, and alignment with people beside its ceilings.

    Any tables go in, of models, people and simulated observers; no model is needed.

    Args:
        judgments: Tables of runs (judgments.parquet), or tidy ones of any observers with the
            columns observer_id, stimulus_id, response.
        humans: People's answers, the same columns.
        truth: Table with stimulus_id and a column named as the question, where answers lack it;
            with a column margin_m psychometric slopes are fitted.
        question: What a tidy table answers.
        against: Observer with whom the others are compared; by default every pair of up to six.
        out: File for the whole table of scores: .csv, .tsv or .parquet.
        seed: Fixes resamples and permutations.
        replicates: Bootstrap resamples, and permutations of a test.
        method: Of the bootstrap intervals.
    """
    from cogtrain.evaluation.cell import Scoring
    from cogtrain.evaluation.score import score_files

    resampling: Any = {"replicates": replicates, "seed": seed, "method": method}
    scoring = Scoring(against=against, resampling=resampling)
    print(score_files(judgments, humans, truth, question=question, out=out, scoring=scoring))


def mixed(
    judgments: Path,
    *,
    humans: Path | None = None,
    out: Path | None = None,
    engine: Literal["gpboost", "pymc"] = "gpboost",
    question: str = "will_fall",
    graded: bool = False,
    replicates: int = 200,
    seed: int = 0,
) -> None:
    """Fit mixed models of alignment with people: slope and pseudo-r, with human bars.

    The model is `model ~ 1 + human + (1 + human | observer)`, a row per stimulus and person.

    Args:
        judgments: Table of a run (judgments.parquet), or a tidy one of any observers with the
            columns observer_id, stimulus_id, response.
        humans: People's answers, the same columns.
        out: Folder to write: the estimates, the tidy table of trials, and an R script that repeats
            the analysis by lme4 and brms.
        engine: gpboost (maximum likelihood; extra `stats`) or pymc (the Bayesian model of the
            published studies, minutes per observer; extra `bayes`).
        question: Whose answers.
        graded: Take an observer's probability where there is one, not only the chosen option.
        replicates: Resamples of stimuli and people per observer, for intervals with gpboost.
        seed: Same seed, same numbers.
    """
    from cogtrain.evaluation.mixed import mixed_files

    options = {"engine": engine, "question": question, "graded": graded}
    print(mixed_files(judgments, humans, out, replicates=replicates, seed=seed, **options))


def report(*runs: Path, out: Path | None = None, base: str | None = None) -> None:
    """Write a report of saved runs: one page to open and share, and its figures and tables.

    Args:
        runs: Run folders; the first is the one whose stimuli are framed as right or wrong.
        out: Folder to write; left out, `report` within the run, or here for several runs.
        base: Name of the run that the others are compared with; left out, the one that was tested
            without training, if there is one, or for each that of the checkpoint it trained from.
    """
    from cogtrain.evaluation.report import report as write_report

    print("\n".join(map(str, write_report(runs, out, base=base))))


def export(
    source: Path,
    *,
    merge: bool = False,
    out: Path | None = None,
    pretrained: str | None = None,
    stimuli: int = 64,
) -> None:
    """Export a trained model whole, for any tool that loads `transformers` models.

    The folder is written only if the exported model decides as the trained one.

    Args:
        source: Run folder, or the folder of an adapter.
        merge: Add the adapter into the base; without it, the adapter's own folder is the export. A
            run without an adapter has nothing to merge.
        out: Folder to write; left out, `merged` beside the adapter, or `model` in the run folder.
        pretrained: Where the base is now, if it has moved.
        stimuli: Towers about which both models are asked.
    """
    adapter = source / "adapter" if (source / "adapter").is_dir() else source
    if not merge and (adapter / "adapter_config.json").is_file():
        raise UsageError(
            f"expected `--merge`, got no form to export; PEFT loads `{adapter}` as it is"
        )
    if merge:
        from cogtrain.models.export import merge as merge_adapter

        folder = out or adapter.parent / "merged"
        print(merge_adapter(adapter, folder, pretrained=pretrained, count=stimuli))
    else:
        from cogtrain.models.export import whole
        from cogtrain.training.trained import trained

        folder = out or source / "model"
        print(whole(trained(source, pretrained=pretrained), folder, count=stimuli))
    print(f"written: {folder}")


def study(
    *,
    config: Path,
    dry_run: bool = False,
    out: Path | None = None,
    only: str | None = None,
    engine: Literal["local", "ray", "none"] = "local",
    processes: int = 1,
    cpus: int = 1,
    address: str | None = None,
    retries: int = 2,
    emit: Literal["slurm", "wandb"] | None = None,
) -> int:
    """Run a whole study: every condition and seed, the base, and the report over all of them.

    The same command goes on where it ended: finished runs are not repeated, others continue. The
    exit code is 1 if a run is missing at the end.

    Args:
        config: YAML file of the study.
        dry_run: Print the grid and what it costs, and start nothing; needs no GPU, weights or
            network.
        out: Folder to write; left out, `studies/<name>`.
        only: A run, by name or id, or a condition; no report is written then.
        engine: Where runs are started: on this machine, on a Ray cluster (extra `ray`), or nowhere:
            `none` writes the report over what is finished.
        processes: Runs at a time, each with its own GPU where there are some; an existing cluster
            decides by itself.
        cpus: CPU cores of each run, with `ray` or a file for SLURM.
        address: Of a Ray cluster, `auto` for this machine's; left out, RAY_ADDRESS, or a new one
            here.
        retries: How often a run that was killed is continued before it counts as failed.
        emit: Write an array script for SLURM or a sweep for W&B agents that does the same runs, and
            start nothing.
    """
    from cogtrain.study.config import StudyConfig
    from cogtrain.study.grid import expand, table

    planned = StudyConfig.read(config)
    from cogtrain.training.completing import complete  # seconds: after the config has been read

    runs = expand(planned, complete)
    if dry_run:
        from cogtrain.study.cost import cost_of, total

        print(f"{table(runs)}\n{total([cost_of(run) for run in runs])}")
        return 0
    from cogtrain.study.record import StudyFolder
    from cogtrain.study.run import Execution, chosen, gpus_of, run_study

    folder = StudyFolder(out or Path("studies") / planned.name)
    if emit is not None:
        from cogtrain.study.emit import Emitted

        about = {"name": planned.name, "config": config, "folder": folder, "cpus": cpus}
        print(Emitted(**about, gpus=gpus_of(runs)).write(emit, chosen(runs, only)))
        return 0
    execution = Execution(
        engine=engine,
        only=only,
        processes=processes,
        cpus=cpus,
        address=address,
        retries=retries,
        environ={"WANDB_RUN_GROUP": planned.name},
    )
    return run_study(runs, folder, execution)


def env() -> None:
    """Print versions, hardware and the threads that this process may use."""
    from cogtrain.environment import table

    print(table())


LIGHT: dict[str, Verb] = {
    function.__name__: function
    for function in (render, audit, judgments, score, mixed, study, report, export, schema, env)
}
