"""The gateway: what Cosmos wallets ask over gRPC and REST, answered from a node's RPC.

A process of its own without state, so that no number of wallets is felt by consensus. Promises that
connections, sizes, times and calls to the node are bounded, and that it decides nothing: it
translates what it is asked, and what the node answers.

errors        statuses of gRPC, and what they are in HTTP
node          calls to the node, few at a time
answers       methods that the chain answers itself
blocks, txs   methods that need the node's blocks and its index
methods       all methods by their path
json_form     messages as the JSON that wallets expect, and back from queries of an address
routes        addresses of REST, and the method that each one is of
http_server   a small HTTP/1.1 server with limits
rest, grpc_server   the two servers
"""
