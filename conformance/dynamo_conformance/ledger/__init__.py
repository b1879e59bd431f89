"""The ledger: for each file of an examples tree and each level, what has been proven, or why not.

It is one checked-in file. A row is about bytes: those of the file and of the files it names, served
by one Dynamo release, and where an engine was played, by one version of the mock engine. When the
bytes or the release are others, the row says nothing any more, and `audit` complains.

The mock engine's version is told, and does not end a row. What was seen was seen; and whoever
changes the mock engine serves every example with the changed one in the same CI run, which is
compared with the ledger check by check (`--dynamo-compare`): a mock engine that shows less than the
rows say is found by running it, and one that shows the same is no news.
"""
