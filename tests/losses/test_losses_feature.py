"""Hidden-state distances against their definitions."""

import torch
import torch.nn.functional as F
from potstill.losses.feature import normalised, plain

torch.set_num_threads(1)


def test_normalised_is_two_minus_two_cosines_and_ignores_scale():
    s, t = torch.randn(6, 16), torch.randn(6, 16)
    torch.testing.assert_close(normalised(s, t), 2 - 2 * F.cosine_similarity(s, t), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(normalised(3 * s, 0.1 * t), normalised(s, t), rtol=1e-4, atol=1e-5)
    assert torch.all(normalised(s, 2 * s) < 1e-6)
    torch.testing.assert_close(normalised(s, -s), torch.full((6,), 4.0))


def test_plain_is_the_mean_squared_error_of_each_row():
    s, t = torch.randn(6, 16), torch.randn(6, 16)
    torch.testing.assert_close(plain(s, t), torch.stack([F.mse_loss(a, b) for a, b in zip(s, t, strict=True)]))


def test_half_precision_is_widened_first():
    s, t = torch.randn(6, 16).half(), torch.randn(6, 16).half()
    assert plain(s, t).dtype == normalised(s, t).dtype == torch.float32
    torch.testing.assert_close(plain(300 * s, t), plain(300 * s.float(), t.float()), rtol=2e-3, atol=0)


def test_a_zero_vector_has_a_finite_gradient():
    s = torch.zeros(1, 4, requires_grad=True)
    normalised(s, torch.ones(1, 4)).sum().backward()
    assert torch.isfinite(s.grad).all()
