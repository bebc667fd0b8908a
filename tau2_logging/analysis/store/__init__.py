"""Columns of events, and how long they are kept.

`column_types` says how each column is held and which values it can hold; `event_store` has a table of columns for each type of event, in
memory or in files; `column_cache` keeps them for the next analysis of the same bytes. `file_counts` says how reading a file went.
"""
