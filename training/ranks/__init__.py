"""A job of several processes, on one machine or several: the first does the job, the others help it to fine-tune.

torchrun starts all of them alike. The first one reads labels, chooses among strategies, measures, tells of its progress
and writes the checkpoint, as it would alone. The others wait for orders: to take part in one training, with the model,
the texts and the settings that the first one names. Gradients are averaged by torch (DDP) as transformers' Trainer has
it; a batch is dealt out among the processes, so that what is learnt is what one process would learn. A model that does
not fit one card is divided among them as well (FSDP2).
"""
