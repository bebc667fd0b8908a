"""Tool calls one by one: execution, errors, arguments, repetition, order."""
