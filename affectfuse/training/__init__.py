"""What learns: fused models, recognisers of clips, the spotter, the pulse network. Alone knows
Lightning; here lies what all of them share: fitting, folds, recipes."""
