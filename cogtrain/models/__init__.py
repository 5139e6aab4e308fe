"""Vision-language models: where a checkpoint lives, how it answers, what of it is trained.

Importing this package loads no torch; `cogtrain.models.vlm` and `cogtrain.models.lora` do.
"""
