"""Battles by the loop: units, ground, and the rules of movement and combat, without the agents' view of them."""
