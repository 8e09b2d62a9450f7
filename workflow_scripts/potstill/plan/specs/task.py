"""What a stage after `prepare_task` knows of a task: how to read the examples and what an answer is."""

from typing import Literal

from potstill.plan.base import Record

TaskKind = Literal["classification", "extractive-qa", "generation"]


class TaskView(Record):
    """The part of a task that training, targets and evaluation depend on.

    `verbalizers` are the answer strings of a classification task, in label order (a decoder answers with the first token
    of each); empty for the other kinds. Lengths are in tokens of the model's own tokenizer.
    """

    kind: TaskKind
    verbalizers: tuple[str, ...] = ()
    max_input_tokens: int
    max_answer_tokens: int = 32
