"""What a run says, in sentences: rules over the tables, each with its number, its proof and what to do. See docs/findings.md."""
