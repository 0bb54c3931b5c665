"""What runs in a Space: a model, a page to try it on, and a button to say that an answer is wrong.

It is copied into the Space's folder with what it needs of `labelwheel.training`, and knows nothing else of ours.
"""
