"""``python -m cogtrain VERB``."""

from cogtrain.cli import run

if __name__ == "__main__":
    run()
