"""Recognisers of clips, such as micro-expressions, and their cross-validation."""
