"""Judging a model against labels."""
