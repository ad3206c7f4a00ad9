"""How formats write down times, values and documents, and what detects damage."""
