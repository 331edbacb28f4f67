"""What the categories are made of: steps, idioms and loops that several of them take."""
