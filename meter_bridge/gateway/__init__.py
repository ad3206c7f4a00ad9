"""A gateway: reads meters, signs their readings with their keys, and sends them to a bridge.

    config      one TOML file, read strictly
    collector   from telegrams to the signed reading of a slot
    sums        registers for meters that show none (pure)
    store       signed readings on disk, until the bridge has acknowledged them, and notes
    sender      pushes them
    run         assembles all of it

It promises: a reading is on disk before it is sent, there is never another one of the same meter
and slot, and none is lost through a crash of gateway or bridge, or weeks without a connection.
"""
