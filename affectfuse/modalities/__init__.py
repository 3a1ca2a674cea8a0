"""Modalities: each turns observations into tracks and samples, and samples into embeddings."""
