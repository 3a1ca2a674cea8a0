"""Heart rate from video: regions -> colours -> pulse -> tracked heart rate with a confidence."""

from affectfuse.modalities.heart_rate.learned import LearnedHeartRate
from affectfuse.modalities.heart_rate.modality import HeartRate

__all__ = ["HeartRate", "LearnedHeartRate"]
