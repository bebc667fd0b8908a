"""The tables of a run as text: a module a subject, put together in `groups`."""
