"""Top-K with a tail bucket against the dense divergence, and ULD against a sort in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from potstill.losses.divergence import divergence, forward_kl, log_softmax
from potstill.losses.topk import at_temperature, student_outcomes, teacher_outcomes
from potstill.losses.uld import uld

torch.set_num_threads(1)
KINDS = ("forward_kl", "reverse_kl", "jsd")
TEMPERATURES = (0.5, 1.0, 2.0, 8.0)


def logits(seed: int, n: int = 5, v: int = 40, scale: float = 3.0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return (scale * torch.randn(n, v, generator=torch.Generator().manual_seed(seed))).to(dtype)


def stored(logits: torch.Tensor, k: int, temperature: float) -> tuple[torch.Tensor, ...]:
    """ids, z = log p_1 of the top k, lse_T and the log mass of all others at T, as the teacher's targets keep them."""
    z = log_softmax(logits)
    values, ids = z.topk(k)
    lse = (z / temperature).logsumexp(-1)
    return ids, values, lse, (z.scatter(-1, ids, -torch.inf) / temperature).logsumexp(-1) - lse


def sparse(
    kind: str, teacher: torch.Tensor, student: torch.Tensor, k: int, temperature: float, beta: float = 0.3
) -> torch.Tensor:
    ids, log_probs, lse, tail = stored(teacher, k, temperature)
    log_p = teacher_outcomes(at_temperature(log_probs, lse, temperature), tail, teacher.shape[-1])
    return divergence(kind, log_p, student_outcomes(student, ids, temperature), beta)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_k_of_the_whole_vocabulary_is_the_dense_divergence(kind, temperature):
    t, s = logits(0), logits(1).requires_grad_()
    dense = divergence(kind, log_softmax(t, temperature), log_softmax(s, temperature), 0.3)
    found = sparse(kind, t, s, 40, temperature)
    torch.testing.assert_close(found, dense, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), s)[0], torch.autograd.grad(dense.sum(), s)[0], rtol=1e-4, atol=1e-5
    )


@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.sampled_from(TEMPERATURES))
def test_bucket_is_below_the_full_divergence_and_grows_with_k(seed, kind, temperature):
    t, s = logits(seed, dtype=torch.float64), logits(seed + 1, dtype=torch.float64)
    values = torch.stack([sparse(kind, t, s, k, temperature) for k in (1, 2, 5, 10, 20, 40)])
    dense = divergence(kind, log_softmax(t, temperature), log_softmax(s, temperature), 0.3)
    assert (values <= dense + 1e-9).all()
    assert (values.diff(dim=0) >= -1e-9).all()
    assert (values >= -1e-9).all()


@pytest.mark.parametrize("kind", KINDS)
def test_zero_for_equal_models(kind):
    t = logits(0, v=5000)
    assert sparse(kind, t, t, 64, 2.0).abs().max() < 1e-6


def test_temperature_from_stored_values_is_exact():
    """Log-probabilities at T = 1 alone would not do: the tail at T needs the stored log-sum-exp."""
    z = logits(3, v=2000)
    for temperature in TEMPERATURES:
        ids, log_probs, lse, tail = stored(z, 16, temperature)
        expected = log_softmax(z, temperature).gather(-1, ids)
        found = at_temperature(log_probs, lse, temperature)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found.exp().sum(-1) + tail.exp(), torch.ones(len(z)), rtol=1e-5, atol=1e-5)


def test_gradient_of_the_bucket():
    """On K: q_j - p_j; off K: q_j (1 - teacher's tail / student's tail)."""
    t, s = logits(0, dtype=torch.float64), logits(1, dtype=torch.float64).requires_grad_()
    ids, *_ = stored(t, 6, 1.0)
    (found,) = torch.autograd.grad(sparse("forward_kl", t, s, 6, 1.0).sum(), s)
    p, q = t.softmax(-1), s.detach().softmax(-1)
    on = torch.zeros_like(q, dtype=torch.bool).scatter(-1, ids, True)
    tails = (p * ~on).sum(-1, keepdim=True) / (q * ~on).sum(-1, keepdim=True)
    torch.testing.assert_close(found, torch.where(on, q - p, q * (1 - tails)))


def test_a_student_tail_too_small_for_float32_keeps_its_gradient():
    s = torch.cat((torch.full((1, 2), 40.0), torch.zeros(1, 8)), -1).requires_grad_()
    log_p = teacher_outcomes(torch.tensor([[0.1, 0.1]]).log(), torch.tensor([0.8]).log(), 10)
    loss = forward_kl(log_p, student_outcomes(s, torch.tensor([[0, 1]]), 1.0))
    loss.backward()
    tail = 8 * np.exp(-40) / 2
    expected = 0.2 * np.log(0.1 / 0.5) + 0.8 * np.log(0.8 / tail)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert s.grad[0, 2:].sum().item() == pytest.approx(-0.8, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", [0.0, -torch.inf])
def test_a_teacher_almost_or_wholly_without_a_tail_gives_finite_losses(kind, other):
    t = torch.cat((torch.full((2, 4), 60.0), torch.full((2, 28), other)), -1)
    s = logits(0, n=2, v=32).requires_grad_()
    loss = sparse(kind, t, s, 4, 1.0)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(s.grad).all()


def test_reverse_kl_sees_a_teacher_tail_too_small_for_one_minus_the_rest():
    """The tail's term is q log(q / p) with p = 30 exp(-30) / 2 or so: taken as 1 - the rest in float32 it would be 0."""
    t = torch.cat((torch.full((1, 2), 30.0), torch.zeros(1, 30)), -1)
    s = torch.zeros(1, 32)
    q, p = 30 / 32, 30 / (2 * np.exp(30) + 30)
    expected = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
    assert sparse("reverse_kl", t, s, 2, 1.0).item() == pytest.approx(expected, rel=1e-5)


def test_large_token_ids_reach_the_right_logits():
    vocabulary = 200_000
    ids = torch.tensor([[0, 2**16 - 1, 2**16, 2**17 - 1, 2**17, vocabulary - 1]])
    s = logits(0, n=1, v=vocabulary)
    found = student_outcomes(s, ids.to(torch.int32).long(), 1.0)
    torch.testing.assert_close(found[0, :-1], log_softmax(s)[0, ids[0]])
    assert found.exp().sum().item() == pytest.approx(1, rel=1e-5)


def test_an_id_outside_the_students_vocabulary_is_refused():
    with pytest.raises(ValueError, match=r"token 40 .* vocabulary of 40"):
        student_outcomes(logits(0), torch.full((5, 1), 40), 1.0)


def test_no_positions():
    s = logits(0).requires_grad_()
    empty = torch.empty(0, 3, dtype=torch.long)
    log_p = teacher_outcomes(torch.empty(0, 3), torch.empty(0), 40)
    loss = forward_kl(log_p, student_outcomes(s[:0], empty, 2.0)).sum()
    loss = loss + uld(torch.empty(0, 3), s[:0]).sum()
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(s.grad, torch.zeros_like(s))


@pytest.mark.parametrize(("v_teacher", "v_student"), [(30, 30), (30, 50), (50, 30)])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_uld_of_full_distributions_against_numpy(v_teacher, v_student, temperature):
    t, s = logits(0, v=v_teacher), logits(1, v=v_student)
    p = np.zeros((5, 50))
    q = np.zeros((5, 50))
    p[:, :v_teacher] = -np.sort(-log_softmax(t, temperature).exp().numpy())
    q[:, :v_student] = -np.sort(-log_softmax(s, temperature).exp().numpy())
    log_probs = log_softmax(t, temperature).topk(v_teacher).values
    np.testing.assert_allclose(uld(log_probs, s, temperature), np.abs(p - q).sum(-1), rtol=1e-4, atol=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 30))
def test_uld_from_top_k_is_off_by_at_most_the_tail(seed, k):
    t, s = logits(seed, v=30), logits(seed + 1, v=45)
    log_probs = log_softmax(t).topk(30).values
    exact, found = uld(log_probs, s), uld(log_probs[:, :k], s)
    tail = 1 - log_probs[:, :k].exp().sum(-1)
    assert ((found - exact).abs() <= tail + 1e-5).all()
    assert (found >= 0).all()
    assert (found <= 2 + 1e-5).all()


def test_uld_ignores_which_token_is_which_and_leaves_the_logits_alone():
    t, s = logits(0), logits(1)
    log_probs, before = log_softmax(t).topk(10).values, s.clone()
    torch.testing.assert_close(uld(log_probs, s), uld(log_probs, s[:, torch.randperm(40)]))
    assert torch.equal(s, before)


def test_uld_gradcheck():
    log_probs = log_softmax(logits(0)).topk(10).values
    s = logits(1).requires_grad_()
    (gradient,) = torch.autograd.grad(uld(log_probs, s).sum(), s)
    step = 1e-2 * torch.nn.functional.one_hot(torch.tensor([3]), 40)
    numeric = (uld(log_probs, s + step) - uld(log_probs, s - step)) / 2e-2
    torch.testing.assert_close(gradient[:, 3], numeric.detach(), rtol=2e-2, atol=1e-3)
