n = n * 2
