"""Emit: files by which SLURM or the agents of Weights & Biases do the runs of a study.

They name runs by their ids: after a change of the config nothing is done that was not meant.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from cogtrain.study.grid import PlannedRun
from cogtrain.study.record import StudyFolder

Kind = Literal["slurm", "wandb"]

_ARRAY = """\
#!/bin/bash
# The {count} runs of the study `{name}`, one task of the array each:
#   sbatch --time=08:00:00 {path}
# What is finished is not repeated; what was stopped continues. The report, at the end:
#   {report}
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --ntasks=1 --cpus-per-task={cpus}{gpus}
#SBATCH --output={logs}/%a.log --open-mode=append
#SBATCH --requeue --signal=B:TERM@300  # five minutes before the time is up: a step, a checkpoint

runs=(
{runs}
)
unset SLURM_NTASKS  # or Lightning takes this task for one rank of several
export OMP_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-{cpus}}}
cd {here} || exit 1
{command} --only "${{runs[$SLURM_ARRAY_TASK_ID]}}" &
process=$!
trap 'kill -TERM "$process"' TERM
wait "$process"
code=$?
while kill -0 "$process" 2> /dev/null; do  # a signal ends the waiting, not the process
  wait "$process"
  code=$?
done
if [ "$code" -eq 143 ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


@dataclass(frozen=True, kw_only=True)
class Emitted:
    """What the files are about.

    Attributes:
        name: Of the study.
        config: Its YAML file.
        folder: Of the study; it must lie where all machines see it.
        cpus: CPU cores of a run.
        gpus: GPUs of a run.
    """

    name: str
    config: Path
    folder: StudyFolder
    cpus: int = 1
    gpus: int = 0

    def write(self, kind: Kind, runs: Sequence[PlannedRun]) -> str:
        """Writes the file into the study's folder; returns what to do with it.

        Args:
            kind: `slurm` for `array.sh`, `wandb` for `sweep.yaml`.
            runs: Those to do.
        """
        logs = self.folder.path.absolute() / "slurm"
        (logs if kind == "slurm" else logs.parent).mkdir(parents=True, exist_ok=True)
        path = self.folder.path.absolute() / {"slurm": "array.sh", "wandb": "sweep.yaml"}[kind]
        text = self._array(runs, path, logs) if kind == "slurm" else self._sweep(runs, path)
        path.write_text(text, encoding="utf-8")
        begin = f"sbatch {path}" if kind == "slurm" else f"wandb sweep {path}"
        return f"written: {path}\nto begin: {begin}\nthe report, at the end: {self._report()}"

    def _array(self, runs: Sequence[PlannedRun], path: Path, logs: Path) -> str:
        return _ARRAY.format(
            name=self.name,
            count=len(runs),
            last=len(runs) - 1,
            path=path,
            logs=logs,
            here=shlex.quote(str(Path.cwd())),
            cpus=self.cpus,
            gpus=f" --gpus={self.gpus}" if self.gpus else "",
            runs="\n".join(f"  {run.id}  # {run.name}" for run in runs),
            command=shlex.join(self._words()),
            report=self._report(),
        )

    def _sweep(self, runs: Sequence[PlannedRun], path: Path) -> str:
        names = [f"#   {run.id}  {run.name}" for run in runs]
        head = [
            f"# The {len(runs)} runs of the study `{self.name}`, one trial each:",
            f"#   wandb sweep {path}",
            "# and then on every machine what it prints. The report, at the end:",
            f"#   {self._report()}",
            *names,
        ]
        sweep = {
            "name": self.name,
            "project": runs[0].config["eval"]["wandb_project"],
            "method": "grid",
            "program": "cogtrain",  # asked for; what is run stands in `command`
            "command": ["${env}", *self._words(), "${args}"],
            "parameters": {"only": {"values": [run.id for run in runs]}},
        }
        return "\n".join([*head, yaml.safe_dump(sweep, sort_keys=False)])

    def _words(self) -> list[str]:
        where = ["--config", str(self.config.absolute()), "--out", str(self.folder.path.absolute())]
        return [sys.executable, "-m", "cogtrain", "study", *where]

    def _report(self) -> str:
        return shlex.join([*self._words(), "--engine", "none"])
