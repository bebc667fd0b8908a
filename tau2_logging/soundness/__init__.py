"""Which tasks are sound: the audit that is shipped, or one that `audit` wrote. Standard library only: reports and runs both read it."""
