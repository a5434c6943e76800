// node upload.js FILE ENDPOINT TOKEN METADATA: uploads FILE with tus-js-client; prints the upload's URL.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [path, endpoint, token, metadata] = process.argv.slice(2);

const upload = new Upload(createReadStream(path), {
  endpoint,
  headers: { Authorization: `Bearer ${token}` },
  metadata: JSON.parse(metadata),
  uploadSize: statSync(path).size,
  chunkSize: 10_000_000,
  retryDelays: [0, 500, 1000],
  onError: (error) => {
    console.error(String(error));
    process.exitCode = 1;
  },
  onSuccess: () => console.log(upload.url),
});
upload.start();
