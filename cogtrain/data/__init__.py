"""Batches of stimuli: the loader (numpy only) and, for training, their way into torch."""
