"""Reading video and audio with true timestamps; faces; alignment; writing. Only this room knows PyAV and MediaPipe."""
