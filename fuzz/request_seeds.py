"""What clients send to `mien serve`, as seeds."""

MULTIPARTS = {
    "immich.txt": "--b\r\nContent-Disposition: form-data; name=\"entries\"\r\n\r\n{\"facial-recognition\":{}}\r\n"
                  "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"blob\"\r\n"
                  "Content-Type: application/octet-stream\r\n\r\n\xff\xd8\xff\r\n--b--\r\n",
    "quotes.txt": "\r\n--b \t\r\ncontent-disposition: form-data; name=a; filename=\"x \\\"y\\\" z\"\r\n\r\n"
                  "\r\n--a\r\n--\r\n-\r\n--b--",
    "empty.txt": "--b--\r\n",
    "truncated.txt": "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nbytes\r\n--",
}

ENTRIES = {
    "faces.json": '{"facial-recognition":{"detection":{"modelName":"buffalo_l","options":{"minScore":0.7}},'
                  '"recognition":{"modelName":"buffalo_l"}}}',
    "clip.json": '{"clip":{"visual":{"modelName":"ViT-B-32__openai"}}}',
    "ocr.json": '{"ocr":{"detection":{"modelName":"a","options":{"minScore":0.8,"maxResolution":736}}}}',
    "detection.json": '{"facial-recognition":{"detection":{"modelName":"\\u00e4\\ud83d\\ude00","options":null}}}',
    "two.json": '{"clip":{},"facial-recognition":[[[1e3,-0.5,true]]]}',
}

FIELDS = {
    "face.txt": 'face\n{"left":12,"top":9,"right":48,"bottom":52,"detection_confidence":0.99}',
    "box.txt": 'face\n{"left":-1e3,"top":0.5,"right":1000000,"bottom":[1]}',
    "hashes.txt": 'image_hashes\n[{"phash":"f0e1d2c3","index":0},{"phash":"\\u00e4","index":7}]',
    "twice.txt": 'image_hashes\n[{"phash":"a","index":1},{"phash":"b","index":1}]',
    "quality.txt": "min_face_quality\n 0.55",
    "margin.txt": "face_margin\n2e-1",
    "flag.txt": "require_face\nTrue",
}

HTTP_HEADS = {
    "get.txt": "GET /healthz?a=%41+b&c HTTP/1.1\r\nHost: localhost:8765\r\nAccept: */*\r\n\r\n",
    "post.txt": "POST /v1/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\nContent-Length: 12\r\n"
                "Expect: 100-continue\r\nAuthorization: Bearer x\r\nX-Request-Id: a.b\r\n\r\n",
    "chunked.txt": "POST / HTTP/1.1\r\nHost: [::1]:1\r\nTransfer-Encoding: chunked\r\nOrigin: null\r\n"
                   "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
    "old.txt": "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\nSec-Fetch-Site: cross-site\r\n\r\n",
    "smuggled.txt": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
}
