"""Divergences against scipy, closed forms, limits and autograd. Numbers of the pitfalls: docs of the loss files."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from potstill.losses.cross_entropy import cross_entropy
from potstill.losses.divergence import divergence, forward_kl, jsd, kl, log_softmax, reverse_kl
from scipy.special import rel_entr
from scipy.special import softmax as scipy_softmax

torch.set_num_threads(1)
KINDS = ("forward_kl", "reverse_kl", "jsd")
seeds = st.integers(0, 2**32 - 1)


def logits(seed: int, n: int = 4, v: int = 7, scale: float = 3.0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (scale * torch.randn(n, v, generator=torch.Generator().manual_seed(seed))).to(dtype)


def test_hand_numbers_in_both_directions():
    p, q = torch.tensor([[0.7, 0.2, 0.1]]).log(), torch.tensor([[0.1, 0.3, 0.6]]).log()
    forward = 0.7 * math.log(7) + 0.2 * math.log(2 / 3) + 0.1 * math.log(1 / 6)
    backward = 0.1 * math.log(1 / 7) + 0.3 * math.log(3 / 2) + 0.6 * math.log(6)
    assert forward_kl(p, q).item() == pytest.approx(forward, rel=1e-6)
    assert reverse_kl(p, q).item() == pytest.approx(backward, rel=1e-6)
    assert abs(forward - backward) > 0.05


@given(seeds, seeds, st.sampled_from([0.5, 1.0, 2.0, 8.0]))
def test_both_directions_against_scipy(a, b, temperature):
    t, s = logits(a), logits(b)
    p = scipy_softmax(t.double().numpy() / temperature, axis=-1)
    q = scipy_softmax(s.double().numpy() / temperature, axis=-1)
    log_p, log_q = log_softmax(t, temperature), log_softmax(s, temperature)
    np.testing.assert_allclose(forward_kl(log_p, log_q), rel_entr(p, q).sum(-1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reverse_kl(log_p, log_q), rel_entr(q, p).sum(-1), rtol=1e-4, atol=1e-5)
    m = 0.3 * p + 0.7 * q
    expected = 0.3 * rel_entr(p, m).sum(-1) + 0.7 * rel_entr(q, m).sum(-1)
    np.testing.assert_allclose(jsd(log_p, log_q, 0.3), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_zero_for_equal_distributions_and_never_negative(kind):
    for seed in range(200):
        t = log_softmax(logits(seed))
        near = log_softmax(logits(seed) + 1e-4 * logits(seed + 1))
        assert divergence(kind, t, t, 0.5).abs().max() <= 1e-7
        assert divergence(kind, t, near, 0.5).min() >= -1e-7


def test_cross_entropy_less_entropy_is_forward_kl():
    log_p, log_q = log_softmax(logits(0)), log_softmax(logits(1))
    soft_cross_entropy = F.cross_entropy(logits(1), log_p.exp(), reduction="none")
    entropy = -(log_p.exp() * log_p).sum(-1)
    torch.testing.assert_close(forward_kl(log_p, log_q), soft_cross_entropy - entropy)


def test_temperature_squared_keeps_the_gradient():
    """T^2 KL tends to half the variance over the vocabulary of the logits' difference, its gradient to a constant."""
    t, s = logits(0, dtype=torch.float64), logits(1, dtype=torch.float64).requires_grad_()
    limit = 0.5 * (t - s).var(-1, unbiased=False)
    norms = {}
    for temperature in (1.0, 10.0, 100.0, 1000.0):
        loss = temperature**2 * forward_kl(log_softmax(t, temperature), log_softmax(s, temperature))
        norms[temperature] = torch.autograd.grad(loss.sum(), s)[0].norm().item()
    torch.testing.assert_close(loss, limit, rtol=2e-2, atol=1e-6)
    assert norms[100.0] == pytest.approx(norms[1000.0], rel=0.05)
    expected = ((s - t) - (s - t).mean(-1, keepdim=True)).detach() / s.shape[-1]
    assert norms[1000.0] == pytest.approx(expected.norm().item(), rel=0.02)


def test_gradient_of_forward_kl_is_q_minus_p():
    t, s = logits(0, dtype=torch.float64), logits(1, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(forward_kl(log_softmax(t), log_softmax(s)).sum(), s)
    torch.testing.assert_close(gradient, (s.softmax(-1) - t.softmax(-1)).detach())


@given(seeds, seeds)
def test_jsd_symmetry_bound_and_limits(a, b):
    p = log_softmax(logits(a, dtype=torch.float64))
    q = log_softmax(logits(b, dtype=torch.float64))
    torch.testing.assert_close(jsd(p, q, 0.5), jsd(q, p, 0.5))
    torch.testing.assert_close(jsd(p, q, 0.2), jsd(q, p, 0.8))
    assert (jsd(p, q, 0.5) <= math.log(2) + 1e-12).all()
    # The limit is reached where beta times the largest ratio of probabilities is small: milder logits than above.
    p, q = (log_softmax(logits(seed, scale=1.0, dtype=torch.float64)) for seed in (a, b))
    torch.testing.assert_close(jsd(p, q, 1e-9) / 1e-9, forward_kl(p, q), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(jsd(p, q, 1 - 1e-9) / 1e-9, reverse_kl(p, q), rtol=1e-3, atol=1e-5)


def test_jsd_reaches_log_2_for_disjoint_distributions():
    p = torch.tensor([[0.0, -torch.inf]])
    q = torch.tensor([[-torch.inf, 0.0]])
    assert jsd(p, q, 0.5).item() == pytest.approx(math.log(2), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_added_to_the_logits_changes_nothing(kind):
    t, s = logits(0), logits(1)
    moved = divergence(kind, log_softmax(t + 50), log_softmax(s - 30), 0.3)
    torch.testing.assert_close(divergence(kind, log_softmax(t), log_softmax(s), 0.3), moved, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_padded_vocabulary_changes_neither_value_nor_gradient(kind):
    t, s = logits(0), logits(1).requires_grad_()
    plain = divergence(kind, log_softmax(t), log_softmax(s), 0.5)
    (gradient,) = torch.autograd.grad(plain.sum(), s)
    wide = s.detach().clone().requires_grad_()
    padding = torch.full((4, 5), -torch.inf)
    padded = divergence(
        kind, log_softmax(torch.cat((t, padding), -1)), log_softmax(torch.cat((wide, padding), -1)), 0.5
    )
    torch.testing.assert_close(padded, plain)
    torch.testing.assert_close(torch.autograd.grad(padded.sum(), wide)[0], gradient)


@pytest.mark.parametrize("kind", KINDS)
def test_different_vocabularies_are_refused(kind):
    with pytest.raises(ValueError, match="different outcomes"):
        divergence(kind, log_softmax(logits(0, v=7)), log_softmax(logits(1, v=8)), 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_float32_and_half_logits_stay_near_float64_at_near_equal_distributions(kind):
    """A softmax in bf16 errs by several percent here; in float32 of the same bf16 logits it does not."""
    t = logits(0, n=16, v=500).bfloat16()
    s = (logits(0, n=16, v=500) + 0.2 * logits(1, n=16, v=500, scale=1.0)).bfloat16().requires_grad_()
    exact_s = s.detach().double().requires_grad_()
    exact = divergence(kind, log_softmax(t.double()), log_softmax(exact_s), 0.5)
    found = divergence(kind, log_softmax(t), log_softmax(s), 0.5)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=1e-7)
    (expected,) = torch.autograd.grad(exact.sum(), exact_s)
    (gradient,) = torch.autograd.grad(found.sum(), s)
    assert (gradient.double() - expected).norm() / expected.norm() < 0.005


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind):
    t, s = log_softmax(logits(0, dtype=torch.float64)), logits(1, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: divergence(kind, t, log_softmax(z), 0.3), (s,))


def test_no_positions_give_no_loss_and_a_finite_gradient():
    s = logits(0).requires_grad_()
    nothing = torch.empty(0, dtype=torch.long)
    loss = cross_entropy(s[nothing], nothing).sum() + kl(log_softmax(s[nothing]), log_softmax(s[nothing])).sum()
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(s.grad, torch.zeros_like(s))


def test_cross_entropy_is_minus_log_probability():
    s, targets = logits(0), torch.tensor([0, 6, 2, 2])
    expected = -np.log(scipy_softmax(s.double().numpy(), axis=-1))[np.arange(4), targets.numpy()]
    np.testing.assert_allclose(cross_entropy(s, targets), expected, rtol=1e-5)
