"""The composition root: settings from the environment, AWS clients, and the services built of them.

Only here is the environment read and are AWS clients made (the receiver, whose start is a matter of correctness, has its
own few lines in its function).
"""
