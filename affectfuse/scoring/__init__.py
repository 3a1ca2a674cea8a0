"""Session scoring: marked events, tracks and estimates in, one score a question out. No torch."""
