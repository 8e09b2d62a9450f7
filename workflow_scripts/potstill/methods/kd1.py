"""kd1: logit distillation.

    L = (1 - alpha) CE(y, student) + alpha T^2 D(teacher_T, student_T)

Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network", section 2, with alpha as the weight of the
distillation term and D a true divergence: forward KL, reverse KL (Gu et al. 2024) or the generalised JSD (Agarwal et
al. 2024). p_T = softmax(z / T); T^2 keeps the size of the gradient, which falls as 1 / T^2.

On labels, D is over the classes, and unlabelled examples count in it, too. On tokens, D is over the vocabulary at each
answer position, from the teacher's stored top K and one bucket for its tail.

With `alignment: uld` (Boizard et al. 2024, "Towards cross-tokenizer distillation") teacher and student may have
different vocabularies: D is the distance of the sorted probabilities, at the i-th answer position of both. Its gradient
falls as 1 / T, so its factor is T.
"""

from potstill.methods.interface import Method, Setup, Term
from potstill.methods.terms.gold import Gold
from potstill.methods.terms.labels import LabelDivergence
from potstill.methods.terms.tokens import SortedTokens, TokenDivergence
from potstill.plan.methods.kd1 import Options, level
from potstill.targets.read import read_label_logits, read_token_logits


def build(options: Options, setup: Setup) -> Method:
    """Cross-entropy and one distillation term."""
    factor, term = _distillation(options, setup)
    return Method({"ce": (1 - options.alpha, Gold(setup.architecture)), "kd": (options.alpha * factor, term)})


def _distillation(options: Options, setup: Setup) -> tuple[float, Term]:
    """The factor that keeps the gradient's size, and the term."""
    t = options.temperature
    if level(options, setup.task.kind) == "labels":
        labels = read_label_logits(setup.shards["label_logits"], centre=setup.centre)
        return t**2, LabelDivergence(labels, t, options.divergence, options.beta)
    shards = setup.shards["token_logits"]
    if options.alignment == "uld":
        return t, SortedTokens(read_token_logits(shards, t, by_index=True), t)
    tokens = read_token_logits(shards, t, tokenizer=setup.tokenizer)
    return t**2, TokenDivergence(tokens, t, options.divergence, options.beta)
