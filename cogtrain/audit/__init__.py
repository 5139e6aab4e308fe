"""Audits of stimulus sets: is a set whole, balanced, free of twins and leaks, and of shortcuts?

`cogtrain.audit.run.audit` looks at every stimulus once and writes `audit.md`, `audit.json` and
`contact_sheet.png`. Each part of the report is one file here: `integrity`, `counts`, `sheet`,
`duplicates`, `leakage`, `shortcuts`, `correlations`. No torch.
"""
