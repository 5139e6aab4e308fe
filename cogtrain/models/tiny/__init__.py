"""The embedded default: a Qwen2-VL of about 1 M parameters in an ordinary checkpoint folder.

The folder beside this file is what `transformers` calls a pretrained model; `build.py` makes it.
"""
