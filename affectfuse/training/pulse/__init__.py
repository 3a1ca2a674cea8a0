"""The network that reads the pulse from camera colours."""
