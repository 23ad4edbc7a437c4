"""Uploads a photo for a user and waits until it is analysed. Prints one JSON object.

    OCELLI_SERVICE_SECRET=... python3 upload_photo.py --user USER_ID [--auth HOST:PORT] [--library HOST:PORT] PHOTO
"""

import argparse
import json
import os
import pathlib
import sys
import time

import grpc

from ocelli_grpc import connect, upload

ENDED = {"SUCCEEDED", "FAILED", "SKIPPED"}


def stages_of(photo):
    kind = type(photo).DESCRIPTOR.file.enum_types_by_name["StageStatus"]
    names = kind.values_by_number
    return {each.stage: names[each.status].name.removeprefix("STAGE_STATUS_") for each in photo.stages}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("photo", type=pathlib.Path)
    options.add_argument("--user", required=True, help="id of the user who will own the photo")
    options.add_argument("--client", default="importer", help="name of the service account")
    options.add_argument("--auth", default="127.0.0.1:7001")
    options.add_argument("--library", default="127.0.0.1:7002")
    options.add_argument("--wait", type=float, default=60, help="seconds to wait for the analysis")
    given = options.parse_args()
    secret = os.environ["OCELLI_SERVICE_SECRET"]
    library = connect("ocelli.library.v1.LibraryService", given.library, given.auth, given.client, secret, given.user)
    try:
        stored = upload(library, given.photo)
        photo, deadline = stored.photo, time.monotonic() + given.wait
        while not ENDED.issuperset(stages_of(photo).values()) and time.monotonic() < deadline:
            time.sleep(0.25)
            photo = library.call("GetPhoto", library.request("GetPhoto", photo_id=photo.id)).photo
    except grpc.RpcError as error:
        # The reason is in the trailing metadata as google.rpc.ErrorInfo; the code and the sentence suffice here.
        sys.exit(f"{error.code().name}: {error.details()}")
    print(json.dumps({"id": photo.id, "duplicate": stored.duplicate, "stages": stages_of(photo)}))


main()
