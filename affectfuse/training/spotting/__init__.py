"""The network that spots expressions in long video."""
