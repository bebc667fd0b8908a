"""A comparison as it is read: on the terminal, as Markdown, as compare.json and as compare.html."""
