"""Evaluation works from saved judgments and numbers: no model, no GPU, no torch.

`cogtrain.evaluation.score.score` judges observers, `cogtrain.evaluation.report.report` writes a
report of run folders, `cogtrain.evaluation.table.format_table` prints numbers.
"""
