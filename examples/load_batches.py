"""Batches for a vision-language model with numpy alone: ``python examples/load_batches.py``.

Rendered towers come out as the very arrays that the Hugging Face processor of Qwen2-VL would make.
The stream is interrupted, saved, and continued by two ranks instead of one.
"""

import json

from cogtrain import Loader, Preprocess, StimulusSet

towers = StimulusSet.recipe(task="tower", count=64, split="train", size_px=224)
preprocess = Preprocess.qwen2_vl()

loader = Loader(towers, batch_size=8, seed=0, preprocess=preprocess)
stream = iter(loader)
for _ in range(3):
    batch = next(stream)
    falling = sum(answers["will_fall"] == "yes" for answers in batch.answers)
    print(f"{batch.arrays['pixel_values'].shape} patches, {falling} of {len(batch)} will fall")

state = json.dumps(loader.state_dict())
print(f"saved: {state}")
expected = [name for batch in stream for name in batch.ids]

ranks = [
    Loader(towers, batch_size=4, seed=0, preprocess=preprocess, rank=rank, world_size=2)
    for rank in range(2)
]
for rank in ranks:
    rank.load_state_dict(json.loads(state))
continued = [name for step in zip(*ranks, strict=True) for batch in step for name in batch.ids]
print(f"two ranks continue the same sequence: {continued == expected}")
