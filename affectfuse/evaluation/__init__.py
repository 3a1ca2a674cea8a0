"""Estimates held against references: how far off they are, and how sure one may be of that.

    data set -> tracks (one streaming path) -> pairs (a protocol) -> metrics -> result

No torch.
"""
