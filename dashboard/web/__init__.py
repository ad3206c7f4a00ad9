"""The web server: calls over HTTP, who may make them, and the files of the pages.

calls      the calls of the definitions, each with the function that answers it
app        from a request to an answer; `rights` decides, `forms` reads and writes
sessions   who has signed in, by `adr36`, or has a pass
stream     what changes, as server-sent events
guard      headers, origins, sizes and rates; `connections` limits what comes before
files      the files of the pages
"""
