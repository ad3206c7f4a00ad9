"""Carbon charges from a file, statements, and factor files, by the functions of the chain."""
