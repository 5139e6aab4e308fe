"""What watches a run: its answers, the stimuli it saw, its progress."""
