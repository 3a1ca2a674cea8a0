"""Training: Lightning module and data module, metrics, calibration. Only this room knows Lightning."""
