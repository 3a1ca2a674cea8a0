"""affectfuse: several kinds of evidence of a person's emotional state, fused; sessions scored.

Importing the package has no side effect and loads none of the heavy libraries.
"""

__version__ = "0.1.0"
