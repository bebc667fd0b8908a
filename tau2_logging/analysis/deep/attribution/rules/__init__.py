"""The rules that say whose fault a failure is, by whose fault."""
