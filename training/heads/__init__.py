"""Fast heads: what is fitted anew after each label, on features of the champion's encoder that are computed once.

A head stands on its champion: it reads what that encoder gives and what the champion answers, and adds what the labels
since then say. Nothing here imports torch.
"""
