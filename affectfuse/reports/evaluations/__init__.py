"""Pages and tables of evaluations and cross-validations."""
