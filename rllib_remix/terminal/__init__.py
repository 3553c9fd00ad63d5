"""What the screen can show, and how lines, notes and errors get there."""
