"""Files that are whole or not there, and the text files that users write."""
