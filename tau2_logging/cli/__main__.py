"""`python -m tau2_logging.cli`: the same door as `python -m tau2_logging`."""

from tau2_logging.__main__ import main

if __name__ == "__main__":
    main()
