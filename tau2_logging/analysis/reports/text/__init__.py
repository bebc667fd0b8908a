"""Tables as text, for the terminal and Markdown."""
