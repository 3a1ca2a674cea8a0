"""Reactions: what every channel did at every question, in the field's windows.

tracks, estimates -> Channel (a feature at any moments) -> Reaction (question x channel)
"""
