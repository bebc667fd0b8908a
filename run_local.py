"""Run tau2-bench and write its log: `python run_local.py --domains retail --log-level PROFILE`."""

from tau2_logging.cli.run_local import main

if __name__ == "__main__":
    main()
