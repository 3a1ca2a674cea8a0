"""Fused models: samples, one training, inner folds, cross-validation, tests of a checkpoint."""
