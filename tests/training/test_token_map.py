from types import SimpleNamespace

import pytest

from cogtrain import Loader, Preprocess, StimulusSet
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import collate
from cogtrain.models.menu import Menu
from cogtrain.training.callbacks.token_map import TokenMap, reject_image_labels, token_maps
from cogtrain.training.module import VLMModule
from cogtrain.training.objective import Objective

TRAINER = SimpleNamespace(is_global_zero=True)


@pytest.fixture(scope="module")
def batch():
    towers = StimulusSet.recipe(count=2, size_px=56, questions=["will_fall", "block_count"])
    loader = Loader(towers, batch_size=2, seed=0, preprocess=Preprocess.qwen2_vl())
    return collate(next(iter(loader)), [AskedSet.of(towers)])


def test_shows_what_is_read_and_what_is_learned(batch):
    module = VLMModule(objective=Objective(label_smoothing=0.5))
    head, *maps = map(str, token_maps(module.vlm, module.objective, batch))
    assert head == "first batch: 4 items, 4 of them count; 2 kinds of questions"
    fall = next(text for text in maps if "will_fall" in text)
    assert "<|vision_start|><|image_pad|>×4<|vision_end|>" in fall  # 56 px: 2 x 2 merged patches
    assert "Will this block tower fall?" in fall
    truth = dict(zip(batch["question"], batch["answer"], strict=True))["will_fall"]
    first = batch["answer"][batch["question"].index("will_fall")]
    assert truth in ("yes", "no")
    assert f"→ 0.75 {first}: " in fall
    count = next(text for text in maps if "block_count" in text)
    assert "read again after" in count  # "10" takes two tokens


def test_names_what_is_not_wanted(batch):
    module = VLMModule()
    maps = map(str, token_maps(module.vlm, module.objective, batch))
    text = next(each for each in maps if "will_fall" in each)
    first = batch["answer"][batch["question"].index("will_fall")]
    assert f"→ 1.00 {first}: " in text
    assert text.endswith(f"not wanted: {'no' if first == 'yes' else 'yes'}")


def test_is_printed_once_and_plain_where_there_is_no_terminal(batch, capsys):
    callback = TokenMap()
    for _ in range(2):
        callback.on_train_batch_start(TRAINER, VLMModule(), batch, 0)
    err = capsys.readouterr().err
    assert err.count("first batch") == 1
    assert "\x1b" not in err


def test_an_image_is_never_an_answer():
    menu = Menu(options=("yes", "no"), paths=(((7,),), ((3, 9),)), branches=((3,),))
    reject_image_labels(menu, {5})
    with pytest.raises(ValueError, match=r"option `no`, got tokens \[3, 9\], which stand for"):
        reject_image_labels(menu, {9})
