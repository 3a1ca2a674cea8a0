"""Reading with true timestamps; faces; alignment; writing. Alone knows PyAV and MediaPipe."""
