"""What people answered in an experiment, as it was exported, made judgments.

`cogtrain.people.importing.import_people` reads exports, leaves out whom the exclusions say, hides
who people are, and reports all of it. Each export is one file here: `tidy`, `wide`, `jspsych`; so
are `prolific` (who was paid), `answers` (what a response means), `exclusions` (the rules),
`screening` (their application), `report`, and `pseudonyms`. No torch.
"""
