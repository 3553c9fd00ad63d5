"""How a package is built, read from its sources: its folders, and which file imports which."""
