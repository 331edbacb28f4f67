"""From a drawn program to Python text: names, spellings, statements and layout."""
