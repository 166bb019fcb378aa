"""What the receiver costs, counted in instructions: `make bench`. What pages of lists cost, counted in calls: `make lists`.

What a flood of forged webhooks costs: `make flood`. What an order costs by its size: `make sizes`.
"""
