"""The kinds of files that hold recorded simulations, or what was said of them: a module a kind."""
