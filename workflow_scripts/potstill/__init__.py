"""Potstill: knowledge distillation of language models as a reproducible workflow."""
