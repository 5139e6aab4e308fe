"""What is told without weights, against what the whole model takes when it has them."""

import dataclasses
from itertools import accumulate

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from cogtrain import Preprocess
from cogtrain.models import footprint as module
from cogtrain.models import layers
from cogtrain.models.footprint import Footprint, Load, footprint, hours
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.meter import Meter
from cogtrain.models.origin import Origin
from cogtrain.models.vlm import VLM
from tests.models.family_parity import draw
from tests.models.tiny_families import RECIPES, build

SIZES = ((60, 150), (56, 56), (56, 56))
EVERYWHERE = Tuning(tune=Tune(vision="lora", merger="lora", language="lora"), r=4)
LANGUAGE = Tuning(r=4, lora_dropout=0.1)
LOAD = Load(sizes_px=SIZES, questions=("will_fall",))
# Deeper than the recipes: what differs from layer to layer must not be taken for alike.
DEEPER = {"num_hidden_layers": 4}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folder of the tiny checkpoint of a family, made once."""
    made = {"tiny": "tiny"}

    def checkpoints(name):
        if name not in made:
            layers_of = {"layer_types": ["sliding_attention", "full_attention"] * 2}
            text = DEEPER | (layers_of if name == "gemma3" else {})
            made[name] = str(build(name, tmp_path_factory.mktemp(name), text=text))
        return made[name]

    return checkpoints


@dataclasses.dataclass
class Real:
    """A model with values and one micro-batch, as `footprint` sees them without."""

    vlm: VLM
    load: Load

    @classmethod
    def of(cls, origin: Origin, tuning: Tuning, load: Load) -> "Real":
        vlm = VLM(origin, tuning)
        vlm.tokens_per_pass = load.tokens_per_pass
        if load.gradient_checkpointing:
            layers.recompute(vlm.model)
        return cls(vlm.train(), load)

    @property
    def trained(self):
        return [each for each in self.vlm.parameters() if each.requires_grad]

    def arrays(self):
        # Noise, so that nothing follows from images being black.
        images = [[image] for image in draw(self.load.sizes_px, seed=0)]
        preprocess = Preprocess.from_pretrained(self.vlm.origin.path, resize="pillow")
        return {name: torch.from_numpy(each) for name, each in preprocess(images).items()}

    def loss(self, arrays):
        asked = self.load.questions * len(self.load.sizes_px)
        images = [i for i in range(len(self.load.sizes_px)) for _ in self.load.questions]
        return -self.vlm.scores(asked, arrays, image=images).log_probability[:, 0].sum()

    def flops(self):
        arrays = self.arrays()
        with FlopCounterMode(display=False) as counted:
            self.loss(arrays).backward()
        return counted.get_total_flops()

    def saved_bytes(self):
        """Distinct memory of what autograd keeps, weights apart."""
        weights = {each.untyped_storage().data_ptr() for each in self.vlm.parameters()}
        kept = []  # alive until they are counted: addresses are used again
        with torch.autograd.graph.saved_tensors_hooks(
            lambda each: kept.append(each) or each, lambda each: each
        ):
            self.loss(self.arrays())
        storages = {each.untyped_storage().data_ptr(): each.untyped_storage() for each in kept}
        return sum(each.nbytes() for key, each in storages.items() if key not in weights)

    def allocated_bytes(self):
        """The most that the allocator had given at once, by torch's profiler, gradients apart."""
        arrays = self.arrays()
        self.loss(arrays).backward()  # gradients are there from now on
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
            self.loss(arrays).backward()
        events = profiled.profiler.kineto_results.events()
        memory = [each for each in events if each.name() == "[memory]"]
        changes = [each.nbytes() for each in sorted(memory, key=lambda each: each.start_ns())]
        return max(accumulate(changes)) + sum(each.nbytes for each in arrays.values())

    def metered(self):
        arrays = self.arrays()
        for each in self.trained:
            each.grad = torch.zeros_like(each)
        standing = [*self.vlm.parameters(), *self.vlm.buffers()]
        standing += [each.grad for each in self.trained]
        with Meter(standing, arrays.values()) as meter:
            loss = self.loss(arrays)
            kept = meter.live_bytes
            loss.backward()
        return kept, meter.peak_bytes


def assert_alike(told: Footprint, real: Real) -> None:
    assert told.flops == real.flops()
    kept, peak = real.metered()
    assert told.activation_bytes == pytest.approx(kept, rel=0.01)
    assert told.activation_bytes + told.working_bytes == pytest.approx(peak, rel=0.01)


@pytest.mark.parametrize("name", ["tiny", *RECIPES])
def test_every_family_takes_what_was_told(checkpoints, name):
    origin = Origin(checkpoints(name))
    tuning = Tuning(r=4) if name == "gemma3" else EVERYWHERE  # its merger has no linear layer
    sizes = ((56, 84), (112, 56), (56, 56)) if name == "tiny" else SIZES
    load = Load(sizes_px=sizes, questions=("will_fall",))
    told, real = footprint(origin, tuning, load), Real.of(origin, tuning, load)
    assert_alike(told, real)
    # By autograd's own hooks; beyond what they see live inputs, and what nothing behind it uses.
    saved, given = real.saved_bytes(), sum(each.nbytes for each in real.arrays().values())
    assert saved <= told.activation_bytes <= 1.15 * saved + given


@pytest.mark.parametrize("is_recomputing", [False, True])
def test_the_allocator_gives_what_was_told(checkpoints, is_recomputing):
    origin = Origin(checkpoints("qwen2_5_vl"))
    load = Load(
        sizes_px=((112, 112),) * 8,
        questions=("will_fall",),
        gradient_checkpointing=is_recomputing,
    )
    told = footprint(origin, EVERYWHERE, load)
    given = Real.of(origin, EVERYWHERE, load).allocated_bytes()
    assert told.activation_bytes + told.working_bytes == pytest.approx(given, rel=0.02)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl", "smolvlm", "internvl"])
def test_recomputing_takes_what_was_told(checkpoints, name):
    origin, load = Origin(checkpoints(name)), dataclasses.replace(LOAD, gradient_checkpointing=True)
    assert_alike(footprint(origin, EVERYWHERE, load), Real.of(origin, EVERYWHERE, load))


@pytest.mark.parametrize(
    ("dtype", "tuning", "changes"),
    [
        ("bfloat16", LANGUAGE, {}),
        ("auto", LANGUAGE, {"questions": ("will_fall", "block_count")}),
        ("float32", Tuning.full(), {"questions": ("will_fall", "block_count")}),
        ("float32", dataclasses.replace(LANGUAGE, use_dora=True), {}),
        ("float32", LANGUAGE, {"tokens_per_pass": 120}),
        ("float32", LANGUAGE, {"tokens_per_pass": 120, "gradient_checkpointing": True}),
    ],
)
def test_every_way_to_train_takes_what_was_told(checkpoints, dtype, tuning, changes):
    origin = Origin(checkpoints("qwen2_5_vl"), dtype=dtype)
    load = dataclasses.replace(LOAD, **changes)
    assert_alike(footprint(origin, tuning, load), Real.of(origin, tuning, load))


@pytest.mark.parametrize(
    ("dtype", "tuning"),
    [("bfloat16", LANGUAGE), ("float32", EVERYWHERE), ("float32", Tuning.full())],
)
def test_standing_bytes_are_those_of_tensors_after_a_step(checkpoints, dtype, tuning):
    origin = Origin(checkpoints("qwen3_vl"), dtype=dtype)
    told = footprint(origin, tuning, LOAD)
    real = Real.of(origin, tuning, LOAD)
    optimizer = torch.optim.AdamW(real.trained, foreach=True)
    real.loss(real.arrays()).backward()
    optimizer.step()
    moments = [
        each for state in optimizer.state.values() for each in state.values() if each.ndim > 0
    ]
    everything = [*real.vlm.parameters(), *real.vlm.buffers()]
    assert told.weights_type == dtype
    assert told.trained_bytes == sum(each.nbytes for each in real.trained)
    assert told.weights_bytes + told.trained_bytes == sum(each.nbytes for each in everything)
    assert told.gradient_bytes == sum(each.grad.nbytes for each in real.trained)
    assert told.optimizer_bytes == sum(each.nbytes for each in moments)
    with Meter([*everything, *moments, *(each.grad for each in real.trained)]) as meter:
        optimizer.step()
    assert meter.peak_bytes == pytest.approx(told.optimizer_bytes / 2, rel=0.02)


def test_tied_weights_count_once(checkpoints):
    folder = checkpoints("qwen2_5_vl")
    told = footprint(Origin(folder), LANGUAGE, LOAD)
    real = VLM(Origin(folder), LANGUAGE)
    assert told.weights_bytes == sum(
        each.nbytes for each in [*real.parameters(), *real.buffers()] if not each.requires_grad
    )
    tied = footprint(Origin("tiny"), LANGUAGE, LOAD)
    model = VLM.load("tiny").model
    assert model.lm_head.weight is model.get_input_embeddings().weight
    names = [*model.parameters(), *model.buffers()]
    assert tied.weights_bytes == sum(each.nbytes for each in names)


def test_twice_the_items_take_twice_the_activations(checkpoints):
    origin = Origin(checkpoints("qwen2_5_vl"))
    once = footprint(origin, EVERYWHERE, Load(sizes_px=((112, 112),) * 2, questions=("will_fall",)))
    twice = footprint(
        origin, EVERYWHERE, Load(sizes_px=((112, 112),) * 4, questions=("will_fall",))
    )
    assert twice.activation_bytes == pytest.approx(2 * once.activation_bytes, rel=0.05)
    assert twice.flops == pytest.approx(2 * once.flops, rel=0.01)
    assert (once.stimuli, twice.stimuli) == (2, 4)
    assert once.trained_bytes == twice.trained_bytes


def test_recomputing_takes_less_memory_and_more_operations(checkpoints):
    origin = Origin(checkpoints("qwen2_5_vl"))
    plain = footprint(origin, LANGUAGE, LOAD)
    again = footprint(origin, LANGUAGE, dataclasses.replace(LOAD, gradient_checkpointing=True))
    assert again.activation_bytes < plain.activation_bytes
    assert again.peak_bytes < plain.peak_bytes
    assert again.flops > plain.flops


def test_several_passes_bound_what_is_kept(checkpoints):
    origin = Origin(checkpoints("qwen2_5_vl"))
    load = Load(sizes_px=((56, 56),) * 6, questions=("will_fall",))
    plain = footprint(origin, LANGUAGE, load)
    bounded = footprint(origin, LANGUAGE, dataclasses.replace(load, tokens_per_pass=110))
    assert bounded.activation_bytes < 0.5 * plain.activation_bytes
    assert bounded.peak_bytes < plain.peak_bytes


def test_nothing_trained_is_a_forward_pass(checkpoints):
    told = footprint(Origin("tiny"), Tuning.frozen(), LOAD)
    assert told.trained_bytes == told.gradient_bytes == told.optimizer_bytes == 0
    assert told.flops > 0


def test_no_weights_are_read(checkpoints, tmp_path):
    build("qwen2_vl", tmp_path)
    before = footprint(Origin(str(tmp_path)), LANGUAGE, LOAD)
    (tmp_path / "model.safetensors").unlink()
    assert footprint(Origin(str(tmp_path)), LANGUAGE, LOAD) == before


def test_four_bits_take_what_bitsandbytes_keeps():
    functional = pytest.importorskip("bitsandbytes.functional")
    weight = torch.randn(96, 160)
    packed, state = functional.quantize_4bit(
        weight, blocksize=64, quant_type="nf4", compress_statistics=True
    )
    kept = [packed, state.absmax, state.code, state.offset, state.state2.absmax, state.state2.code]
    assert module._nf4_bytes(weight) == sum(each.nbytes for each in kept)


def test_four_bits_replace_the_linear_layers_of_the_language_model(checkpoints):
    folder = checkpoints("qwen2_5_vl")
    whole = footprint(Origin(folder, dtype="bfloat16"), LANGUAGE, LOAD)
    told = footprint(Origin(folder, quantization="nf4"), LANGUAGE, LOAD)
    # Hidden size 64, 4 and 2 heads of 16, 96 inside: seven layers in each of four.
    shapes = [64 * 64] * 2 + [64 * 32] * 2 + [64 * 96] * 3
    saved = 4 * sum(2 * n - n // 2 - n // 64 - 4 * 1 - 4 * 273 for n in shapes)
    assert whole.weights_bytes - told.weights_bytes == saved
    assert told.weights_type == "nf4"
    assert told.trained_bytes == whole.trained_bytes
    assert told.working_bytes == whole.working_bytes + 2 * 64 * 96
    with pytest.raises(ValueError, match="got full; rounded weights cannot move"):
        footprint(Origin(folder, quantization="nf4"), Tuning.full(), LOAD)


def test_lines_say_every_part():
    taken = Footprint(
        weights_type="nf4",
        weights_bytes=2 * 2**30,
        trained_bytes=2**29,
        gradient_bytes=2**29,
        optimizer_bytes=2**30,
        activation_bytes=2**28,
        working_bytes=2**27,
        flops=5 * 10**12,
        stimuli=2,
    )
    assert taken.peak_bytes == 4 * 2**30 + 2**29  # AdamW's copy is more than the activations
    assert [line.split(maxsplit=1) for line in taken.lines()[:4]] == [
        ["weights", "2.000 GiB (nf4, frozen)"],
        ["trained", "0.500 GiB"],
        ["gradients", "0.500 GiB"],
        ["AdamW", "1.000 GiB"],
    ]
    assert "4.500 GiB at least" in taken.lines()[6]
    assert "2.5 TFLOP per stimulus" in taken.lines()[7]
    more = dataclasses.replace(taken, activation_bytes=2**30)
    assert more.peak_bytes == 5 * 2**30 + 2**27


def test_hours_follow_from_the_best_speed():
    assert hours(312e12 * 3600, "A100", 0.5) == pytest.approx(2)
    assert hours(19.5e12 * 3600, "a100", 1, "float32") == pytest.approx(1)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (("b300", 0.4), r"^expected a device of .*a100.*, got `b300`; name one of these$"),
        (("a100", 0), r"^expected `utilisation` in \(0, 1\], got 0; 0.3 to 0.5 is usual$"),
        (("a100", 1.5), r"got 1.5; 0.3"),
        (("t4", 0.4), r"^expected a type that `t4` computes in \(float32.*, got `bfloat16`; name"),
    ],
)
def test_hours_refuse_what_is_unknown(told, message):
    with pytest.raises(ValueError, match=message):
        hours(1e18, *told)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"sizes_px": ()}, "got 0 images and 1 questions; give at least one of each"),
        ({"questions": ()}, "got 3 images and 0 questions; give at least one of each"),
        ({"sizes_px": ((56, 0),)}, "of at least 1 x 1 px, got a side of 0; correct the size"),
        ({"tokens_per_pass": 0}, "`tokens_per_pass` to be at least 1, got 0; leave it out"),
    ],
)
def test_loads_refuse_what_is_none(told, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(LOAD, **told)


def test_unknown_questions_are_refused_as_ever():
    with pytest.raises(ValueError, match="got `will_fly`"):
        footprint(Origin("tiny"), LANGUAGE, dataclasses.replace(LOAD, questions=("will_fly",)))


def test_the_meter_sees_memory_come_and_go():
    rows = torch.ones(4, 8)
    with Meter([rows]) as meter:
        first = rows + 1
        assert meter.live_bytes == 128
        view = first[1:]
        del first
        assert meter.live_bytes == 128  # the view holds all of it
        del view
        assert meter.live_bytes == 0
        rows.add_(1)
    assert (meter.live_bytes, meter.peak_bytes) == (0, 128)
