"""kd3: feature distillation.

    L = (1 - alpha) CE(y, student) + weight F + alpha T^2 KL(teacher_T, student_T)

    F = mean over examples and pairs of layers (i, j) of  || u(W_i s_i + b_i) - u(t_j) ||^2

with s_i, t_j the hidden states of student and teacher, W_i, b_i a learned projection to the teacher's width, and u(x) =
x / |x| (Sun et al. 2019, "Patient knowledge distillation for BERT model compression"); with `distance: plain` u(x) = x
and the mean over dimensions (Romero et al. 2015, "FitNets: hints for thin deep nets", eq. 3). States are those at the
text's last position, or their mean over it, which needs no common tokenizer; or those at each position.

The teacher's states are standardised first, dimension by dimension over all stored examples (whitened targets: Wei et al.
2022, "Contrastive learning rivals masked image modeling in fine-tuning via feature distillation"). The states of a
language model share one large direction (in the demo 97 % of the squared length of a unit state), and a student that
learns it alone, and becomes constant, is close to the optimum of F on raw states. `states: raw` leaves them.

The last term is kd1's on labels, left out by alpha = 0.
"""

from pathlib import Path

from safetensors import safe_open

from potstill.artefacts import verify
from potstill.methods.interface import Method, Setup, Term
from potstill.methods.terms.features import Features, layer_pairs
from potstill.methods.terms.gold import Gold
from potstill.methods.terms.labels import LabelDivergence
from potstill.plan.methods.kd3 import Options
from potstill.targets.layout import HIDDEN
from potstill.targets.read import read_hidden_states, read_label_logits


def build(options: Options, setup: Setup) -> Method:
    """Cross-entropy, hidden states, and label logits if asked for."""
    shards = setup.shards["hidden_states"]
    pairs = layer_pairs(options.layer_map, setup.n_layers, _stored_layers(shards[0]))
    reader = read_hidden_states(shards, sorted({above for _, above in pairs}), tokenizer=setup.tokenizer)
    features = Features(reader, pairs, options.pooling, options.distance, options.states, setup)
    terms: dict[str, tuple[float, Term]] = {
        "ce": (1 - options.alpha, Gold(setup.architecture)),
        "feature": (options.weight, features),
    }
    if options.alpha > 0:
        logits = read_label_logits(setup.shards["label_logits"], centre=setup.centre)
        terms["kd"] = (options.alpha * options.temperature**2, LabelDivergence(logits, options.temperature))
    return Method(terms, modules=features.projections, with_hidden=True)


def _stored_layers(shard: Path) -> list[int]:
    verify(shard, [HIDDEN])
    with safe_open(shard / HIDDEN, framework="pt") as stored:
        return sorted(int(name.rpartition("_")[2]) for name in stored.keys())  # noqa: SIM118
