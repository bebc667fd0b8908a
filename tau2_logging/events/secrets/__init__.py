"""Which parts of a text are credentials, and the text without them."""
