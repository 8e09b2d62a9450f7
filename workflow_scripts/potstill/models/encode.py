"""Examples to tokens, tokens to batches: the one place where prompt, answer and the causal shift meet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from potstill.errors import DataError
from potstill.models.batch import Batch, Encoded
from potstill.plan.specs.model import ModelView
from potstill.plan.specs.task import TaskView
from potstill.progress import say


def encode_examples(
    examples: pd.DataFrame,
    tokenizer: PreTrainedTokenizerBase,
    task: TaskView,
    view: ModelView,
    answers: Mapping[str, str] | None = None,
) -> list[Encoded]:
    """The examples in the tokens of one model, in the order of `examples`.

    An encoder reads `text`, cut at its right end; a decoder reads `prompt`, cut at its left end, because the question
    and the cue of the answer stand last. Prompt and answer are tokenised together and cut after the tokens that the
    prompt has whatever follows it, so the answer's tokens are those that a model really sees.

    Args:
        examples: as `prepare_task` writes them.
        answers: example id -> answer to teach instead of the gold one (for a classification, one of the verbalizers).
            An example with neither is encoded without answer.

    Raises:
        DataError: an encoder for a generative task, an empty prompt, an answer that is no verbalizer, or verbalizers
            that begin with the same token.
    """
    texts = dict(answers or {})
    labels = _labels(examples, task, texts)
    if view.architecture == "encoder":
        return _encode_texts(examples, tokenizer, task, labels)
    if task.kind == "classification":
        encoded = _encode_choices(examples, tokenizer, task, labels)
    else:
        encoded = _encode_answers(examples, tokenizer, task, texts)
    return _shorten(encoded, tokenizer, task)


def prompt_only(item: Encoded) -> Encoded:
    """A decoder's example without its answer; what is read at the prompt's end is the same, for less work."""
    return replace(item, input_ids=item.input_ids[: item.answer_start + 1], answer_ids=()) if item.answer_ids else item


def collate(items: Sequence[Encoded], pad_id: int) -> Batch:
    """One right-padded batch; padding is masked and never an answer position."""
    length = max(len(item.input_ids) for item in items)
    input_ids = torch.full((len(items), length), pad_id, dtype=torch.int64)
    attention_mask = torch.zeros((len(items), length), dtype=torch.int64)
    for row, item in enumerate(items):
        input_ids[row, : len(item.input_ids)] = torch.tensor(item.input_ids, dtype=torch.int64)
        attention_mask[row, : len(item.input_ids)] = 1
    positions = [(row, item.answer_start + j) for row, item in enumerate(items) for j in range(len(item.answer_ids))]
    return Batch(
        example_ids=[item.example_id for item in items],
        input_ids=input_ids,
        attention_mask=attention_mask,
        labels=torch.tensor([item.label for item in items], dtype=torch.int64),
        positions=torch.tensor(positions, dtype=torch.int64).reshape(-1, 2),
        answer_ids=torch.tensor([token for item in items for token in item.answer_ids], dtype=torch.int64),
        last=torch.tensor([item.answer_start for item in items], dtype=torch.int64),
        choice_ids=torch.tensor([item.choice_ids for item in items], dtype=torch.int64).reshape(len(items), -1),
    )


def token_budget_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices in batches of at most `budget` tokens, padding included (one example at least), longest first.

    Sorted by length, so little is padded; ties keep their order; the most memory is needed first, not after an hour.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > budget:
            batches.append([])
        batches[-1].append(index)
    return batches


def _labels(examples: pd.DataFrame, task: TaskView, answers: Mapping[str, str]) -> list[int]:
    """The class of each row: of the taught answer where there is one, otherwise the gold label; -1 without either."""
    if task.kind != "classification":
        return [-1] * len(examples)
    classes = {word.strip(): index for index, word in enumerate(task.verbalizers)}
    labels = []
    for row, (example_id, label) in enumerate(zip(examples["example_id"], examples["label"], strict=True)):
        if example_id in answers:
            word = answers[example_id].strip()
            if word not in classes:
                raise DataError(f"example {example_id} (row {row}): answer {word!r} is none of {sorted(classes)}")
            label = classes[word]
        if not -1 <= label < len(task.verbalizers):
            raise DataError(f"example {example_id} (row {row}): label {label}, but there are {len(classes)} classes")
        labels.append(int(label))
    return labels


def _encode_texts(
    examples: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, task: TaskView, labels: list[int]
) -> list[Encoded]:
    if task.kind != "classification":
        raise DataError(f"an encoder cannot answer a task of kind {task.kind}: it has no way to write. Use a decoder.")
    ids = _tokenize(tokenizer, examples["text"])
    longer = [row for row, tokens in enumerate(ids) if len(tokens) > task.max_input_tokens]
    if longer:
        # Cut by the tokenizer, which keeps its closing special token.
        texts = [examples["text"].iloc[row] for row in longer]
        cut = tokenizer(texts, truncation=True, max_length=task.max_input_tokens, verbose=False)["input_ids"]
        for row, tokens in zip(longer, cut, strict=True):
            ids[row] = tokens
        say(f"{len(longer)} of {len(ids)} texts lose their end (max_input_tokens: {task.max_input_tokens})")
    rows = zip(examples["example_id"], ids, labels, strict=True)
    return [Encoded(example_id, tuple(tokens), label) for example_id, tokens, label in rows]


def _encode_choices(
    examples: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, task: TaskView, labels: list[int]
) -> list[Encoded]:
    """A decoder's classification: each verbalizer is put behind each prompt, so its tokens are those in context."""
    prompts = list(examples["prompt"])
    alone = _tokenize(tokenizer, prompts)
    behind = [_tokenize(tokenizer, [_join(prompt, word) for prompt in prompts]) for word in task.verbalizers]
    encoded = []
    for row, example_id in enumerate(examples["example_id"]):
        start = min(_common_prefix(alone[row], tokens[row]) for tokens in behind)
        choices = [_without_eos(tokens[row], tokenizer)[start:] for tokens in behind]
        first = [tokens[0] if tokens else -1 for tokens in choices]
        if len(set(first)) < len(first) or -1 in first:
            shown = ", ".join(
                f"{word!r} -> {tokenizer.convert_ids_to_tokens(tokens)}"
                for word, tokens in zip(task.verbalizers, choices, strict=True)
            )
            raise DataError(
                f"verbalizers must begin with different tokens, because a class is read off its first one; "
                f"behind the prompt of example {example_id} they are {shown}. Choose other words."
            )
        answer = tuple(choices[labels[row]]) if labels[row] >= 0 else ()
        encoded.append(_encoded(example_id, alone[row][:start], answer, labels[row], tuple(first)))
    return encoded


def _encode_answers(
    examples: pd.DataFrame, tokenizer: PreTrainedTokenizerBase, task: TaskView, answers: Mapping[str, str]
) -> list[Encoded]:
    """A generative task: the gold (or taught) answer, closed by end-of-sequence, at most `max_answer_tokens` long.

    An answer that is longer is cut and not closed, so a student is not taught to stop there.
    """
    if tokenizer.eos_token_id is None:
        raise DataError("the tokenizer has no end-of-sequence token, so a generated answer could never end")
    gold = [accepted[0] if len(accepted) else None for accepted in examples["answers"]]
    texts = [answers.get(example_id, text) for example_id, text in zip(examples["example_id"], gold, strict=True)]
    prompts = list(examples["prompt"])
    alone = _tokenize(tokenizer, prompts)
    # What a prompt's last characters become depends on what follows (a trailing space joins the next word), but a model
    # that is asked does not know what follows: only the tokens that survive any word belong to the prompt.
    probed = _tokenize(tokenizer, [_join(prompt, "a") for prompt in prompts])
    whole = _tokenize(tokenizer, [_join(prompt, text or "") for prompt, text in zip(prompts, texts, strict=True)])
    encoded, cut = [], 0
    for row, example_id in enumerate(examples["example_id"]):
        start = min(_common_prefix(alone[row], probed[row]), _common_prefix(alone[row], whole[row]))
        answer: tuple[int, ...] = ()
        if texts[row] is not None:
            answer = (*_without_eos(whole[row], tokenizer)[start:], tokenizer.eos_token_id)
            cut += len(answer) > task.max_answer_tokens
        encoded.append(_encoded(example_id, alone[row][:start], answer[: task.max_answer_tokens]))
    if cut:
        say(f"{cut} of {len(encoded)} answers lose their end (max_answer_tokens: {task.max_answer_tokens})")
    return encoded


def _encoded(
    example_id: str, prompt: list[int], answer: tuple[int, ...], label: int = -1, choices: tuple[int, ...] = ()
) -> Encoded:
    if not prompt:
        raise DataError(f"example {example_id}: the prompt has no tokens, so nothing can predict an answer")
    # The last answer token is predicted, never read.
    return Encoded(example_id, (*prompt, *answer[:-1]), label, answer, len(prompt) - 1, choices)


def _shorten(encoded: list[Encoded], tokenizer: PreTrainedTokenizerBase, task: TaskView) -> list[Encoded]:
    """Cut prompts at their left end to `max_input_tokens`, keeping a leading beginning-of-sequence token."""
    shortened, cut = [], 0
    for item in encoded:
        surplus = item.answer_start + 1 - task.max_input_tokens
        if surplus > 0:
            cut += 1
            head = item.input_ids[:1] if item.input_ids[0] == tokenizer.bos_token_id else ()
            ids = (*head, *item.input_ids[surplus + len(head) :])
            item = replace(item, input_ids=ids, answer_start=task.max_input_tokens - 1)
        shortened.append(item)
    if cut:
        say(f"{cut} of {len(encoded)} prompts lose their beginning (max_input_tokens: {task.max_input_tokens})")
    return shortened


def _join(prompt: str, answer: str) -> str:
    """The answer behind the prompt, white space between them once: the prompt's own, or the answer's, or a blank."""
    if not answer or not prompt:
        return prompt + answer
    if prompt[-1].isspace():
        return prompt + answer.lstrip()
    return prompt + answer if answer[0].isspace() else f"{prompt} {answer}"


def _tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str] | pd.Series) -> list[list[int]]:
    # An empty list is not a batch for every tokenizer. verbose=False: lengths are our business, see above.
    return tokenizer(list(texts), verbose=False)["input_ids"] if len(texts) else []


def _without_eos(tokens: list[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Some tokenizers close every text; whether an answer is closed is decided here alone."""
    return tokens[:-1] if tokens and tokens[-1] == tokenizer.eos_token_id else tokens


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
