"""DLMS/COSEM: what meters push, how it is framed, ciphered and laid out in lists of values."""
