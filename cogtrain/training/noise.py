"""What libraries say to their developers, kept from our users. Each line has its reason."""

import logging
import os
import warnings

_IRRELEVANT = (
    r".*does not have many workers.*",  # the loader has native threads, not worker processes
    r".*smaller than the logging interval.*",  # a short run is no mistake
    r".*module\(s\) in eval mode at the start of training.*",  # frozen components, on purpose
    r"Total length of .* across ranks is zero.*",  # a list of sets may be left empty
    r"Be aware that when using `ckpt_path`, callbacks used.*",  # judging needs none of training's
    r"Checkpoint directory .* exists and is not empty.*",  # a run that is continued
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",  # between Lightning and torch
)


def quieten() -> None:
    """Silences what does not concern a user of the command line; everything else still shows."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _IRRELEVANT:
        warnings.filterwarnings("ignore", message=message)
    # Lightning calls jsonargparse by names that will go in its next major version.
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
