"""Fusion heads: embeddings of whichever modalities are present in, one estimate out."""
