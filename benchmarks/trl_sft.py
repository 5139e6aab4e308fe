"""Do TRL's `SFTTrainer` and `fit` learn the same, and what does a step of each cost?

Run: python benchmarks/trl_sft.py [--steps 12] [--batch 16] [--trl FOLDER] [--out FILE.json]

The embedded Qwen2-VL with a LoRA adapter on its language model, in float32 on one thread, on the
same towers of 112 px in the same order, AdamW at one learning rate, gradients clipped at 1. TRL
reads PIL images through Hugging Face's processor; both begin from one adapter folder that we
wrote, and TRL loads it by PEFT unchanged. Three runs, each in a process of its own: ours; TRL with
our loss (`compute_loss_func`: the probability of all forms of the true answer), whose losses must
agree step by step; and TRL as it comes, whose loss is over the tokens of one form and the end of
the turn, so that only time and memory compare. TRL is optional: `pip install --no-deps --target
FOLDER trl datasets dill multiprocess xxhash`, and name the folder; without it that is said.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import record
import torch

from cogtrain import Loader, StimulusSet, prompts
from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.data.recipe import Recipe
from cogtrain.models import checkpoint
from cogtrain.models.lora import Tune, Tuning
from cogtrain.models.vlm import VLM

LR, SEED, WARM_UP = 1e-3, 0, 2
TUNING = Tuning(tune=Tune(language="lora"), r=8, lora_alpha=16, lora_dropout=0.0)
WAYS = ("cogtrain", "TRL, our loss", "TRL as it comes")
AGREE = 1e-4


def towers(steps: int, batch: int) -> Recipe:
    return Recipe(name="towers", count=steps * batch, size_px=112, factors={"size": "small"})


class Clock:
    """Seconds of every step, of the processor and on the clock."""

    def __init__(self) -> None:
        self.cpu_s: list[float] = []
        self.clock_s: list[float] = []
        self.tick()

    def tick(self) -> None:
        self._cpu, self._clock = process_time(), perf_counter()

    def lap(self) -> None:
        self.cpu_s.append(process_time() - self._cpu)
        self.clock_s.append(perf_counter() - self._clock)
        self.tick()

    def figures(self, losses: list[float]) -> dict:
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "losses": losses,
            "cpu_s_per_step": median(self.cpu_s[WARM_UP:]),
            "clock_s_per_step": median(self.clock_s[WARM_UP:]),
            "peak_mib": round(peak_mib),
        }


def ours(folder: Path, steps: int, batch: int) -> dict:
    from lightning.pytorch import Callback, Trainer

    from cogtrain.training.callbacks.step_log import StepLog
    from cogtrain.training.logs import MetricsFile
    from cogtrain.training.module import VLMModule
    from cogtrain.training.noise import quieten
    from cogtrain.training.schedule import AdamW, WarmupDecay

    quieten()
    module = VLMModule(
        tuning=TUNING,
        optimizer=AdamW(lr=LR, weight_decay=0.0),
        lr_scheduler=WarmupDecay(warmup=0.0, floor=1.0),
    )
    module.vlm.load_adapter(folder / "adapter")
    data = StimuliDataModule([towers(steps, batch)], [], [], batch_size=batch, seed=SEED, threads=1)
    clock = Clock()

    class Laps(Callback):
        def on_train_start(self, *_):
            clock.tick()

        def on_train_batch_end(self, *_):
            clock.lap()

    trainer = Trainer(
        max_steps=steps,
        accelerator="cpu",
        gradient_clip_val=1.0,
        logger=MetricsFile(folder / "metrics.jsonl"),
        log_every_n_steps=1,
        callbacks=[StepLog(module.window), Laps()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    trainer.fit(module, datamodule=data)
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return clock.figures([line["value"] for line in lines if line["name"] == "train/loss"])


def examples(steps: int, batch: int):
    """The towers in the order of our stream, as TRL takes them."""
    from datasets import Dataset, Features, Image, List, Value

    members: StimulusSet = towers(steps, batch).build("train")
    index = {name: place for place, name in enumerate(members.ids)}
    loader = Loader(members, batch_size=batch, seed=SEED, threads=1)
    order = [index[name] for each in loader for name in each.ids]
    rows = {"images": [], "prompt": [], "completion": []}
    import PIL.Image

    for stimulus in (members[place] for place in order):
        answer = prompts.answer_forms("will_fall")[stimulus.answers["will_fall"]][0]
        rows["images"].append([PIL.Image.fromarray(stimulus.image)])
        rows["prompt"].append([{"role": "user", "content": prompts.question_text("will_fall")}])
        rows["completion"].append([{"role": "assistant", "content": answer}])
    turn = List({"role": Value("string"), "content": Value("string")})
    return Dataset.from_dict(
        rows, features=Features({"images": List(Image()), "prompt": turn, "completion": turn})
    )


def processor():
    """Hugging Face's, with Pillow; its video part alone would need torchvision."""
    from transformers import AutoImageProcessor, AutoTokenizer, Qwen2VLProcessor
    from transformers.processing_utils import ProcessorMixin

    class Images(Qwen2VLProcessor):
        def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
            self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
            self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
            self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
            ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)

    folder = checkpoint.folder("tiny")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    images = AutoImageProcessor.from_pretrained(folder, backend="pil")
    return Images(images, tokenizer, chat_template=tokenizer.chat_template)


def our_loss(losses: list[float]):
    """The loss of `fit`, on the logits that TRL hands over."""
    vlm = VLM.load("tiny")
    menu = vlm._menu("will_fall", prompts.PEOPLE)
    firsts = {path[0]: place for place, paths in enumerate(menu.paths) for path in paths}

    def loss(outputs, labels, num_items_in_batch=None):
        begins = (labels != -100).int().argmax(dim=1)
        rows = torch.arange(len(labels))
        truth = torch.tensor([firsts[token] for token in labels[rows, begins].tolist()])
        logits = outputs.logits[rows, begins - 1]
        mass = menu.log_mass(logits[:, None])
        value = -mass[rows, truth].mean()
        losses.append(value.item())
        return value

    return loss


def theirs(folder: Path, steps: int, batch: int, *, is_ours: bool) -> dict:
    import peft
    import trl
    from transformers import AutoModelForImageTextToText, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    base = AutoModelForImageTextToText.from_pretrained(
        checkpoint.folder("tiny"), dtype=torch.float32
    )
    model = peft.PeftModel.from_pretrained(base, str(folder / "adapter"), is_trainable=True)
    clock, losses = Clock(), []

    class Laps(TrainerCallback):
        def on_train_begin(self, *_, **__):
            clock.tick()

        def on_step_end(self, *_, **__):
            clock.lap()

    options = SFTConfig(
        output_dir=str(folder / "trl"),
        max_steps=steps,
        per_device_train_batch_size=batch,
        learning_rate=LR,
        lr_scheduler_type="constant",
        adam_beta2=0.95,
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    trainer = SFTTrainer(
        model=model,
        args=options,
        train_dataset=examples(steps, batch),
        processing_class=processor(),
        callbacks=[Laps()],
        compute_loss_func=our_loss(losses) if is_ours else None,
    )
    trainer.train()
    logged = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return clock.figures(losses or logged) | {"trl": trl.__version__}


def contest(way: str, folder: Path, steps: int, batch: int) -> dict:
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    if way == WAYS[0]:
        return ours(folder, steps, batch)
    return theirs(folder, steps, batch, is_ours=way == WAYS[1])


def apart(way: str, arguments: argparse.Namespace, folder: Path) -> dict:
    """One run in a process of its own."""
    paths = [str(arguments.trl)] if arguments.trl else []
    environ = os.environ | {
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]),
    }
    words = [sys.executable, __file__, "--steps", str(arguments.steps)]
    words += ["--batch", str(arguments.batch), "--way", way, "--folder", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        return {"fault": (done.stderr.strip().splitlines() or ["it ended"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def race(arguments: argparse.Namespace) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.manual_seed(SEED)
        VLM.load("tiny", tuning=TUNING).save_adapter(folder / "adapter")
        found = {}
        for way in WAYS:
            found[way] = apart(way, arguments, folder)
            shown = {key: value for key, value in found[way].items() if key != "losses"}
            print(f"{way:<16} {shown}", flush=True)
    return found


def main() -> None:
    """Runs, prints and writes; exit code 1 if losses differ where they must agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--trl", type=Path)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/trl_sft.json"))
    arguments = parser.parse_args()
    if arguments.way:
        found = contest(arguments.way, arguments.folder, arguments.steps, arguments.batch)
        print(json.dumps(found))
        return
    if arguments.trl is None and importlib.util.find_spec("trl") is None:
        sys.exit("expected TRL for this race, got none; install it apart and name it by --trl")
    found = race(arguments)
    same = [found[way].get("losses", []) for way in WAYS[:2]]
    apart_by = max((abs(a - b) for a, b in zip(*same, strict=False)), default=float("nan"))
    print(f"losses of {len(same[0])} steps differ by at most {apart_by:.1e}")
    command = f"python benchmarks/trl_sft.py --steps {arguments.steps} --batch {arguments.batch}"
    record.write(arguments.out, command, {"figures": found, "largest_difference": apart_by})
    sys.exit(not apart_by < AGREE)


if __name__ == "__main__":
    main()
