"""Raw exports of a made-up experiment, as jsPsych and Prolific write them.

    python examples/experiment.py experiment

writes `experiment/data/` with one file per person, `experiment/prolific.csv`, and the same answers
as a matrix, `experiment/matrix.csv`. Nobody was asked anything: answers follow from a formula.
"""

import csv
import json
import sys
from pathlib import Path

STIMULI = [f"tower_{number:02d}" for number in range(12)]
PEOPLE = [f"{number:02x}9088a8a4b6ed018b45ba7b" for number in range(90, 98)]
HASTY, CARELESS, REJECTED = 2, 4, 6  # who of them is left out, and why


def said(person: int, stimulus: int) -> int:
    """Button that was pressed: 0 for yes, 1 for no."""
    return ((7 * person + 3 * stimulus) % 5 == 0) ^ (stimulus % 2)


def session(person: int) -> list[dict[str, object]]:
    """Everything that the browser of one person saves."""
    trials: list[dict[str, object]] = [{"trial_type": "instructions", "rt": 5210}]
    for number, stimulus in enumerate(STIMULI):
        trials.append(
            {
                "trial_type": "image-button-response",
                "task": "judgment",
                "stimulus": f"img/{stimulus}.png",
                "response": said(person, number),
                "rt": (90 if person == HASTY else 900) + 10 * number,
            }
        )
    trials += [
        {
            "trial_type": "html-button-response",
            "task": "attention",
            "stimulus": "<p>Press <b>No</b>.</p>",
            "response": 0 if person == CARELESS else 1,
            "correct": person != CARELESS,
            "rt": 1400,
        }
    ] * 2
    return [trial | {"subject_id": PEOPLE[person]} for trial in trials]


def main(folder: Path) -> None:
    """Writes the experiment into `folder`."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for person in range(len(PEOPLE)):
        path = folder / "data" / f"session-{person}.json"
        path.write_text(json.dumps(session(person)), encoding="utf-8")
    with (folder / "prolific.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Submission id", "Participant id", "Status", "Time taken"])
        for person, name in enumerate(PEOPLE):
            status = "REJECTED" if person == REJECTED else "APPROVED"
            rows.writerow([f"s{person}", name, status, 300 + person])
    with (folder / "matrix.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["stimulus", *PEOPLE])
        for number, stimulus in enumerate(STIMULI):
            rows.writerow([stimulus, *(1 - said(p, number) for p in range(len(PEOPLE)))])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
