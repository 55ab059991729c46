"""What a bucket holds of a lake, looked at with a plain client."""


def marks(bucket):
    """Return the names of all files, in order."""
    listed = bucket.client().list_objects(bucket.bucket, bucket.prefix, recursive=True)
    keys = sorted(found.object_name for found in listed if found.object_name.endswith(".parquet"))
    return [key.removeprefix(bucket.prefix) for key in keys]


def mirrored(bucket, folder):
    """Download every file into a folder laid out as an embedded lake; return the folder."""
    for mark in marks(bucket):
        bucket.client().fget_object(bucket.bucket, bucket.key(mark), str(folder / mark))
    return folder


def emptied(bucket):
    """Take every file away."""
    for mark in marks(bucket):
        bucket.client().remove_object(bucket.bucket, bucket.key(mark))
