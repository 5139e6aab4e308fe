"""A whole study: every training condition and seed, judged on the same sets and compared.

Runs are processes of their own (`python -m cogtrain fit`), so a study knows their configs and their
folders, and nothing of models.
"""
