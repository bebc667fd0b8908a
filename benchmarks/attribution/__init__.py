"""How often the rules that say whose fault a failure is are right."""
