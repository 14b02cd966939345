"""Controls: is it the distilled data, the short loop, or the images seen?"""
