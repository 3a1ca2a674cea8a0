"""`python -m affectfuse` is `affectfuse`."""

from affectfuse.cli import main

main()
