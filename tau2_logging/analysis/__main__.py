"""`python -m tau2_logging.analysis`, which people try: it says what the command is."""

from tau2_logging.invocation import ANALYZE, command
from tau2_logging.leaving import leave, tell

if __name__ == "__main__":
    tell(f"tau2_logging.analysis is a library; the command is: {command(ANALYZE)} LOG")
    leave(2)
