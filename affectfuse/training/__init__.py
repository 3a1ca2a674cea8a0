"""Lightning module and data module, metrics, calibration. Alone knows Lightning."""
