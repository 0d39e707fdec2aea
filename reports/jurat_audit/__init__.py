"""The audit: run every link of the chain of evidence, and write down what holds.

Start with `audit`, which is the course of events.  `link` is the shape of an answer,
`links` has one module for each link, `requirements` turns answers into verdicts, `report`
and `page` write them down.  `cli` is the `jurat` command.
"""
