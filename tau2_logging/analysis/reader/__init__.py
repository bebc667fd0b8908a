"""From bytes to typed columns.

`sources` yields a file's blocks of whole lines. `block_reader` types most lines of a block at once, with polars; what it leaves, `lines`
reads one by one: it is the reference, and knows the older runner's dialects (`legacy`). `file_reader` puts both into an `EventStore`.
"""
