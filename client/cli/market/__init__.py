"""Order books and clearings, checked by the functions of the chain itself."""
