"""Sends a recording in viewal's own layout to a live server, as a camera would.

python live_client.py FOLDER ws://127.0.0.1:8700/ingest        (needs pyarrow and websockets)
"""
import collections, json, pathlib, sys
import pyarrow as pa
from websockets.sync.client import connect

folder, url = pathlib.Path(sys.argv[1]), sys.argv[2]
settings = json.loads((folder / "recording.json").read_text())
SCHEMA = pa.schema(
    [(name, pa.utf8()) for name in ("scene", "frame", "depth_encoding")]
    + [(name, pa.float64()) for name in ("timestamp", "depth_scale", "fx", "fy", "cx", "cy")]
    + [("camera_to_world", pa.list_(pa.float64(), 16))]
    + [(name, pa.binary()) for name in ("colour", "depth", "label")])

def message(pose_file: pathlib.Path, index: int) -> bytes:
    """One frame, as an Arrow IPC stream of one record batch of one row."""
    scene, frame = pose_file.parent, pose_file.name.removesuffix(".pose.txt")
    own = scene / "intrinsics.json"
    camera = json.loads(own.read_text()) if own.exists() else settings["intrinsics"]
    label = scene / f"{frame}.label.png"
    row = {"scene": scene.name, "frame": frame, "timestamp": index / 30,
           "colour": next(scene.glob(f"{frame}.color.*")).read_bytes(), "depth_encoding": "png16",
           "depth": (scene / f"{frame}.depth.png").read_bytes(), "depth_scale": settings.get("depthScale", 1000),
           **{key: camera[key] for key in ("fx", "fy", "cx", "cy")},
           "camera_to_world": [float(number) for number in pose_file.read_text().split()],
           "label": label.read_bytes() if label.exists() else None}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([row], schema=SCHEMA))
    return sink.getvalue().to_pybytes()

with connect(url, compression=None) as server:
    credit, unanswered, outcomes = json.loads(server.recv())["frames"], 0, collections.Counter()
    frames = collections.deque(enumerate(sorted(folder.glob("*/*.pose.txt"))))
    while frames or unanswered:
        if frames and unanswered < credit:  # as many as the server allows may be on their way
            index, pose_file = frames.popleft()
            server.send(message(pose_file, index))
            unanswered += 1
            continue
        ack = json.loads(server.recv())
        unanswered -= 1
        outcomes[ack["status"]] += 1
        if ack["status"] == "refused":
            print(ack["scene"], ack["frame"], ack["reason"], file=sys.stderr)
print(json.dumps(outcomes))
