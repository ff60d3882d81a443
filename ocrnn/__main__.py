"""`python -m ocrnn` is `ocrnn`."""

from __future__ import annotations

from ocrnn.cli.main import main

if __name__ == "__main__":
    main()
