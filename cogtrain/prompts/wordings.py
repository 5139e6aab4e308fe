"""The English of every question: several wordings each, with where each comes from.

What the fine-tuning study itself asked is not published. So the wordings that come from the same
laboratory's other studies are marked with their source, and the rest are ours; none is confirmed
for that study.

Sources: *towers*: Schulze Buschoff et al., "Visual cognition in multimodal large language models",
Nature Machine Intelligence 7 (2025), public code. *interaction*: Schulze Buschoff et al., "Can
vision language models learn intuitive physics from interaction?", arXiv 2602.06033, public code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TOWERS = "same laboratory, towers study; not confirmed for the fine-tuning study"
INTERACTION = (
    "same laboratory, interaction study; reads like instructions to people, "
    "which is our inference; not confirmed for the fine-tuning study"
)
AFTER_TOWERS = "ours, after a question of the same laboratory's towers study"
AFTER_INTERACTION = "ours, after the instructions of the same laboratory's interaction study"
OURS = "ours"


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to put a question.

    Attributes:
        id: Names it within its question; it and the question decide every letter.
        text: What is put to the observer.
        source: Where it comes from.
        tasks: Tasks whose images it fits; empty for all.
        is_for_people: Whether people are asked in it, and models by default: exactly one wording of
            a question is, on the images of any one task.
        is_reversed: Whether a yes to it means the option `no` of the question.
    """

    id: str
    text: str
    source: str = OURS
    tasks: tuple[str, ...] = ()
    is_for_people: bool = False
    is_reversed: bool = False

    def fits(self, task: str | None) -> bool:
        """Whether it may be put to images of ``task``; ``None`` asks for no particular one."""
        return task is None or not self.tasks or task in self.tasks


WORDINGS: Mapping[str, tuple[Wording, ...]] = MappingProxyType(
    {
        "will_fall": (
            Wording(
                "laboratory",
                "Will this block tower fall? Give a boolean answer.",
                TOWERS,
                tasks=("tower",),
                is_for_people=True,
            ),
            Wording(
                "instructions-pyramid",
                "You are now viewing a pyramid of blocks. Will any of the blocks fall? Answer Yes "
                "if you think that at least one block will fall. Answer No if you think that no "
                "blocks will fall.",
                INTERACTION,
                tasks=("pyramid",),
                is_for_people=True,
            ),
            Wording(
                "instructions-tower",
                "You are now viewing a tower of blocks. Will any of the blocks fall? Answer Yes "
                "if you think that at least one block will fall. Answer No if you think that no "
                "blocks will fall.",
                AFTER_INTERACTION,
                tasks=("tower",),
            ),
            Wording("plain", "Will any of these blocks fall? Answer yes or no."),
            Wording(
                "untouched",
                "If nobody touches the blocks, will at least one of them fall? Answer yes or no.",
            ),
            Wording(
                "reversed",
                "Will all of these blocks stay where they are? Answer yes or no.",
                is_reversed=True,
            ),
        ),
        "will_fall_if_removed": (
            Wording(
                "instructions",
                "Imagine that the red block is removed. Will any of the other blocks fall? Answer "
                "Yes if you think that at least one block will fall. Answer No if you think that "
                "no blocks will fall.",
                AFTER_INTERACTION,
                is_for_people=True,
            ),
            Wording(
                "plain",
                "If the red block were removed, would any other block fall? Answer yes or no.",
            ),
            Wording(
                "without",
                "Would at least one of the other blocks fall if the red block was not there? Give "
                "a boolean answer.",
                AFTER_TOWERS,
            ),
            Wording(
                "reversed",
                "If the red block were removed, would all other blocks stay where they are? Answer "
                "yes or no.",
                is_reversed=True,
            ),
        ),
        "fall_count_if_removed": (
            Wording(
                "without",
                "How many of the other blocks would fall if the red block was not there? Answer "
                "with a number.",
                AFTER_TOWERS,
                is_for_people=True,
            ),
            Wording(
                "plain",
                "If the red block were removed, how many other blocks would fall? Answer with a "
                "number.",
            ),
            Wording(
                "instructions",
                "Imagine that the red block is removed. How many of the other blocks will fall? "
                "Answer 0 if you think that no blocks will fall.",
                AFTER_INTERACTION,
            ),
        ),
        "background_color": (
            Wording("laboratory", "What is the background color?", TOWERS, is_for_people=True),
            Wording(
                "menu",
                "What color is the background: white, gray, beige, blue or black? Answer with one "
                "of these colors.",
            ),
            Wording("plain", "Name the color of the background. Answer with one word."),
        ),
        "block_count": (
            Wording(
                "plain",
                "How many blocks are there? Answer with a number.",
                AFTER_TOWERS,
                is_for_people=True,
            ),
            Wording("count", "Count all blocks in this image. Answer with a number."),
            Wording("viewing", "How many blocks are you now viewing? Answer with one number."),
        ),
        "colors_top_to_bottom": (
            Wording(
                "laboratory",
                "What are the colors of the blocks from top to bottom? You are only allowed to "
                "answer with the color names.",
                TOWERS,
                tasks=("tower",),
                is_for_people=True,
            ),
            Wording(
                "laboratory-pyramid",
                "What are the colors of the blocks from top to bottom, and in each row from left "
                "to right? You are only allowed to answer with the color names.",
                AFTER_TOWERS,
                tasks=("pyramid",),
                is_for_people=True,
            ),
            Wording(
                "plain",
                "Name the color of each block, from top to bottom and in each row from left to "
                "right. Answer with color names only.",
            ),
            Wording(
                "list",
                "Give a list of the colors of all blocks: begin with the top row, go from left to "
                "right in each row, and end with the bottom row.",
            ),
        ),
        "has_red_block": (
            Wording("plain", "Is there a red block? Answer yes or no.", is_for_people=True),
            Wording("boolean", "Is any of these blocks red? Give a boolean answer.", AFTER_TOWERS),
            Wording(
                "instructions",
                "You are now viewing blocks. Answer Yes if at least one block is red. Answer No if "
                "no block is red.",
                AFTER_INTERACTION,
            ),
        ),
        "red_block_row": (
            Wording(
                "plain",
                "In which row from the bottom is the red block? The bottom row is row 1. Answer "
                "with a number, or with none if there is no red block.",
                is_for_people=True,
            ),
            Wording(
                "count",
                "Count the rows from bottom to top. What is the number of the row with the red "
                "block? Answer none if there is no red block.",
            ),
            Wording(
                "menu",
                "Which row is the red block in, if 1 is the bottom row? Answer with one number, or "
                "none if no block is red.",
            ),
        ),
    }
)
