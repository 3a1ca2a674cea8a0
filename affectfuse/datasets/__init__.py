"""Data sets: each lists recordings, who is in them, and what is known of them."""
