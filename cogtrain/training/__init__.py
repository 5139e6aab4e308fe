"""Training and judging with Lightning: what a step computes, what a run keeps, the command line."""
