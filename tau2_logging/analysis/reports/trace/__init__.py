"""The encoding of Perfetto traces."""
