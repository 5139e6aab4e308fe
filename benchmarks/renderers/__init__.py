"""Renderers of the same towers: boxes on a ground, one camera, one distant light, hard shadows.

Every module has `pictures(scenes)`, which yields (224, 224, 3) uint8 for ever, scene after scene. A
renderer may set up its scenes before the first picture, so that only drawing is measured.
"""
