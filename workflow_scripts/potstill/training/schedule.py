"""The learning rate as a function of the step."""

import math

from potstill.plan.specs.train import TrainingSettings


def learning_rate_factor(step: int, total: int, settings: TrainingSettings) -> float:
    """What the peak learning rate is multiplied by at `step` (0-based) of `total`: above 0 and at most 1.

    Rises linearly over the warm-up, then stays, falls linearly, or along half a cosine. transformers' schedules begin
    with a step at rate 0, which learns nothing; here the first step is the first of warm-up + 1 equal increments.
    """
    warmup = round(settings.warmup_fraction * total)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if settings.schedule == "constant":
        return 1.0
    progress = (step - warmup) / (total - warmup)
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1 - progress
