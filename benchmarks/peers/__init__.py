"""Other people's loaders, each doing the same job: JPEG files to normalised float batches.

Every module has `prepare(images, folder)`, which puts the files into the format that the peer likes
best, and `batches(folder, threads)`, which yields arrays (N, 3, 448, 448) float32 for ever.
"""
