"""Tests and intervals for one session: permutations, sign flips, detection, several channels."""
