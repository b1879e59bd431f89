"""The ledger: for each file of an examples tree and each level, what has been proven, or why not.

It is a checked-in file. A row is about bytes: those of the file and of the files it names, served
by one Dynamo release, and where an engine was simulated, by one version of the mock engine. When
the bytes or the release are others, the row proves nothing any more, and `audit` reports it.

The mock engine's version is recorded, and does not end a row: whoever
changes the mock engine serves every example with the changed one in the same CI run, which is
compared with the ledger check by check (`--dynamo-compare`): a mock engine that shows less than the
rows say is found by running it, and one that shows the same is no news.

`tree` reads an examples tree, `content` digests what its files hold, `row` is what is proven of a
file, `ledger` reads and writes rows, `audit` compares them with the tree.
"""
