"""Checking: what a training would do, found out before it costs anything."""
